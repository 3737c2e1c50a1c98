"""A second opinion on sentences that the verifier let pass: another model says whether the evidence bears them out, and may only object."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from assistant.llm import LanguageModel, Message, ModelError, Usage, make_model, said
from assistant.settings import Settings
from assistant.templates import load_template
from assistant.verify import Premise
from assistant.verify.nli import NliModel
from store.errors import SettingsError

_VERDICT = re.compile(r"^\W*(yes|no)\b", re.IGNORECASE)
# Tokens a verdict may take.
REPLY = 16
_NLI = "nli:"


class Objector(Protocol):
    """Whoever may object to a sentence.

    Attributes:
        usage: what it took so far.
        failed: why it could not be asked; None where it could.
    """

    usage: Usage
    failed: str | None

    def objects(self, sentence: str, premise: Premise) -> bool:
        """Whether it holds that the premise does not bear the sentence out."""
        ...


def second_opinion(settings: Settings) -> Callable[[Settings], Objector] | None:
    """Who is asked for a second opinion, for one answer after another; None for nobody.

    Args:
        settings: ``second_opinion`` is ``none``, a model as in ``llm``, or ``nli:FOLDER``.

    Raises:
        ModelError: the model, its key or class is not there.
        SettingsError: it has none of the known forms, or the folder holds no such model.
    """
    named = settings.second_opinion.strip()
    if named.startswith(_NLI):
        nli = NliModel(Path(named.removeprefix(_NLI)).expanduser())
        return lambda _: NliOpinion(nli)
    try:
        model = make_model(settings.model_copy(update={"llm": named}))
    except SettingsError as error:
        raise SettingsError(f"second_opinion: {error.message}", f"{error.fix} Or nli:FOLDER.") from None
    return None if model is None else lambda answering: SecondOpinion(model, answering)


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


class NliOpinion:
    """Asks a model of natural language inference, in this process.

    Args:
        model: who is asked.
    """

    def __init__(self, model: NliModel) -> None:
        self._model = model
        self.usage = Usage()
        self.failed: str | None = None

    def objects(self, sentence: str, premise: Premise) -> bool:
        """Whether it holds that the premise contradicts the sentence."""
        return self._model.objects(premise.text, sentence)
