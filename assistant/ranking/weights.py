"""Fitted models as data: ``weights.json``, written by ``python -m evals.training.calibrate``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from store.store import Store

_CLIP = 50.0


@dataclass(frozen=True, slots=True)
class LogisticModel:
    """A logistic model: weights by feature, and the intercept."""

    weights: Mapping[str, float]
    intercept: float

    def logit(self, features: Mapping[str, float]) -> float:
        """Log odds for one case."""
        return self.intercept + sum(weight * features[name] for name, weight in self.weights.items())

    def probability(self, features: Mapping[str, float]) -> float:
        """Probability for one case."""
        return logistic(self.logit(features))


@dataclass(frozen=True, slots=True)
class Weights:
    """All fitted models.

    Args:
        models: by name: ``member`` and ``answer`` say how likely a paper that was read belongs to a set or holds an answer,
            ``member_unread`` and ``answer_unread`` the same without the reader; ``sentence`` and ``sentence_unread`` how likely a sentence is
            the evidence; ``answerable`` and ``list_answerable`` whether a question can be answered; ``on_subject`` whether
            papers on its subject are there, given that it cannot.
        thresholds: least probabilities of ``answerable`` and ``list_answerable`` for which a question is answered.
    """

    models: Mapping[str, LogisticModel]
    thresholds: Mapping[str, float]


def logistic(logit: float) -> float:
    """The probability of log odds."""
    return 1 / (1 + math.exp(-max(-_CLIP, min(_CLIP, logit))))


@lru_cache(maxsize=1)
def load_weights() -> Weights:
    """The weights that are shipped."""
    data = json.loads(files("assistant.ranking").joinpath("weights.json").read_text(encoding="utf-8"))
    models = {name: LogisticModel(one["weights"], one["intercept"]) for name, one in data["models"].items()}
    return Weights(models, data["thresholds"])


def idf_weights(store: Store, wanted: Iterable[str]) -> dict[str, float]:
    """Inverse document frequency of terms, 0 to 1: 1 for a term that no entry holds."""
    total = store.lexical.count()
    most = math.log(1 + total) or 1.0
    return {term: math.log(1 + total / (1 + store.lexical.frequency(term))) / most for term in wanted}
