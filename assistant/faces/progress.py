"""Progress of long work, on terminals only: how far, how fast, how long it will still take."""

from __future__ import annotations

import sys
import time
from collections import deque
from typing import TYPE_CHECKING

from store.estimate import spoken

if TYPE_CHECKING:
    from store.indexing import Progress

_EVERY = 0.2
# Speed is that of the last minutes: what ran before, or ran beside, says little of what is to come.
_WINDOW = 120.0


class Pace:
    """How fast work goes, and how long the rest will take.

    Args:
        total: work in all; 0 where that is not known.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._first: int | None = None
        self._done = 0
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, now: float, done: int) -> None:
        """Take down how far it is at a time in seconds."""
        self._done = done
        if self._first is None:
            self._first = done
        # Until the first is done time goes by with loading and compiling, which says nothing of the rest.
        if done == self._first:
            return
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[0][0] > _WINDOW:
            self._seen.popleft()

    @property
    def rate(self) -> float | None:
        """Work a second; None before that can be said."""
        if not self._seen:
            return None
        (first, start), (last, done) = self._seen[0], self._seen[-1]
        return (done - start) / (last - first) if last - first > 1 and done > start else None

    @property
    def remaining(self) -> float | None:
        """Seconds; None before that can be said."""
        rate = self.rate
        return (self.total - self._done) / rate if rate and self.total else None


def bar() -> Progress | None:
    """A line on standard error that says how far work is; None where that is not a terminal."""
    if not sys.stderr.isatty():
        return None
    paces: dict[str, Pace] = {}
    shown = [0.0]

    def show(stage: str, done: int, total: int) -> None:
        pace = paces.setdefault(stage, Pace(total))
        pace.total = total
        now = time.monotonic()
        finished = total > 0 and done >= total
        if not finished and now - shown[0] < _EVERY:
            return
        pace.note(now, done)
        shown[0] = now
        sys.stderr.write(f"\r\x1b[K{line(stage, done, pace)}" + ("\n" if finished else ""))
        sys.stderr.flush()

    return show


def line(stage: str, done: int, pace: Pace) -> str:
    """``embedding 1,200 of 100,000 (1%), 41/s, about 40 min left``."""
    parts = [f"{stage} {done:,}" + (f" of {pace.total:,} ({done * 100 // pace.total}%)" if pace.total else "")]
    if pace.rate:
        parts.append(f"{pace.rate:.0f}/s" if pace.rate >= 10 else f"{pace.rate:.1f}/s")
    if pace.remaining is not None and done < pace.total:
        parts.append(f"about {spoken(pace.remaining)} left")
    return ", ".join(parts)
