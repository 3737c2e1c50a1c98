"""A model call with an end: one deadline for all of it, retries with growing pauses for what may pass, prompt Ctrl-C."""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar

from assistant.llm.base import LanguageModel, Message, ModelError, Piece

_TRIES = 3
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 8.0
_LOOK = 0.25
# Set by a server for the work of one request; once the event is, nobody waits for the answer, and the model is stopped.
GONE: ContextVar[threading.Event | None] = ContextVar("gone", default=None)


def guarded(
    model: LanguageModel, messages: Sequence[Message], limit: int, timeout: float, pause: Callable[[float], None] = time.sleep
) -> Iterator[Piece]:
    """A model's reply, within a deadline.

    A failure that may pass is tried again, at most three times in all, after a pause that doubles, with jitter, or that the endpoint asks for; not once a piece of the
    reply has come.

    Args:
        model: who writes.
        messages: what it is sent.
        limit: tokens it may write.
        timeout: seconds for everything, retries included.
        pause: waits so many seconds.

    Raises:
        ModelError: it failed, or the time is up.
    """
    deadline = time.monotonic() + timeout
    for attempt in range(1, _TRIES + 1):
        begun = False
        try:
            for piece in _until(model, messages, limit, deadline, timeout):
                begun = True
                yield piece
            return
        except ModelError as error:
            wait = (
                error.after if error.after is not None else min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1)) * (0.5 + random.random())
            )
            if begun or not error.transient or attempt == _TRIES or time.monotonic() + wait >= deadline:
                raise
            pause(wait)


def _until(model: LanguageModel, messages: Sequence[Message], limit: int, deadline: float, timeout: float) -> Iterator[Piece]:
    """The reply, read by a thread, so that no model can make the caller wait beyond the deadline."""
    pieces: queue.SimpleQueue[Piece | BaseException | None] = queue.SimpleQueue()
    stopped = threading.Event()

    def work() -> None:
        try:
            for piece in model.stream(messages, limit):
                pieces.put(piece)
                if stopped.is_set():
                    return
            pieces.put(None)
        except BaseException as error:
            pieces.put(error)

    threading.Thread(target=work, daemon=True).start()
    gone = GONE.get()
    try:
        while True:
            if gone is not None and gone.is_set():
                raise ModelError(f"{model.name}: nobody waits for the answer any more.")
            left = max(0.0, deadline - time.monotonic())
            try:
                got = pieces.get(timeout=left if gone is None else min(_LOOK, left))
            except queue.Empty:
                if left > _LOOK and gone is not None:
                    continue
                raise ModelError(f"{model.name}: no whole answer within {timeout:g} s.", "Give it longer: --timeout.") from None
            if got is None:
                return
            if isinstance(got, ModelError):
                raise got
            if isinstance(got, BaseException):
                raise ModelError(f"{model.name}: the model failed ({type(got).__name__}: {got}).", "Try again.") from None
            yield got
    finally:
        stopped.set()
