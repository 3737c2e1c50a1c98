"""How many tokens a conversation takes."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.llm.base import Message
from store.tokens import count

# What a chat format adds around a message, about.
_AROUND = 4


def count_messages(messages: Sequence[Message]) -> int:
    """Tokens of the turns sent to a model."""
    return sum(count(message.content) + _AROUND for message in messages)
