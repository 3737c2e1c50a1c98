"""One call of a model, with what it used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assistant.llm.base import LanguageModel, Message, Usage
from assistant.llm.guard import guarded
from assistant.llm.spec import ModelSettings
from assistant.llm.tokens import count_messages
from store.tokens import count


class Call:
    """A model's reply, to be iterated once; tokens are those the model reports, else counted.

    Args:
        model: who writes.
        messages: what it is sent.
        settings: limit, timeout and price.
    """

    def __init__(self, model: LanguageModel, messages: Sequence[Message], settings: ModelSettings) -> None:
        self._model = model
        self._messages = messages
        self._settings = settings
        self._prompt: int | None = None
        self._completion: int | None = None
        self._counted = 0

    def __iter__(self) -> Iterator[str]:
        """The texts as they come.

        Raises:
            ModelError: the model failed.
        """
        for piece in guarded(self._model, self._messages, self._settings.llm_max_tokens, self._settings.llm_timeout):
            self._prompt = piece.prompt_tokens or self._prompt
            self._completion = piece.completion_tokens or self._completion
            self._counted += count(piece.text) if piece.text else 0
            yield piece.text

    @property
    def usage(self) -> Usage:
        """What it used so far, a call counting as one even if it failed."""
        prompt, completion = self._prompt or count_messages(self._messages), self._completion or self._counted
        return Usage(prompt, completion, 1, self._settings.cost(prompt, completion))


def said(model: LanguageModel, messages: Sequence[Message], settings: ModelSettings) -> tuple[str, Usage]:
    """A model's whole reply and what it used; the arguments are those of :class:`Call`.

    Raises:
        ModelError: the model failed.
    """
    call = Call(model, messages, settings)
    return "".join(call), call.usage
