from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ark_temporal.llm import Cost, PriceListError, Usage, load_prices, price

MILLION = 1_000_000
LIST = """
as_of: 2026-01-31
models:
  house: {input: 0.10, output: 1}
  house-large: {input: 2, cached_input: 0.5, cache_write: 4, output: 8}
  house-large-vision: null
  gpt-4o: {input: 100, output: 100}
  "": {input: 7, output: 7}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "prices.yaml"
    path.write_text(LIST, encoding="utf-8")
    return path


def test_prices_each_class_of_tokens(own: Path) -> None:
    usage = Usage(
        input_tokens=10 * MILLION,
        cached_input_tokens=6 * MILLION,
        cache_write_tokens=MILLION,
        output_tokens=2 * MILLION,
        reasoning_tokens=MILLION,
    )
    cost = load_prices(own).price("house-large", "openai-compatible", usage)
    assert cost == Cost(usd=3 * 2 + 6 * 0.5 + 1 * 4 + 2 * 8, as_of="2026-01-31")


def test_an_unpriced_class_costs_what_input_costs(own: Path) -> None:
    usage = Usage(input_tokens=3 * MILLION, cached_input_tokens=MILLION, cache_write_tokens=MILLION)
    cost = load_prices(own).price("house", "openai-compatible", usage)
    assert cost
    assert cost.usd == 0.3


def test_the_longest_prefix_decides(own: Path) -> None:
    prices = load_prices(own)
    million = Usage(output_tokens=MILLION)
    for model, usd in [("house-7b", 1), ("house-large-2", 8), ("housekeeper", 7), ("other", 7)]:
        cost = prices.price(model, "openai-compatible", million)
        assert cost, model
        assert cost.usd == usd, model
    assert prices.price("house-large-vision-2", "openai-compatible", million) is None


def test_an_own_list_wins_over_the_built_in_one(own: Path) -> None:
    million = Usage(input_tokens=MILLION)
    assert load_prices(own).price("gpt-4o", "openai", million) == Cost(usd=100, as_of="2026-01-31")
    assert load_prices(own).price("gpt-4.1", "openai", million) == price("gpt-4.1", "openai", million)


@pytest.mark.parametrize(
    "model", ["gpt-4o-audio-preview", "gpt-5.1", "gpt-50", "llama3.3", "claude-opus-4-5", ""]
)
def test_no_price_is_guessed(model: str) -> None:
    assert price(model, "openai-compatible", Usage(input_tokens=1)) is None


def test_dated_names_have_the_price_of_their_family() -> None:
    usage = Usage(input_tokens=1000, output_tokens=1000)
    for dated, family in [("gpt-4o-2024-08-06", "gpt-4o"), ("claude-haiku-4-5-20251001", "claude-haiku-4-5")]:
        assert price(dated, "openai", usage) == price(family, "openai", usage) is not None


def test_the_mock_is_free() -> None:
    cost = price("mock", "mock", Usage(input_tokens=MILLION))
    assert cost
    assert cost.usd == 0
    assert price("gpt-4o", "mock", Usage(input_tokens=MILLION)) == cost


@given(st.lists(st.integers(0, MILLION), min_size=3, max_size=3), st.integers(1, 9))
def test_cost_grows_with_tokens(tokens: list[int], times: int) -> None:
    plain, cached, output = tokens
    usage = Usage(input_tokens=plain + cached, cached_input_tokens=cached, output_tokens=output)
    once = price("gpt-4o", "openai", usage)
    several = price("gpt-4o", "openai", sum([usage] * times, Usage()))
    assert once
    assert several
    assert several.usd == pytest.approx(once.usd * times)


@pytest.mark.parametrize(
    "text",
    ["[", "models: {}", "as_of: soon\nmodels: {}", "as_of: 2026-01-31\nmodels: {a: {input: -1, output: 1}}"],
)
def test_a_file_that_is_no_price_list_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PriceListError, match=r"broken\.yaml"):
        load_prices(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(PriceListError, match=r"none\.yaml cannot be read \(No such file.*check the path"):
        load_prices(tmp_path / "none.yaml")
    with pytest.raises(PriceListError, match="cannot be read"):
        load_prices(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"as_of: \xe9")
    with pytest.raises(PriceListError, match="UTF-8"):
        load_prices(tmp_path / "latin.yaml")
