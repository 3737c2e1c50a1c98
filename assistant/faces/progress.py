"""Progress of long work, on terminals only."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from store.ingest import Progress


def bar() -> Progress | None:
    """A bar on standard error; None where that is not a terminal."""
    if not sys.stderr.isatty():
        return None
    bars: dict[str, Any] = {}

    def show(stage: str, done: int, total: int) -> None:
        held = bars.get(stage) or bars.setdefault(stage, typer.progressbar(length=total, label=stage, file=sys.stderr, show_pos=True))
        held.update(done - held.pos)
        if done == total:
            held.render_finish()

    return show
