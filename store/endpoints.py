"""Programs that serve models, and the keys for them."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from store.errors import UserError

# Where the usual programs listen.
PLACES = {
    "openai": "https://api.openai.com/v1",
    "ollama": "http://localhost:11434/v1",
    "lmstudio": "http://localhost:1234/v1",
    "llamacpp": "http://localhost:8080/v1",
    "vllm": "http://localhost:8000/v1",
}
# Places that are not used without a key, and the variable it is in unless another is named.
KEYS = {"openai": "OPENAI_API_KEY"}


def find_key(kind: str, *, variable: str, file: str, error: type[UserError]) -> str:
    """The key for an endpoint; empty where none is asked for.

    Args:
        kind: how the settings begin that name it: ``llm`` or ``embedder``.
        variable: environment variable that holds it; empty for none.
        file: file that holds it, used instead of the variable; empty for none.
        error: raised where a key that is asked for cannot be had.
    """
    if file:
        return read_key(file, f"{kind}_key_file", error)
    key = os.environ.get(variable, "") if variable else ""
    if variable and not key:
        raise error(
            f"The environment variable {variable} is not set.", f"Set it to the key, or name another: {kind}_key_env, {kind}_key_file."
        )
    return key


def read_key(name: str, setting: str, error: type[UserError]) -> str:
    """The key in a file that only its owner can read.

    Args:
        name: the file.
        setting: the setting that names it.
        error: raised where it cannot be read, is empty, or others may read it.
    """
    path = Path(name).expanduser()
    try:
        open_to = stat.S_IMODE(path.stat().st_mode) & 0o077
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise error(f"{path}: the key cannot be read ({fault}).", f"Check {setting}.") from None
    if open_to and os.name == "posix":
        raise error(f"{path}: others may read this key.", f"Run: chmod 600 {path}")
    if not key:
        raise error(f"{path}: the file is empty.", "Put the key into it.")
    return key


def without_password(url: str) -> str:
    """An address as it may be shown."""
    return re.sub(r"(?<=//)[^/@]*@", "", url)
