"""A model as the judge of support: pinned by name, never the answering model unless that is allowed, verdicts kept."""

from __future__ import annotations

import hashlib
import json

from assistant.answering.second import REPLY, verdict
from assistant.llm import Message, ModelError, ModelSettings, make_model, said
from assistant.templates import load_template
from evals.corpora import cache_path
from store.tokens import count


class ModelJudge:
    """Asks a model whether a premise bears a statement out.

    Args:
        settings: the model.
        answering: name of the model whose answers are judged, if any.
        same: allow the two to be one.

    Raises:
        ModelError: no model is named, it cannot be had, or it would judge its own answers.
    """

    def __init__(self, settings: ModelSettings, answering: str | None = None, *, same: bool = False) -> None:
        model = make_model(settings)
        if model is None:
            raise ModelError("--judge model needs a model.", "Name one: --judge-llm NAME@http://localhost:8080/v1")
        if answering == model.name and not same:
            raise ModelError(f"{model.name} would judge its own answers.", "Name another model for the judge, or add --same-judge.")
        self.name = f"model {model.name}"
        self._model = model
        self._settings = settings.model_copy(update={"llm_max_tokens": REPLY})
        self._template = load_template("judge")
        self._folder = cache_path() / "verdicts"
        self._folder.mkdir(parents=True, exist_ok=True)
        self.unclear = 0

    def supports(self, premise: str, statement: str) -> bool:
        """The model's verdict; what is neither yes nor no counts as no, and in ``unclear``.

        Raises:
            ModelError: it does not answer.
        """
        prompt = self._template.fill(premise=premise, statement=statement)
        key = hashlib.sha256(json.dumps([self._settings.llm, prompt]).encode()).hexdigest()[:32]
        path = self._folder / f"{key}.txt"
        reply = path.read_text(encoding="utf-8") if path.exists() else None
        if reply is None:
            reply, _ = said(self._model, (Message("user", prompt),), self._settings)
            path.write_text(reply, encoding="utf-8")
        said_so = verdict(reply)
        self.unclear += said_so is None
        return said_so is True

    def estimate(self, pairs: list[tuple[str, str]]) -> tuple[int, float]:
        """Tokens and dollars at most that judging so many pairs would take."""
        prompt = sum(count(self._template.fill(premise=p, statement=s)) for p, s in pairs)
        completion = REPLY * len(pairs)
        return prompt + completion, self._settings.cost(prompt, completion)
