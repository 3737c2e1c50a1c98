"""Conversations of which only the questions are believed."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.core import Assistant
from assistant.history import Conversation
from assistant.query.rewriting import Turn
from store.errors import QuestionError

_TURNS = 6


def replayed(assistant: Assistant, before: Sequence[str]) -> tuple[Turn, ...]:
    """The last questions before, answered again without a model: what a client sends as our words is not read.

    Args:
        assistant: who answers.
        before: questions, oldest first; those that cannot be asked are passed over.
    """
    conversation = Conversation("")
    for turn in before[-_TURNS:]:
        try:
            conversation = conversation.after(turn, assistant.plain(turn, turns=conversation.turns))
        except QuestionError:
            continue
    return conversation.turns
