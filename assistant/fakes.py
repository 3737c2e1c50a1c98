"""Stand-ins for tests of programs that use this one: a scripted model, deterministic and offline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from assistant.llm.base import Message, ModelError, Piece


class ScriptedModel:
    """A model that says what it is told to.

    Args:
        reply: the text, or a function from the turns to it; an exception is raised instead.
        name: as answers show it.
        window: tokens it says it reads and writes.
        piece: characters a piece.

    Attributes:
        requests: the turns of every call, in order.
    """

    place = "this machine"

    def __init__(
        self, reply: str | Exception | Callable[[Sequence[Message]], str], name: str = "scripted", window: int = 8192, piece: int = 7
    ) -> None:
        self.name = name
        self.window = window
        self.requests: list[Sequence[Message]] = []
        self._reply = reply
        self._piece = piece

    def stream(self, messages: Sequence[Message], limit: int) -> Iterator[Piece]:
        """The reply in pieces; at most four characters for each token of the limit."""
        self.requests.append(messages)
        if isinstance(self._reply, Exception):
            raise self._reply if isinstance(self._reply, ModelError) else ModelError(str(self._reply))
        text = (self._reply if isinstance(self._reply, str) else self._reply(messages))[: 4 * limit]
        for start in range(0, len(text), self._piece):
            yield Piece(text[start : start + self._piece])
