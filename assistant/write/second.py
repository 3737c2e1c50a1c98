"""A second opinion on sentences that the verifier let pass: another model is asked whether the evidence bears them out, and may only object."""

from __future__ import annotations

import re

from assistant.llm import LanguageModel, Message, ModelError, Usage, said
from assistant.settings import Settings
from assistant.templates import load_template
from assistant.verify import Premise

_VERDICT = re.compile(r"^\W*(yes|no)\b", re.IGNORECASE)
# Tokens a verdict may take.
REPLY = 16


def verdict(reply: str) -> bool | None:
    """What a model says to the prompt ``judge``: yes, no, or neither."""
    match = _VERDICT.match(reply)
    return None if match is None else match.group(1).lower() == "yes"


class SecondOpinion:
    """Asks a model about sentences, one call each.

    Args:
        model: who is asked.
        settings: timeout, prices, and the folder of prompts.

    Attributes:
        usage: what it took so far.
        failed: why it could not be asked, the first time it could not; it is not asked again.

    Raises:
        SettingsError: the user's own prompt cannot be used.
    """

    def __init__(self, model: LanguageModel, settings: Settings) -> None:
        self._model = model
        self._settings = settings.model_copy(update={"llm_max_tokens": REPLY})
        self._template = load_template("judge", settings.prompts)
        self.usage = Usage()
        self.failed: str | None = None

    def objects(self, sentence: str, premise: Premise) -> bool:
        """Whether the model says no. What is neither yes nor no is no objection, nor is a model that fails."""
        if self.failed is not None:
            return False
        title = f"{premise.title}. " if premise.title else ""
        prompt = self._template.fill(premise=title + premise.text, statement=sentence)
        try:
            reply, usage = said(self._model, (Message("user", prompt),), self._settings)
        except ModelError as error:
            self.failed = str(error)
            return False
        self.usage += usage
        return verdict(reply) is False
