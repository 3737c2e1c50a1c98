"""Whether the corpus holds an answer: answer, or abstain and say why. The one place where that is decided."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.query.analyzer import counted_terms
from assistant.query.query import Query
from assistant.ranking.ranker import RankedEntries, RankedEntry
from assistant.ranking.weights import load_weights
from assistant.types import Reason
from store.lexical import terms

_LOOK = 5
_SECOND = 2
_NOTHING = -12.0
_SENTENCES = 3
_FIGURE = re.compile(
    r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|half|twice|double|dozens?|hundreds?|thousands?|millions?|billions?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to answer.

    Args:
        reason: why not; None where it is answered.
        probability: that the corpus holds an answer.
    """

    reason: Reason | None
    probability: float


def answerability_features(ranked: RankedEntries) -> dict[str, float]:
    """How well the best entries fit a question.

    ``best`` and ``second`` are log odds; ``reader``, ``dense`` and ``sentence`` the best of the first five; ``first_evidence`` is the first one's;
    ``figure_missing``: a figure is asked for and none of its best sentences holds one; ``counted_missing``: it never names what is to be counted.
    """
    top, first = ranked.entries[:_LOOK], ranked.entries[:1]
    scores = [one.rank_score for one in top]

    def best(name: str, default: float) -> float:
        return max((one.features.get(name, default) for one in top), default=default)

    asks_figure = ranked.query.question.quantity
    return {
        "best": scores[0] if scores else _NOTHING,
        "second": scores[_SECOND - 1] if len(scores) >= _SECOND else _NOTHING,
        "reader": best("reader", _NOTHING),
        "dense": best("dense", 0.0),
        "sentence": best("sentence", 0.0),
        "first_evidence": first[0].features.get("evidence", _NOTHING) if first else _NOTHING,
        "figure_missing": float(asks_figure and not any(_FIGURE.search(e.quote) for one in first for e in one.sentences[:_SENTENCES])),
        "counted_missing": float(_is_counted_missing(first, ranked.query)),
    }


def _is_counted_missing(first: Sequence[RankedEntry], query: Query) -> bool:
    """Whether a question asks how many of something there are that the best paper never names."""
    counted = counted_terms(query.question.text)
    return bool(counted) and not any(counted & set(terms(f"{one.entry.title or ''} {one.entry.abstract}")) for one in first)


def assess(ranked: RankedEntries) -> Verdict:
    """Decide for a question.

    A list has a model of its own: it is refused only where no likely member is there.
    """
    if not ranked.entries:
        return Verdict("no-topic", 0.0)
    weights, question = load_weights(), ranked.query.question
    suffix = "" if ranked.read else "_unread"
    name = "list_answerable" if question.mode == "list" else "answerable"
    features = answerability_features(ranked)
    probability = weights.models[name + suffix].probability(features)
    if question.facet is not None or question.mentions or probability >= weights.thresholds[name + suffix]:
        return Verdict(None, probability)
    if question.mode == "list":
        return Verdict("no-topic", probability)
    on_subject = weights.models["on_subject" + suffix].probability(features) >= weights.thresholds["on_subject" + suffix]
    return Verdict("not-in-abstracts" if on_subject else "no-topic", probability)
