"""Answers over a corpus of paper abstracts, with citations that hold: ``from assistant import Assistant``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assistant.core import Assistant

__all__ = ["Assistant"]


def __getattr__(name: str) -> Any:
    # Importing the command line must not load what only answers need.
    if name == "Assistant":
        from assistant.core import Assistant

        return Assistant
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
