"""What a language model is to the program, and what can go wrong with one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from store.errors import UserError


class ModelError(UserError):
    """A language model that is not configured right, or does not answer.

    Args:
        message: what happened.
        fix: what to do next.
        transient: trying again may help.
        after: seconds the endpoint asks to wait before that.
        overflow: the prompt was longer than the model reads.
    """

    def __init__(self, message: str, fix: str = "", *, transient: bool = False, after: float | None = None, overflow: bool = False) -> None:
        super().__init__(message, fix)
        self.transient = transient
        self.after = after
        self.overflow = overflow


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of what a model is sent."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a reply; the last may tell the tokens that were used, as the model counts them."""

    text: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What answering took. ``cost`` is in dollars, 0 where no price is configured."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    calls: int = 0
    cost: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.calls + other.calls,
            self.cost + other.cost,
        )


class LanguageModel(Protocol):
    """A model that writes.

    Attributes:
        name: as answers show it.
        window: tokens it reads and writes at most.
        place: where it runs, for ``assistant status``: an address, or ``this machine``.
    """

    @property
    def name(self) -> str: ...
    @property
    def window(self) -> int: ...
    @property
    def place(self) -> str: ...
    def stream(self, messages: Sequence[Message], limit: int) -> Iterator[Piece]:
        """The reply as it is written.

        Args:
            messages: the turns.
            limit: tokens it may write.

        Raises:
            ModelError: it cannot be reached, refuses or breaks off.
        """
        ...
