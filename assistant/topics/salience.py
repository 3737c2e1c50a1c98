"""How much a sentence of an abstract tells of what the paper brings: what a reader would take down.

A logistic model over what the sentence is there for (:mod:`assistant.roles`), its place, its words' share in the title and how it opens; fitted on ACLSum's highlights and on the evidence people named for facts and
comparisons by ``python -m evals.salience``. docs/summaries.md has the figures.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files

from assistant.ranking.weights import LogisticModel
from assistant.roles import ROLES, roles_of
from store.lexical import terms

_WE = r"\b(?:we|this (?:paper|work|study))\b"
_CUES = {
    "finds": r"\b(?:we|our|results?|experiments?|analysis|evidence|this (?:paper|work|study))\b[^.;]{0,50}\b(?:show|find|found|prove|demonstrat|reveal|observe|conclude|establish|discover|uncover|indicate|suggest|confirm)",
    "proposes": rf"(?:{_WE}|\bhere\b)[^.;]{{0,40}}\b(?:propos|introduc|present|develop|design|formulat|devis|call)",
    "studies": rf"{_WE}[^.;]{{0,40}}\b(?:stud|investigat|examin|analy[sz]|explor|ask|consider|revisit|compar|evaluat)",
    "hopes": r"\b(?:hope|future|opens? (?:the|a|up)|pave|potential(?:ly)?|may serve|could|promising|insights?|code|available)\b",
    "shows that": r"\b(?:show|find|prove|demonstrate|reveal|observe)s? (?:that|how)\b",
    "better": r"\b(?:outperform|state-of-the-art|achiev|improv|surpass|superior|significant|better|reduc|up to)",
    "figure": r"\d",
    "tests": r"\b(?:experiment|evaluat|dataset|benchmark|case study|validate|empirical)",
    "adds": r"^(?:moreover|furthermore|in addition|additionally|also|finally|second|third|then|we also|we further|to this end|specifically|in particular|for example|for instance)\b",
    "but": r"\b(?:however|although|but|unlike|contrary|while|despite|yet|in contrast)\b",
    "how": r"\b(?:because|since|due to|by|using|based on|through|which)\b",
    "is": r"\b(?:is|are|can)\b",
    "refers": r"^(?:this|these|it|they|such)\b",
}
_PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _CUES.items()}
_LONG, _SHORT = 60, 10
_FAR = 5


def features(sentences: Sequence[str], title: str | None) -> list[dict[str, float]]:
    """Features of each sentence of an abstract.

    Args:
        sentences: all of them, in order.
        title: the paper's.
    """
    roles = roles_of(tuple(sentences))
    named = set(terms(title or ""))
    words = [set(terms(sentence)) for sentence in sentences]
    seen = Counter(term for held in words for term in held)
    count = len(sentences)
    own = next((n for n, s in enumerate(sentences) if any(_PATTERNS[p].search(s) for p in ("proposes", "studies", "finds"))), count)
    rows = []
    for place, sentence in enumerate(sentences):
        held = words[place]
        row = {f"role {role}": float(roles[place] == role) for role in ROLES}
        row |= {name: float(pattern.search(sentence) is not None) for name, pattern in _PATTERNS.items()}
        row |= {
            "place": place / max(1, count - 1),
            "first": float(place == 0),
            "last": float(place == count - 1),
            "title": len(held & named) / len(named) if named else 0.0,
            "shared": sum(seen[term] > 1 for term in held) / len(held) if held else 0.0,
            "length": min(len(sentence.split()), _LONG) / (_LONG / 2),
            "short": float(len(sentence.split()) < _SHORT),
            "opens": float(place == own),
            "before": float(place < own),
            "after": min(_FAR, max(0, place - own)) / _FAR,
        }
        rows.append(row)
    return rows


@lru_cache(maxsize=1)
def _model() -> LogisticModel:
    data = json.loads(files("assistant").joinpath("topics", "salience.json").read_text(encoding="utf-8"))
    return LogisticModel(data["weights"], data["intercept"])


@lru_cache(maxsize=4_000)
def salience(sentences: tuple[str, ...], title: str | None) -> tuple[float, ...]:
    """Log odds that each sentence of an abstract is one that a reader would take down."""
    model = _model()
    return tuple(model.intercept + sum(model.weights[name] * value for name, value in row.items()) for row in features(sentences, title))
