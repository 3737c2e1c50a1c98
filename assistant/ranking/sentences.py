"""Which sentence of an entry answers a question: the reader's evidence head together with vectors and words."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from assistant.hostile import gives_orders
from assistant.ranking.features import EntryFeatures
from assistant.ranking.weights import load_weights, logistic
from assistant.types import Evidence
from store.types import Entry

# What a sentence's words weigh beside its cosine when it is chosen to be read (docs/results/ranking.md).
_COVERAGE = 0.35
# A sentence that speaks to a program is no evidence for a reader of answers.
_ORDER_LOGIT = -8.0
# Says what the paper finds or proposes.
STATES = re.compile(
    r"\b(?:we|our|this (?:paper|work)|results?|experiments?)\b[^.;]{0,60}\b(?:show|find|found|prove|propos|introduc|demonstrat|reveal|conclude|"
    r"suggest|observe|establish|present|achiev|indicate|adds?|corrects?|comput)",
    re.IGNORECASE,
)
# Says where code or data are, which answers hardly any question.
_POINTS = re.compile(
    r"https?://|\b(?:code|models?|implementation|data ?sets?|project page)\b[^.]{0,60}\b(?:is|are|will be|made)\b[^.]{0,40}\b"
    r"(?:available|released|open-sourced?|found)\b",
    re.IGNORECASE,
)


def reading_order(measured: EntryFeatures) -> tuple[int, ...]:
    """Places of an entry's sentences, those that fit the question best by vectors and words first."""
    scores = np.array(measured.cosines) + _COVERAGE * np.array(measured.coverage)
    return tuple(np.argsort(-scores, kind="stable").tolist())


def rank_sentences_of(entry: Entry, measured: EntryFeatures, evidence: Mapping[int, float]) -> tuple[Evidence, ...]:
    """An entry's sentences with the probability that each is the evidence asked for, best first.

    Args:
        entry: the entry.
        measured: its features.
        evidence: the reader's logits by place; empty where it was not read.
    """
    models = load_weights().models
    found = []
    for place, span in enumerate(measured.spans):
        quote = entry.abstract[span.start : span.end]
        features = sentence_features(measured, place)
        if place in evidence:
            logit = models["sentence"].logit(features | {"evidence": evidence[place]})
        else:
            logit = models["sentence_unread"].logit(features)
            if evidence:
                # The reader saw others that fit better.
                logit = min(logit, min(models["sentence"].logit(features | {"evidence": min(evidence.values())}), logit))
        found.append(Evidence(entry.id, quote, span.start, span.end, "abstract", logistic(logit + _ORDER_LOGIT * gives_orders(quote))))
    return tuple(sorted(found, key=lambda e: (-e.score, e.start)))


def sentence_features(measured: EntryFeatures, place: int) -> dict[str, float]:
    """Features of a sentence beside the reader's: cosine, share of the question's terms, and how late it comes (0 first, 1 last)."""
    return {
        "cosine": measured.cosines[place],
        "coverage": measured.coverage[place],
        "late": place / max(1, len(measured.spans) - 1),
    }


def points_elsewhere(sentence: str) -> bool:
    """Whether a sentence says where code or data are."""
    return _POINTS.search(sentence) is not None
