"""Calibrated decisions: which entries belong to a set, and whether the corpus holds an answer at all.

Both are logistic models over a handful of features, fitted by ``python -m evals.fit`` and kept in ``calibration.json``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from assistant.evidence import Scored

RELEVANCE = ("dense", "sentence", "title", "coverage", "sentence_coverage", "phrase", "fused")
REFUSAL = ("dense", "sentence", "coverage", "sentence_coverage", "phrase", "missing")
_LOOK = 5

# What an abstract says of itself when it is a survey, or brings a data set.
_FACETS = {
    "survey": re.compile(
        r"\b(?:(?:this|the present|our|we present an?|comprehensive|systematic|literature|brief|short|first) (?:\w+ ){0,3}?(?:survey|review|overview)"
        r"|we (?:\w+ )?(?:survey|review)\b|(?:survey|review) (?:paper|article)|reviews? (?:the|recent|existing|current))",
        re.IGNORECASE,
    ),
    "dataset": re.compile(
        r"\b(?:(?:introduc|present|releas|propos|publish|collect|creat|construct|provid|build|contribut)\w* (?:\S+ ){0,8}?(?:data ?sets?|benchmarks?|corpus)\b"
        r"|(?:new|novel|large-scale|publicly available|first) (?:\S+ ){0,4}?(?:data ?set|benchmark|corpus)\b)",
        re.IGNORECASE,
    ),
}
_FACET_TITLE = {
    "survey": re.compile(r"\b(?:survey|review|overview)\b", re.IGNORECASE),
    "dataset": re.compile(r"\b(?:data ?set|benchmark|corpus)\b", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True)
class Model:
    """A logistic model: weights by feature, and the intercept."""

    weights: Mapping[str, float]
    intercept: float

    def probability(self, features: Mapping[str, float]) -> float:
        """Probability for one case."""
        score = self.intercept + sum(weight * features[name] for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, score))))


@lru_cache(maxsize=1)
def calibration() -> tuple[Model, Model, float]:
    """The relevance model, the refusal model and the probability above which a question is refused."""
    data = json.loads(files("assistant").joinpath("calibration.json").read_text(encoding="utf-8"))
    relevance, refusal = (Model(data[name]["weights"], data[name]["intercept"]) for name in ("relevance", "refusal"))
    return relevance, refusal, float(data["refusal"]["threshold"])


def relevance_features(scored: Scored) -> dict[str, float]:
    """Features of one entry for the relevance model."""
    return {**scored.features, "fused": scored.candidate.fused}


def refusal_features(found: Sequence[Scored]) -> dict[str, float]:
    """Features of a question for the refusal model: how well the best entries fit it.

    ``missing`` is the weight of the question's heaviest term that none of them holds, as a share of the heaviest term.
    """
    top = found[:_LOOK]
    features = {name: max((s.features[name] for s in top), default=0.0) for name in REFUSAL if name != "missing"}
    return {**features, "missing": min((s.features["missing"] for s in top), default=1.0)}


def choose(probabilities: Sequence[float], limit: int = 1000) -> int:
    """How many of a ranked list to return: the size with the greatest expected F1.

    The expectation is approximated by the ratio of expectations (Nan et al. 2012, "Optimizing F-measures").

    Args:
        probabilities: of relevance, best first.
        limit: never more than this.
    """
    whole = sum(probabilities)
    best, size, held = 0.0, 0, 0.0
    for number, probability in enumerate(probabilities[:limit], start=1):
        held += probability
        value = 2 * held / (number + whole)
        if value > best:
            best, size = value, number
    return size


def facet_score(scored: Scored, facet: str) -> float:
    """How plainly an entry says that it is of a kind: 1 by its title, .9 by its abstract's words, 0 not at all."""
    if scored.entry.title and _FACET_TITLE[facet].search(scored.entry.title):
        return 1.0
    return 0.9 if _FACETS[facet].search(scored.entry.abstract) else 0.0


def facet_sentence(scored: Scored, facet: str) -> int | None:
    """Start of the first sentence that says so."""
    match = _FACETS[facet].search(scored.entry.abstract)
    return match.start() if match else None
