"""Candidates to evidence: how well each entry, and each of its sentences, fits a question."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from assistant.analyse import Question, content_terms
from assistant.hostile import gives_orders
from assistant.types import Evidence
from store.lexical import terms
from store.retrieve import POOL, Candidate, retrieve, standardise
from store.store import Store
from store.term_rows import HeldTerms, Wanted, held_terms
from store.types import Entry, Filtered

Vector = npt.NDArray[np.float32]

DEEP = 120
# The order of entries: weights of standardised features, chosen on one half of four sets (docs/retrieval.md).
STANDING = {"dense": 0.4, "lexical": 0.2, "title": 0.1, "coverage": 0.2, "phrase": 0.1}
# What counts in a sentence besides its cosine; docs/retrieval.md has the figures.
_COVERAGE = 0.35
_STATED = 0.05
_LATE = 0.2
_FIGURE = 0.08
STATES = re.compile(
    r"\b(?:we|our|this (?:paper|work)|results?|experiments?)\b[^.;]{0,60}\b(?:show|find|found|prove|propos|introduc|demonstrat|reveal|conclude|suggest|observe|"
    r"establish|present|achiev|indicate|adds?|corrects?|comput)",
    re.IGNORECASE,
)
# A sentence that speaks to a program is no evidence for a reader.
_ORDER = 1.0
# What is wrong with what exists is said early, and in these words.
_PROBLEM = 0.1
_TROUBLED = re.compile(
    r"\b(?:however|although|though|but|lacks?|lacking|limit(?:s|ed|ations?)|fails?|failures?|suffers?|challeng(?:es?|ing)|problems?|difficult(?:y|ies)?|issues?|gaps?|"
    r"costly|expensive|hard|cannot|unable|ignor(?:es?|ed|ing)|neglect(?:s|ed|ing)?|require[sd]?|drawbacks?|insufficient|scarce|poor(?:ly)?|existing|previous|current)\b",
    re.IGNORECASE,
)
# A sentence that only says where code or data are answers hardly any question.
_POINTER = 0.3
_POINTS = re.compile(
    r"https?://|\b(?:code|models?|implementation|data ?sets?|project page)\b[^.]{0,60}\b(?:is|are|will be|made)\b[^.]{0,40}\b(?:available|released|open-sourced?|found)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Scored:
    """An entry with its evidence.

    Args:
        entry: the entry.
        candidate: its retrieval scores.
        features: ``dense``, ``sentence`` (best sentence's cosine), ``title`` (title's cosine), ``coverage`` (share of the
            question's terms it holds, by inverse document frequency), ``sentence_coverage`` (the same of its best sentence) and
            ``phrase`` (share of adjacent terms held adjacent).
        terms: which of the question's terms it holds.
        weigh: gives its sentences, best first; called when they are asked for.
        standing: how well it fits beside the others found for the question; comparable within one question only.
    """

    entry: Entry
    candidate: Candidate
    features: dict[str, float]
    terms: frozenset[str]
    weigh: Callable[[], tuple[Evidence, ...]]
    standing: float = 0.0

    @cached_property
    def sentences(self) -> tuple[Evidence, ...]:
        """Its sentences, best first."""
        return self.weigh()


def gather(store: Store, text: str, question: Question, *, within: Filtered | None = None, deep: int = DEEP) -> list[Scored]:
    """Retrieve and score.

    Args:
        store: the corpus.
        text: what to look for: the topic or the question.
        question: the question as understood.
        within: only these entries.
        deep: entries whose sentences are scored.

    Returns:
        Entries, best first by :data:`STANDING`'s weights.
    """
    vector = store.embedder.embed_query(text)
    wanted = content_terms(text)
    found = retrieve(store, vector, dict(Counter(terms(text))), pool=max(POOL, deep), count=deep, within=within)
    idf = term_weights(store, wanted)
    entries = store.ledger.entries([c.id for c in found])
    asked = Wanted.of(idf)
    return _ordered([_score(entries[c.id], c, vector, asked, idf, question) for c in found if c.id in entries])


def _ordered(found: Sequence[Scored]) -> list[Scored]:
    """Entries with their standing, best first."""
    total = np.zeros(len(found))
    for name, weight in STANDING.items():
        total += weight * standardise([s.candidate.lexical if name == "lexical" else s.features[name] for s in found])
    return sorted((replace(s, standing=float(t)) for s, t in zip(found, total, strict=True)), key=lambda s: (-s.standing, s.entry.id))


def term_weights(store: Store, wanted: Iterable[str]) -> dict[str, float]:
    """Inverse document frequency of terms, 0 to 1: 1 for a term that no entry holds."""
    total = store.lexical.count()
    most = math.log(1 + total) or 1.0
    return {term: math.log(1 + total / (1 + store.lexical.frequency(term))) / most for term in wanted}


def _score(entry: Entry, candidate: Candidate, vector: Vector, wanted: Wanted, idf: dict[str, float], question: Question) -> Scored:
    held = held_terms([chunk.terms for chunk in candidate.chunks], wanted)
    values = [chunk.rows @ vector for chunk in candidate.chunks]
    cosines = [v for of_chunk in values for v in of_chunk[1:].tolist()]
    cover = [_coverage(of_sentence, idf) for of_sentence in held.sentences] or [0.0] * len(cosines)
    features = {
        "dense": candidate.dense,
        "sentence": max(cosines, default=0.0),
        "title": max(0.0, *(float(of_chunk[0]) for of_chunk in values)),
        "coverage": _coverage(held.whole, idf),
        "sentence_coverage": max(cover, default=0.0),
        "phrase": _phrase(wanted.terms, held),
    }
    return Scored(entry, candidate, features, held.whole, lambda: _sentences(entry, candidate, question, cosines, cover))


def _sentences(
    entry: Entry, candidate: Candidate, question: Question, cosines: Sequence[float], cover: Sequence[float]
) -> tuple[Evidence, ...]:
    spans = [span for chunk in candidate.chunks for span in chunk.sentences]
    found = []
    for place, (span, cosine, share) in enumerate(zip(spans, cosines, cover, strict=True)):
        quote = entry.abstract[span.start : span.end]
        score = cosine + _COVERAGE * share + _manner(quote) + _FIGURE * (question.quantity and _holds_figure(quote))
        score += _PROBLEM * _is_troubled(quote) if question.problem else _LATE * place / max(1, len(spans) - 1)
        found.append(Evidence(entry.id, quote, span.start, span.end, "abstract", score))
    return tuple(sorted(found, key=lambda e: (-e.score, e.start)))


def points_elsewhere(sentence: str) -> bool:
    """Whether a sentence says where code or data are."""
    return _POINTS.search(sentence) is not None


@lru_cache(maxsize=20_000)
def _manner(sentence: str) -> float:
    """What a sentence's own words add, whatever is asked."""
    pointer = _POINTER * points_elsewhere(sentence)
    return _STATED * (STATES.search(sentence) is not None) - pointer - _ORDER * gives_orders(sentence)


@lru_cache(maxsize=20_000)
def _is_troubled(sentence: str) -> bool:
    return _TROUBLED.search(sentence) is not None


@lru_cache(maxsize=20_000)
def _holds_figure(sentence: str) -> bool:
    return any(ch.isdigit() for ch in sentence)


def _coverage(held: Collection[str], idf: dict[str, float]) -> float:
    if not held:
        return 0.0
    whole = sum(idf.values())
    return sum(weight for term, weight in idf.items() if term in held) / whole if whole else 0.0


def _phrase(wanted: Sequence[str], held: HeldTerms) -> float:
    pairs = set(pairwise(wanted))
    if not pairs:
        return float(bool(wanted) and wanted[0] in held.whole)
    return len(pairs & held.pairs) / len(pairs)


def rank_sentences(found: Sequence[Scored], limit: int) -> list[Evidence]:
    """The best sentences of the best entries.

    Args:
        found: entries, best first.
        limit: entries looked at.

    Returns:
        Sentences with a score that adds the entry's standing to the sentence's own.
    """
    top = found[:limit]
    standing = standardise([s.standing for s in found])[: len(top)]
    pool = [
        Evidence(e.entry, e.quote, e.start, e.end, e.field, e.score + 0.12 * float(z))
        for s, z in zip(top, standing, strict=True)
        for e in s.sentences
    ]
    return sorted(pool, key=lambda e: (-e.score, e.entry, e.start))
