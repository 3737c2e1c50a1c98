"""Counting tokens with tiktoken, offline: the tables come with llama-index-core."""

from __future__ import annotations

import os
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def count(text: str) -> int:
    """Tokens of a text by cl100k, which is near enough for other models."""
    return len(cl100k().encode(text, disallowed_special=()))


@lru_cache(maxsize=1)
def cl100k() -> Any:
    """The encoding."""
    # Found without importing the package, which takes most of a second.
    spec = find_spec("llama_index")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        tables = Path(folder) / "core" / "_static" / "tiktoken_cache"
        if tables.is_dir():
            os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(tables))
    import tiktoken

    return tiktoken.get_encoding("cl100k_base")
