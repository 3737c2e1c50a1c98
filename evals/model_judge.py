"""A model as the judge of support: pinned by name, never the answering model unless that is allowed, verdicts kept."""

from __future__ import annotations

import hashlib
import json
import re

from assistant.templates import load_template
from evals.corpora import cache_path
from evals.models import ModelError, ModelSettings, complete

_YES = re.compile(r"^\W*(yes|no)\b", re.IGNORECASE)
_REPLY = 4
_PER_TOKEN = 4


class ModelJudge:
    """Asks a model whether a premise bears a statement out.

    Args:
        settings: the model.
        answering: name of the model whose answers are judged, if any.
        same: allow the two to be one.

    Raises:
        ModelError: it would judge its own answers.
    """

    def __init__(self, settings: ModelSettings, answering: str | None = None, *, same: bool = False) -> None:
        if answering == settings.name and not same:
            raise ModelError(f"{settings.name} would judge its own answers.", "Name another model for the judge, or add --same-judge.")
        self.name = f"model {settings.name}"
        self._settings = settings
        self._template = load_template("judge")
        self._folder = cache_path() / "verdicts"
        self._folder.mkdir(parents=True, exist_ok=True)
        self.unclear = 0

    def supports(self, premise: str, statement: str) -> bool:
        """The model's verdict; what is neither yes nor no counts as no, and in ``unclear``."""
        prompt = self._template.fill(premise=premise, statement=statement)
        key = hashlib.sha256(json.dumps([self._settings.name, self._settings.url, prompt]).encode()).hexdigest()[:32]
        path = self._folder / f"{key}.txt"
        reply = path.read_text(encoding="utf-8") if path.exists() else None
        if reply is None:
            reply, _, _ = complete(self._settings, prompt, _REPLY)
            path.write_text(reply, encoding="utf-8")
        match = _YES.match(reply)
        self.unclear += match is None
        return match is not None and match.group(1).lower() == "yes"

    def estimate(self, pairs: list[tuple[str, str]]) -> tuple[int, float]:
        """Tokens and dollars that judging so many pairs would take, at four characters a token."""
        prompt = sum(len(self._template.fill(premise=p, statement=s)) // _PER_TOKEN for p, s in pairs)
        completion = _REPLY * len(pairs)
        return prompt + completion, self._settings.cost(prompt, completion)
