"""All settings together, frozen: what the rest of the daemon gets.

`Settings` reads nothing by itself. pydantic-settings would take the environment at whatever moment somebody builds one;
`load.py` gathers the texts first, so that it can name the place of every wrong one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from pydantic import PrivateAttr, SecretBytes, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from daemon.settings.catalogue import CatalogueSettings
from daemon.settings.connection import ConnectionSettings
from daemon.settings.declare import Declared, declared
from daemon.settings.flows import FlowSettings
from daemon.settings.sources import Found


class Settings(CatalogueSettings, FlowSettings, ConnectionSettings):
    """Every setting of `interface` by its name in lower case; made by `load_settings`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    _found: Mapping[str, Found] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)

    @property
    def found(self) -> Mapping[str, Found]:
        """What the user set, by variable name, with its place. The text of a secret is not kept there."""
        return self._found

    @property
    def store_path(self) -> Path:
        """The file that CONNECTOR_STORE_URL names."""
        return Path(self.connector_store_url.removeprefix("sqlite:///"))

    def secret_values(self) -> tuple[str, ...]:
        """Every secret as text, for the log's last defence and for nothing else."""
        values: list[str] = []
        for entry in declarations().values():
            value = getattr(self, entry.name.lower()) if entry.secret else None
            if isinstance(value, SecretStr):
                values.append(value.get_secret_value())
            elif isinstance(value, SecretBytes):
                values.extend(_base64_forms(value.get_secret_value()))
        return tuple(values)


def _base64_forms(key: bytes) -> tuple[str, str]:
    from base64 import b64encode, urlsafe_b64encode

    return b64encode(key).decode(), urlsafe_b64encode(key).decode()


@cache
def declarations() -> Mapping[str, Declared]:
    """Every setting by its variable name, in the order in which people read them: connection, flows, catalogue."""
    fields = Settings.model_fields
    order = [name for part in (ConnectionSettings, FlowSettings, CatalogueSettings) for name in part.model_fields]
    return MappingProxyType({name.upper(): declared(name, fields[name]) for name in order})
