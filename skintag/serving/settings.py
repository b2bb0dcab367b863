"""What a server runs by: `SKINTAG_SERVE_<NAME>` in the environment, or key=value on the command line."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from skintag.core.errors import ConfigError, near_matches

PREFIX: Final = "SKINTAG_SERVE_"
MB: Final = 1_000_000
_WANTED: Final = {
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_parsing": "expected a number",
}


class Settings(BaseSettings):
    """Every value has a default but the bundle; what is given to the constructor goes before the environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", allow_inf_nan=False)

    bundle: str = Field(default="", description="folder or zip of the bundle that is served")
    host: str = Field(default="127.0.0.1", description="address to listen at; 0.0.0.0 is everybody's")
    port: int = Field(default=8000, ge=0, le=65_535, description="to listen at; 0 takes a free one")
    forwarded_allow_ips: str = Field(
        default="127.0.0.1",
        description="proxies whose X-Forwarded-For and -Proto are believed, joined by commas",
    )
    api_key: SecretStr | None = Field(
        default=None, description="asked for in X-API-Key, or as a bearer token; unset: everybody may ask"
    )
    cors: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="origins of other sites that may call the API, e.g. https://a.org,https://b.org",
    )
    rate_per_minute: float = Field(
        default=120, ge=0, description="images a client may send a minute, on average; 0: any number"
    )
    rate_burst: int = Field(default=60, ge=1, description="images that a client may send at once")
    rate_clients: int = Field(default=10_000, ge=1, description="clients that are kept count of")

    queue: int = Field(default=64, ge=1, description="images that are decoded or wait; more are answered 503")
    batch_size: int = Field(
        default=16, ge=1, le=1024, description="images that go through the model at a time"
    )
    batch_wait_ms: float = Field(
        default=4,
        ge=0,
        le=1000,
        description="how long a batch waits for an image that is being decoded, milliseconds",
    )
    threads: int | None = Field(
        default=None, ge=1, description="of onnxruntime; unset: as many as there are processors"
    )
    decoders: int | None = Field(
        default=None,
        ge=1,
        description="threads that decode; unset: as many as there are processors, at most 8",
    )
    device: str = Field(default="cpu", description="of a bundle with torch weights")

    max_image_bytes: int = Field(default=20 * MB, ge=1024, description="of one image file")
    max_pixels: int = Field(default=50_000_000, ge=1024, description="of one image")
    max_images: int = Field(default=16, ge=1, description="in one request to /api/analyze/batch")
    max_body_bytes: int = Field(default=64 * MB, ge=1024, description="of one request to /api/analyze/batch")
    memory_bytes: int = Field(
        default=256 * MB,
        ge=1024,
        description="that uploads of all requests together may take; more are answered 503",
    )
    max_connections: int = Field(default=1000, ge=1, description="at a time; more are answered 503")
    header_timeout: float = Field(default=10, gt=0, description="seconds for a request's headers")
    idle_timeout: float = Field(
        default=10, gt=0, description="seconds without a byte of a body, or of an answer taken"
    )
    body_timeout: float = Field(default=60, gt=0, description="seconds for the whole of a body")
    keep_alive: float = Field(
        default=10, gt=0, description="seconds that a connection stays open without a request"
    )
    drain: float = Field(
        default=1, ge=0, description="seconds in which a server that was asked to end still takes requests"
    )
    shutdown_timeout: float = Field(default=30, gt=0, description="seconds for what is in flight at the end")

    reload_seconds: float = Field(
        default=5, ge=0, description="between looks for a newer bundle at the same path; 0: never"
    )
    web: str | None = Field(
        default=None, description="folder of the web app; unset: the one that came with SkinTag"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="the least that is logged: debug, info, warning or error"
    )

    @field_validator("api_key")
    @classmethod
    def _real_key(cls, value: SecretStr | None) -> SecretStr | None:
        # an empty variable is a secret that was not found, not a wish for none
        key = None if value is None else value.get_secret_value()
        if key is not None and key.split() != [key]:
            raise ValueError("it should be a key without spaces; leave it unset to let everybody ask")
        return value

    @field_validator("web")
    @classmethod
    def _there(cls, value: str | None) -> str | None:
        if value is not None and not (Path(value) / "index.html").is_file():
            raise ValueError("it should be a folder with index.html in it")
        return value

    @model_validator(mode="after")
    def _fits(self) -> Settings:
        if self.memory_bytes < self.max_image_bytes:
            raise ValueError(
                f"memory_bytes={self.memory_bytes} is less than max_image_bytes={self.max_image_bytes}: "
                "no such picture would ever be taken"
            )
        most = min(self.max_images, self.queue)
        if self.rate_per_minute and self.rate_burst < most:
            raise ValueError(
                f"rate_burst={self.rate_burst} is less than the {most} images that one request may hold "
                "(max_images, queue): such a request would be refused for ever"
            )
        return self

    @field_validator("cors", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("cors")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            scheme, _, rest = origin.partition("://")
            if scheme not in ("http", "https") or not rest or "/" in rest or "*" in rest:
                raise ValueError(f"{origin!r} is no origin such as https://example.org (a * allows nobody)")
        return value


def settings_from(values: Mapping[str, Any]) -> Settings:
    """Settings from the environment, and from values that go before it.

    Raises:
        ConfigError: a key that there is not, with the nearest, or a value that will not do, with what would.
    """
    for name in values:
        if name not in Settings.model_fields:
            raise ConfigError(f"no {name}: {near_matches(name, Settings.model_fields)}")
    names = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    for name in os.environ:
        if name.upper().startswith(PREFIX) and name.upper() not in names:
            raise ConfigError(f"no {name}, of the environment: {near_matches(name.upper(), names)}")
    try:
        return Settings(**values)
    except ValidationError as error:
        raise ConfigError("; ".join(_said(one, values) for one in error.errors())) from error


def parse(arguments: Sequence[str]) -> dict[str, str]:
    """`key=value` of a command line; `null` leaves a key at its default.

    Raises:
        ConfigError: something that is not key=value, or a key twice.
    """
    found: dict[str, str] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or not key:
            raise ConfigError(f"{argument!r} is not key=value, e.g. bundle=<folder> port=8000")
        if key in found:
            raise ConfigError(f"{key} is given twice")
        found[key] = value
    return {key: value for key, value in found.items() if value != "null"}


def help_lines() -> list[str]:
    """A line a setting: its name, its default, and what it is for."""
    lines = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "", ()) else str(field.default)
        lines.append(f"  {name + '=' + default:28} {field.description}")
    return lines


def _said(error: Any, values: Mapping[str, Any]) -> str:
    if not error["loc"]:
        return str(error["msg"]).removeprefix("Value error, ")
    name = str(error["loc"][0])
    where = name if name in values else f"{PREFIX}{name.upper()}"
    shown = "" if name == "api_key" else f"={error.get('input')}"
    if name not in Settings.model_fields:
        return f"no {where}: {near_matches(name, Settings.model_fields)}"
    said = _WANTED.get(error["type"]) or error["msg"].removeprefix("Value error, ").replace(
        "Input should", "it should"
    )
    return f"{where}{shown}: {said}"
