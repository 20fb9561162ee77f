"""What a call costs by list price."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ark_temporal.llm.types import Provider, Usage
from ark_temporal.wire import FrozenWire

_PER: Final = Decimal(1_000_000)

# YAML reads 0.15 as a binary float; by way of its text the price stays exact.
_Usd = Annotated[Decimal, BeforeValidator(str), Field(ge=0)]


class Cost(FrozenWire):
    """What some tokens cost.

    Attributes:
        usd: US dollars.
        as_of: The day of the price list, as YYYY-MM-DD.
    """

    usd: float
    as_of: str


class Price(BaseModel):
    """US dollars for a million tokens, by class.

    Attributes:
        input: Tokens read and not cached.
        cached_input: Tokens read from the prompt cache; None prices them as input.
        cache_write: Tokens written to the prompt cache; None prices them as input.
        output: Tokens generated, reasoning included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: _Usd
    cached_input: _Usd | None = None
    cache_write: _Usd | None = None
    output: _Usd

    def usd(self, usage: Usage) -> Decimal:
        """US dollars for some tokens."""
        plain = usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens
        cached = self.input if self.cached_input is None else self.cached_input
        written = self.input if self.cache_write is None else self.cache_write
        total = (
            max(plain, 0) * self.input
            + usage.cached_input_tokens * cached
            + usage.cache_write_tokens * written
            + usage.output_tokens * self.output
        )
        return total / _PER


class PriceList(BaseModel):
    """Prices by the beginning of a model's name.

    Attributes:
        as_of: The day the prices were looked up, as YYYY-MM-DD.
        source: Where they come from.
        models: Price by prefix; None says that the price is unknown although a shorter prefix has one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    as_of: Annotated[str, BeforeValidator(str), Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    source: str = ""
    models: Mapping[str, Price | None]


class PriceListError(ValueError):
    """A price list cannot be read."""


class Prices:
    """Price lists, of which an earlier one wins over a later one for the same prefix."""

    def __init__(self, *lists: PriceList) -> None:
        self._by_prefix: dict[str, tuple[Price | None, str]] = {}
        for prices in reversed(lists):
            self._by_prefix.update({name: (price, prices.as_of) for name, price in prices.models.items()})

    def price(self, model: str, provider: Provider, usage: Usage) -> Cost | None:
        """What some tokens of a model cost.

        The longest prefix of the model's name decides. A prefix ends where a word of the name ends: `gpt-5`
        prices `gpt-5-2025-08-07`, and neither `gpt-5.1` nor `gpt-50`. The empty prefix is for all models.

        Behind a gateway, the model's name decides all the same: the gateway's own prices are not known.

        Returns:
            The cost, 0 for the mock, or None where the price is unknown.
        """
        if provider == "mock":
            return Cost(usd=0.0, as_of=max((day for _, day in self._by_prefix.values()), default=""))
        matching = [prefix for prefix in self._by_prefix if _begins(model, prefix)]
        if not matching:
            return None
        price, as_of = self._by_prefix[max(matching, key=len)]
        return None if price is None else Cost(usd=float(price.usd(usage)), as_of=as_of)


def load_prices(path: Path | None = None) -> Prices:
    """Read prices.

    Args:
        path: A YAML or JSON file in the form of the built-in list, which wins over it; None for the
            built-in list alone.

    Raises:
        PriceListError: The file is no price list, or cannot be read.
    """
    if path is None:
        return _built_in()
    return Prices(_parse(_read(path), str(path)), _built_in_list())


def price(model: str, provider: Provider, usage: Usage) -> Cost | None:
    """What some tokens of a model cost by the built-in list. See `Prices.price`."""
    return _built_in().price(model, provider, usage)


@cache
def _built_in() -> Prices:
    return Prices(_built_in_list())


@cache
def _built_in_list() -> PriceList:
    resource = files("ark_temporal.llm").joinpath("prices.yaml")
    return _parse(resource.read_text(encoding="utf-8"), "the built-in price list")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise PriceListError(
            f"The price list {path} cannot be read ({error.strerror}); check the path."
        ) from error
    except UnicodeDecodeError as error:
        raise PriceListError(f"The price list {path} is not UTF-8; save it as UTF-8.") from error


def _parse(text: str, name: str) -> PriceList:
    # Imported here, so that workflows that only name `Cost` do not load a parser.
    import yaml

    try:
        return PriceList.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        raise PriceListError(f"{name} is not a price list: {error}") from error


def _begins(model: str, prefix: str) -> bool:
    if not model.startswith(prefix):
        return False
    rest = model[len(prefix) :]
    ends_anywhere = not prefix or prefix.endswith("-")
    return ends_anywhere or not rest or not (rest[0].isalnum() or rest[0] == ".")
