"""What each sentence of an abstract is there for: background, objective, method, result or other.

A logistic model over words, word pairs, opening words and the sentence's place, decoded with the transitions between roles (Viterbi 1967); fitted on CSAbstruct
(Cohan et al. 2019) by ``python -m evals.roles``. docs/summaries.md has the figures.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Literal, get_args

import numpy as np

Role = Literal["background", "objective", "method", "result", "other"]
ROLES: tuple[Role, ...] = get_args(Role)
_TOKEN = re.compile(r"[a-z]+(?:[-'][a-z]+)*|\d+|[%?:]")
_OPENING = 3
_FIFTHS = 5


@dataclass(frozen=True, slots=True)
class RoleModel:
    """A fitted model.

    Args:
        weights: of each feature, one a role, in the order of :data:`ROLES`.
        intercept: one a role.
        transitions: log odds of a role after another beyond what is usual for it, ``[role before, role]``; the last row is for the first sentence.
    """

    weights: Mapping[str, Sequence[float]]
    intercept: Sequence[float]
    transitions: Sequence[Sequence[float]]

    def label(self, sentences: Sequence[str]) -> tuple[Role, ...]:
        """The likeliest roles of an abstract's sentences, together."""
        if not sentences:
            return ()
        count = len(sentences)
        scores = np.tile(np.asarray(self.intercept), (count, 1))
        for place in range(count):
            for name, value in features(sentences, place).items():
                if name in self.weights:
                    scores[place] += value * np.asarray(self.weights[name])
        scores -= np.log(np.exp(scores - scores.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)) + scores.max(axis=1, keepdims=True)
        moves = np.asarray(self.transitions)
        best, back = scores[0] + moves[-1], []
        for place in range(1, count):
            step = best[:, None] + moves[:-1]
            back.append(step.argmax(axis=0))
            best = step.max(axis=0) + scores[place]
        path = [int(best.argmax())]
        for pointers in reversed(back):
            path.append(int(pointers[path[-1]]))
        return tuple(ROLES[n] for n in reversed(path))


def features(sentences: Sequence[str], place: int) -> dict[str, float]:
    """Features of one sentence of an abstract.

    Args:
        sentences: all of them.
        place: which one, from 0.
    """
    words = ["<number>" if token.isdigit() else token for token in _TOKEN.findall(sentences[place].lower())]
    count = len(sentences)
    found = {f"w {word}": 1.0 for word in words}
    found |= {f"p {one} {two}": 1.0 for one, two in pairwise(words)}
    found |= {f"o{n} {word}": 1.0 for n, word in enumerate(words[:_OPENING])}
    return found | {
        "place": place / max(1, count - 1),
        "first": float(place == 0),
        "last": float(place == count - 1),
        f"fifth {_FIFTHS * place // count}": 1.0,
    }


@lru_cache(maxsize=1)
def role_model() -> RoleModel:
    """The shipped model."""
    data = json.loads(files("assistant").joinpath("roles.json").read_text(encoding="utf-8"))
    return RoleModel(data["weights"], data["intercept"], data["transitions"])


@lru_cache(maxsize=4_000)
def roles_of(sentences: tuple[str, ...]) -> tuple[Role, ...]:
    """The roles of an abstract's sentences, by the shipped model."""
    return role_model().label(sentences)
