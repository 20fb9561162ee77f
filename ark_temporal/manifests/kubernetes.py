"""The two Kubernetes kinds that manifests refer to: Secret and ConfigMap."""

import base64
import binascii
from typing import ClassVar, Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from ark_temporal.manifests.base import Flag, Resource


def _decode(encoded: str) -> str | None:
    try:
        return base64.b64decode("".join(encoded.split()), validate=True).decode()
    except (binascii.Error, ValueError):
        return None


class Secret(Resource):
    """Values that must not be shown; the models keep them masked."""

    KIND: ClassVar[str] = "Secret"

    api_version: Literal["v1"] = Field(default="v1", description="Always `v1`.")
    kind: Literal["Secret"] = Field(default="Secret", description="Always `Secret`.")
    type: str = Field(default="Opaque", description="What the values are for; not interpreted.")
    data: dict[str, SecretStr] = Field(
        default_factory=dict[str, SecretStr], description="Values, each in base64."
    )
    string_data: dict[str, SecretStr] = Field(
        default_factory=dict[str, SecretStr], description="Values as they are; they win over `data`."
    )
    immutable: Flag = Field(default=False, description="Whether Kubernetes refuses changes; not interpreted.")

    @model_validator(mode="after")
    def _decodable(self) -> "Secret":
        for key, value in self.data.items():
            if key not in self.string_data and _decode(value.get_secret_value()) is None:
                raise PydanticCustomError(
                    "secret-not-base64",
                    "The value of `data.{key}` is not text in base64. Encode it, or move it to `stringData`.",
                    {"key": key},
                )
        return self

    @property
    def values(self) -> dict[str, SecretStr]:
        """The decoded values by key, masked."""
        decoded = {
            key: SecretStr(_decode(value.get_secret_value()) or "") for key, value in self.data.items()
        }
        return {**decoded, **self.string_data}


class ConfigMap(Resource):
    """Values that may be shown, such as prompts and scripts."""

    KIND: ClassVar[str] = "ConfigMap"

    api_version: Literal["v1"] = Field(default="v1", description="Always `v1`.")
    kind: Literal["ConfigMap"] = Field(default="ConfigMap", description="Always `ConfigMap`.")
    data: dict[str, str] = Field(default_factory=dict[str, str], description="Values as they are.")
    binary_data: dict[str, str] = Field(
        default_factory=dict[str, str], repr=False, description="Values in base64."
    )
    immutable: Flag = Field(default=False, description="Whether Kubernetes refuses changes; not interpreted.")

    @property
    def values(self) -> dict[str, str]:
        """The values by key; binary ones that are text are decoded."""
        texts = {key: _decode(value) for key, value in self.binary_data.items()}
        return {key: text for key, text in texts.items() if text is not None} | self.data
