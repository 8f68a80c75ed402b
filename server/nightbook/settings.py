"""One Settings object, read once in the entry point and passed on.

Keys are `NIGHTBOOK_` variables or the same names, lower case, in a TOML file; a secret also as `…_FILE`.
An unknown key is an error, and a wrong value stops the start with one line that names the key.
"""

import os
import re
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from nightbook.schemas.words import SandboxLevel

_PREFIX = "NIGHTBOOK_"
_SECRETS = ("TOKEN", "SECRET_KEY", "DATABASE_URL", "BROKER_URL")
# Read by the JupyterLab extension or the tests, not by Settings.
_FOREIGN = {"NIGHTBOOK_CONFIG"}


class WrongSettings(Exception):
    """A key is unknown or its value wrong; the message is one line and names the key."""


class Settings(BaseSettings):
    """What a process of ours must know before it starts."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="forbid", frozen=True)

    home: Path = Field(default_factory=lambda: Path.home() / ".nightbook")
    database_url: str | None = None
    broker_url: str | None = None
    artifacts_url: str | None = None
    public_url: str | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8600, ge=0, le=65535)
    secret_key: SecretStr | None = None
    allowed_hosts: list[str] = []
    api_url: str | None = None
    token: SecretStr | None = None
    token_file: Path | None = None
    pool: str = "default"
    slots: int = Field(default_factory=lambda: max(1, os.cpu_count() or 1), ge=1, le=1000)
    worker_name: str | None = None
    sandbox: SandboxLevel = "process"
    sandbox_readable: list[Path] = []
    network: Literal["none", "open"] | None = None
    fork_kernels: bool = True
    cgroup: Path | None = None
    preload: list[str] = ["numpy", "pandas", "matplotlib", "pyarrow", "requests", "sqlalchemy"]
    drain_seconds: float = Field(default=600.0, ge=0)
    beat: bool = True
    chromium: str | None = None
    chromium_sandbox: Literal["auto", "none"] = "auto"
    _config: Path | None = PrivateAttr(default=None)

    @field_validator("home", mode="after")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @model_validator(mode="after")
    def _known_schemes(self) -> "Settings":
        if self.database_url and not self.database_url.startswith(
            ("sqlite:", "postgresql:", "postgresql+psycopg:")
        ):
            raise ValueError("database_url: use sqlite:/// or postgresql://")
        if self.broker_url and not self.broker_url.startswith(
            ("redis://", "rediss://", "unix://", "valkey://", "amqp://", "amqps://")
        ):
            raise ValueError("broker_url: use redis://, unix:// or amqp://")
        return self

    @model_validator(mode="after")
    def _bubblewrap_only(self) -> "Settings":
        """A promise that the chosen level cannot keep is refused, never dropped."""
        if self.sandbox != "bubblewrap" and self.network == "none":
            raise ValueError(f"network: none needs the sandbox bubblewrap, and it is {self.sandbox}")
        if self.sandbox != "bubblewrap" and self.sandbox_readable:
            raise ValueError(f"sandbox_readable: needs the sandbox bubblewrap, and it is {self.sandbox}")
        if not all(path.is_absolute() for path in self.sandbox_readable):
            raise ValueError("sandbox_readable: use absolute paths")
        if self.cgroup is not None and not self.cgroup.is_absolute():
            raise ValueError("cgroup: use an absolute path")
        return self

    @property
    def database(self) -> str:
        """The database URL; by default a SQLite file in the home folder."""
        return self.database_url or f"sqlite:///{self.home / 'nightbook.db'}"

    @property
    def artifacts(self) -> str:
        """The artifact store's fsspec URL; by default a folder in the home folder."""
        return self.artifacts_url or f"file://{self.home / 'artifacts'}"

    @property
    def api(self) -> str:
        """Where the server answers, without a trailing slash."""
        return (self.api_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def notebooks_network(self) -> Literal["none", "open"]:
        """What the code of notebooks may reach; only the level `bubblewrap` can take the network away."""
        return self.network or ("none" if self.sandbox == "bubblewrap" else "open")

    @property
    def private_paths(self) -> list[Path]:
        """What no notebook may read: our folder, and each file that a setting comes from."""
        named = (os.environ.get(f"{_PREFIX}{name}_FILE") for name in _SECRETS)
        files = [self.token_file, self._config, *(Path(name) for name in named if name)]
        return [self.home, *(path for path in files if path is not None)]

    def read_token(self) -> str | None:
        """The bearer token of a client or worker: the value, else its file, else the home folder's."""
        if self.token:
            return self.token.get_secret_value()
        path = self.token_file or self.home / "token"
        return path.read_text().strip() if path.is_file() else None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # No .env file from whatever folder a process happens to start in.
        return init_settings, env_settings


def load(config: Path | None = None, **overrides: Any) -> Settings:
    """Read the settings: command-line overrides, then variables, then the TOML file, then defaults."""
    keys = set(Settings.model_fields)
    from_file = _read_toml(config, keys) if config else {}
    named = _read_secret_files()
    for variable in os.environ:
        key = variable.removeprefix(_PREFIX).lower()
        is_ours = variable.startswith(_PREFIX) and variable not in _FOREIGN
        if is_ours and key not in keys and key.upper() not in {f"{s}_FILE" for s in _SECRETS}:
            raise WrongSettings(f"{variable}: unknown setting; known are {', '.join(sorted(keys))}")
    in_environment = {k.removeprefix(_PREFIX).lower() for k in os.environ if k.startswith(_PREFIX)}
    lower = {k: v for k, v in {**from_file, **named}.items() if k not in in_environment}
    given = {k: v for k, v in overrides.items() if v is not None}
    try:
        settings = Settings(**{**lower, **given})
    except SettingsError as error:  # a list or a table that is no JSON
        field = re.search(r'field "(\w+)"', str(error))
        key = field[1].upper() if field else "?"
        raise WrongSettings(f'{_PREFIX}{key}: write it as JSON, for example ["one", "two"]') from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or first["msg"].split(":")[0].split()[-1]
        raise WrongSettings(f"{_PREFIX}{key.upper()}: {first['msg']}") from error
    settings._config = config  # where from, not what; so it is no field
    return settings


def _read_toml(path: Path, keys: set[str]) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongSettings(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongSettings(f"{path}: not a TOML file ({error})") from error
    for key in content:
        if key not in keys:
            raise WrongSettings(f"{key}: unknown setting in {path}; known are {', '.join(sorted(keys))}")
    return content


def _read_secret_files() -> dict[str, str]:
    values: dict[str, str] = {}
    for name in _SECRETS:
        path = os.environ.get(f"{_PREFIX}{name}_FILE")
        if path and name != "TOKEN":  # the token's file is read anew at each use
            try:
                values[name.lower()] = Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise WrongSettings(f"{_PREFIX}{name}_FILE: cannot read {path} ({error.strerror})") from error
    return values
