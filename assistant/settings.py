"""Settings: flags before the environment, that before the file, that before the defaults; each value knows where it is from."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_config_path
from pydantic import Field, ValidationError

from assistant.config import APP
from assistant.llm.spec import NONE, ModelSettings
from store.errors import SettingsError
from store.settings import BUILTIN_EMBEDDER, ServerUrl, StoreSettings

_PREFIX = "ASSISTANT_"


class Settings(ModelSettings):
    """All that can be configured.

    Attributes:
        prompts: folder with prompts of the user's own, which stand in for the shipped ones of the same name.
        history: whether conversations are kept.
        reader: whether the reader judges what search finds; without it answers come faster and are worse.
        embedder: see :class:`store.settings.StoreSettings`, as the others of a store.
        second_opinion: a model, as in ``llm``, or ``nli:FOLDER``, that is asked about every sentence the verifier let pass; ``none`` for none.
    """

    prompts: str = ""
    history: bool = True
    reader: bool = True
    second_opinion: str = NONE
    embedder: str = BUILTIN_EMBEDDER
    embedder_options: dict[str, Any] = Field(default_factory=dict)
    embedder_key_env: str = ""
    embedder_key_file: str = ""
    embedder_price: float | None = Field(default=None, ge=0)
    chroma_url: ServerUrl = ""
    chroma_token_env: str = ""
    lock_timeout: float = Field(default=10.0, ge=0, le=3600)

    @property
    def store(self) -> StoreSettings:
        """The settings of a store."""
        names = set(StoreSettings.model_fields) & set(Settings.model_fields)
        values = {name: getattr(self, name) for name in names}
        return StoreSettings(**{**values, "chroma_url": self.chroma_url or None})


@dataclass(frozen=True, slots=True)
class Configured:
    """The settings in force, and where each value is from: ``flag``, ``environment``, ``file`` or ``default``."""

    settings: Settings
    origins: Mapping[str, str]


def settings_path() -> Path:
    """The configuration file: ``ASSISTANT_CONFIG``, else ``config.toml`` in the platform's folder for it."""
    named = os.environ.get("ASSISTANT_CONFIG")
    return Path(named) if named else user_config_path(APP) / "config.toml"


def configured(flags: Mapping[str, Any] | None = None) -> Configured:
    """The settings in force.

    Args:
        flags: values given on the command line; those that are None were not given.

    Raises:
        SettingsError: a value makes no sense; the message names the setting and where it is from.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    held = _read(settings_path())
    environment = {
        name: _parsed(name, os.environ[variable]) for name in Settings.model_fields if (variable := _PREFIX + name.upper()) in os.environ
    }
    values = {**held, **environment, **given}
    origins = {
        name: "flag" if name in given else "environment" if name in environment else "file" if name in held else "default"
        for name in Settings.model_fields
    }
    try:
        return Configured(Settings.model_validate(values), origins)
    except ValidationError as error:
        raise _explained(error, origins) from None


def change(name: str, value: str | None) -> Path:
    """Set a value in the file, or take it out.

    Args:
        name: of the setting.
        value: as written; None to take it out.

    Returns:
        The file.

    Raises:
        SettingsError: there is no such setting, or the value makes no sense.
    """
    if name not in Settings.model_fields:
        raise SettingsError(f"{name}: no such setting.", f"There are {', '.join(Settings.model_fields)}.")
    path = settings_path()
    values = _read(path)
    if value is None:
        values.pop(name, None)
    else:
        values[name] = _parsed(name, value)
        try:
            Settings.model_validate(values)
        except ValidationError as error:
            raise _explained(error, {name: "value"}) from None
    text = "".join(f"{key} = {_toml(one)}\n" for key, one in values.items())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written ({error.strerror}).", "Set ASSISTANT_CONFIG to a file that can.") from None
    return path


def keep_key(key: str) -> Path:
    """Keep a key in a file that only its owner can read, beside the configuration, and name it there.

    Raises:
        SettingsError: it is empty, or cannot be written.
    """
    if not key.strip():
        raise SettingsError("The key is empty.", "Pipe it: assistant config key < FILE")
    path = settings_path().with_name("key")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(key.strip() + "\n")
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be written ({error.strerror}).", "Set ASSISTANT_CONFIG to a file in a folder that can."
        ) from None
    change("llm_key_file", str(path))
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read as TOML ({error}).", "Correct it, or delete it to start anew.") from None
    unknown = sorted(set(data) - set(Settings.model_fields))
    if unknown:
        raise SettingsError(f"{path}: no setting {unknown[0]}.", f"There are {', '.join(Settings.model_fields)}.")
    return data


def _parsed(name: str, text: str) -> Any:
    if name not in ("llm_options", "embedder_options"):
        return text
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise SettingsError(f"{name} is not JSON ({error}).", 'Write for example {"top_p": 0.9}') from None
    return value


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _explained(error: ValidationError, origins: Mapping[str, str]) -> SettingsError:
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else "settings"
    # A rule of ours says it all, and the value may hold what must not be shown.
    own = first["type"] == "value_error"
    what = first["msg"].removeprefix("Value error, ") if own else f"{first['msg'].lower()}, not {first['input']!r}"
    return SettingsError(f"{name} ({origins.get(name, 'value')}): {what}.", "See: assistant config list")
