"""Follow-ups rewritten by a model. What it says is taken only where it is made of words of the conversation; otherwise the rules rewrite."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from assistant.answering.model import Prompt
from assistant.answering.sources import plain
from assistant.hostile import gives_orders, harm
from assistant.llm import LanguageModel, Message, ModelError, Usage, said
from assistant.llm.tokens import count_messages
from assistant.query.analyzer import content_terms
from assistant.query.rewriting import Standalone, Turn, rewrite_standalone
from assistant.settings import Settings
from assistant.templates import load_template

# Turns a model is shown, tokens it may write, and words a question may have.
_TURNS = 3
_REPLY = 120
_LONGEST = 60
_TITLES = 8


def make_request(text: str, turns: Sequence[Turn], settings: Settings) -> Prompt:
    """What a model is sent for a follow-up.

    Args:
        text: the question as typed.
        turns: what was asked before, oldest first.
        settings: prices, and the folder of prompts.
    """
    lines = []
    for number, turn in enumerate(turns[-_TURNS:], start=1):
        titles = [f"  [{n}] {plain(title)}" for n, title in enumerate(turn.cited[:_TITLES], start=1) if not gives_orders(title)]
        lines += [f"Question {number}: {plain(turn.question)}", *(["Papers cited:", *titles] if titles else [])]
    shown = "\n".join(lines)
    fence = "=" * 5 + hashlib.sha256(shown.encode()).hexdigest()[:12] + "=" * 5
    template = load_template("rewrite", settings.prompts)
    messages = (Message("user", template.fill(turns=shown, question=" ".join(text.split()), fence=fence)),)
    tokens = count_messages(messages)
    return Prompt(messages, (), template, tokens, settings.cost(tokens, _REPLY))


def rewritten(text: str, turns: Sequence[Turn], model: LanguageModel, settings: Settings) -> tuple[Standalone, Usage]:
    """A question that stands alone, and what asking the model for it took.

    Args:
        text: the question as typed.
        turns: what was asked before, oldest first.
        model: is asked; where it fails, or says what is no rewriting, the rules rewrite.
        settings: timeout, prices, and the folder of prompts.

    Raises:
        SettingsError: the user's own prompt cannot be used.
    """
    typed = " ".join(text.split())
    if not turns or not typed:
        return Standalone(typed), Usage()
    plain_one = rewrite_standalone(text, turns)
    request = make_request(text, turns, settings)
    if settings.max_cost is not None and request.cost > settings.max_cost:
        return plain_one, Usage()
    try:
        reply, usage = said(model, request.messages, settings.model_copy(update={"llm_max_tokens": _REPLY}))
    except ModelError:
        # The same model is about to be asked for the answer, and its failure told there.
        return plain_one, Usage()
    one = reply.strip().strip("`*").strip()
    return (replace(plain_one, text=" ".join(one.split())) if _is_rewriting(one, typed, turns) else plain_one), usage


def _is_rewriting(reply: str, typed: str, turns: Sequence[Turn]) -> bool:
    """Whether a reply is a question of the conversation's own words that keeps what was asked."""
    if not reply or "\n" in reply or len(reply.split()) > _LONGEST or harm(reply) or gives_orders(reply):
        return False
    asked, words = set(content_terms(typed)), set(content_terms(reply))
    known = asked.union(*(content_terms(f"{turn.question} {' '.join(turn.cited)}") for turn in turns))
    # Pronouns and ordinals go; of the rest half may.
    return (
        bool(words)
        and words <= known
        and 2 * len(words & asked) >= len(asked - set(content_terms("first second third last one paper other")))
    )
