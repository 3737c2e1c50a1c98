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

from assistant.analyse import Question, facet_topic
from assistant.evidence import Scored
from assistant.types import Reason

RELEVANCE = ("dense", "sentence", "title", "coverage", "sentence_coverage", "phrase", "fused")
_BEST = ("sentence", "title", "coverage", "sentence_coverage", "phrase")
_LOOK = 5
_CONSIDERED = 30

_NUMBERED = 3
_RARE = 0.6
_NEAR = 0.25
_STANDS_OUT = 0.75
_NUMBER = re.compile(r"\d|\b(?:single|once|half|twice|double|percent|(?:hundred|thousand|million|billion)s?)\b", re.IGNORECASE)

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


@dataclass(frozen=True, slots=True)
class Calibration:
    """The relevance model, the one that adds likeness to examples, the refusal model and the probability above which a question is refused."""

    relevance: Model
    feedback: Model
    refusal: Model
    threshold: float


@lru_cache(maxsize=1)
def calibration() -> Calibration:
    """The models that are shipped."""
    data = json.loads(files("assistant").joinpath("calibration.json").read_text(encoding="utf-8"))
    relevance, feedback, refusal = (Model(data[name]["weights"], data[name]["intercept"]) for name in ("relevance", "feedback", "refusal"))
    return Calibration(relevance, feedback, refusal, float(data["refusal"]["threshold"]))


def relevance_features(scored: Scored) -> dict[str, float]:
    """Features of one entry for the relevance model."""
    return {**scored.features, "fused": scored.candidate.fused}


def refusal_features(found: Sequence[Scored], idf: Mapping[str, float], question: Question, relevance: Model) -> dict[str, float]:
    """Features of a question for the refusal model: how well the best entries fit it.

    ``sentence``, ``title``, ``coverage``, ``sentence_coverage`` and ``phrase`` are the best of the first five entries.
    ``unheld`` is the weight, as a share of all, of the terms that none of these holds; ``heaviest`` the weight of the
    heaviest term not held by the one that lacks least; ``peak`` how far the best sentence stands above those of the entries
    ranked 11th to 60th by theirs; ``relevance`` the log odds of the entry likeliest to belong to a set. Each comes a second time, named
    ``list:...``, 0 unless a set is asked for: a topic and a long question are told apart by different features.

    Args:
        found: entries, best first.
        idf: the weight of each term asked for, 0 to 1.
        question: the question as understood.
        relevance: the relevance model.
    """
    top = found[:_LOOK]
    held = [s.terms for s in top]
    whole = sum(idf.values()) or 1.0
    features = {name: max((s.features[name] for s in top), default=0.0) for name in _BEST}
    features["unheld"] = sum(w for t, w in idf.items() if not any(t in h for h in held)) / whole
    features["heaviest"] = min((max((w for t, w in idf.items() if t not in h), default=0.0) for h in held), default=1.0)
    ranked = sorted((s.features["sentence"] for s in found), reverse=True)
    rest = ranked[10:60]
    features["peak"] = ranked[0] - sum(rest) / len(rest) if rest else 0.0
    chance = max((relevance.probability(relevance_features(s)) for s in found[:_CONSIDERED]), default=0.0)
    features["relevance"] = math.log(max(chance, 1e-6) / max(1 - chance, 1e-6))
    asked = float(question.mode == "list")
    return {**features, **{f"list:{name}": value * asked for name, value in features.items()}, "list": asked}


def refusal(found: Sequence[Scored], idf: Mapping[str, float], question: Question) -> tuple[Reason | None, float]:
    """Why a question is refused, or None where it is answered; and the probability that it should be.

    Args:
        found: entries, best first.
        idf: weight of each term asked for.
        question: the question as understood.
    """
    models = calibration()
    chance = models.refusal.probability(refusal_features(found, idf, question, models.relevance))
    if question.facet is None and not question.mentions and chance > models.threshold:
        return ("not-in-abstracts" if _known(found, idf, question) else "no-topic"), chance
    return ("not-in-abstracts" if lacks_detail(found, question) else None), chance


def lacks_detail(found: Sequence[Scored], question: Question) -> bool:
    """Whether a question asks for a number and none of the best entries holds any, or for a detail that none of them names."""
    top = found[:_NUMBERED]
    # A paper that stands out is the one that is meant; what others say does not count.
    meant = top[:1] if len(top) > 1 and top[0].standing - top[1].standing >= _STANDS_OUT else top
    if question.asks_number and not any(_NUMBER.search(s.entry.abstract) for s in meant):
        return True
    if question.attribute is None or not top:
        return False
    word = re.compile(rf"\b{re.escape(question.attribute.rstrip('s'))}", re.IGNORECASE)
    return not any(word.search(s.entry.abstract) for s in meant)


def _known(found: Sequence[Scored], idf: Mapping[str, float], question: Question) -> bool:
    """Whether papers on it are there: a question that is not for a set, and a rare word of it in one of the best entries that is near it."""
    rare = {term for term, weight in idf.items() if weight >= _RARE}
    return question.mode != "list" and any(rare & s.terms and s.features["dense"] >= _NEAR for s in found[:_NUMBERED])


def member_probability(scored: Scored, question: Question, model: Model) -> float:
    """Probability that an entry belongs to the set a question asks for."""
    if question.mentions:
        return float(scored.features["coverage"] > 1 - 1e-9)
    if question.facet is None:
        return model.probability(relevance_features(scored))
    kind = facet_score(scored, question.facet)
    return kind * (model.probability(relevance_features(scored)) if facet_topic(question) else 1.0)


def choose(probabilities: Sequence[float], limit: int = 1000, beta: float = 1.0) -> int:
    """How many of a ranked list to return: the size with the greatest expected F measure.

    The expectation is approximated by the ratio of expectations (Nan et al. 2012, "Optimizing F-measures").

    Args:
        probabilities: of relevance, best first.
        limit: never more than this.
        beta: how many times as much recall counts as precision.
    """
    whole = sum(probabilities)
    best, size, held = 0.0, 0, 0.0
    for number, probability in enumerate(probabilities[:limit], start=1):
        held += probability
        value = (1 + beta**2) * held / (number + beta**2 * whole)
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
