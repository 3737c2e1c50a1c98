"""Work done step by step in threads, and stopped once nobody waits for it."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Iterator
from typing import TypeVar

import anyio
from anyio import CapacityLimiter

from assistant.llm.guard import GONE

T = TypeVar("T")


async def steps(found: Iterator[T], limiter: CapacityLimiter) -> AsyncGenerator[T, None]:
    """What an iterator yields, each step of it in a thread; when the consumer stops, a model at work in it is stopped.

    Args:
        found: yields no None.
        limiter: how many are at work at once.
    """
    gone = threading.Event()
    GONE.set(gone)
    try:
        while (one := await anyio.to_thread.run_sync(lambda: next(found, None), limiter=limiter, abandon_on_cancel=True)) is not None:
            yield one
    finally:
        gone.set()
