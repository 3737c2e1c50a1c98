"""What is measured of an entry for a question before anything is read: vectors and words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from assistant.query.query import Query
from store.retrieve import Candidate
from store.term_rows import HeldTerms, Wanted, held_terms
from store.types import Span


@dataclass(frozen=True, slots=True)
class EntryFeatures:
    """Features of an entry and of its sentences.

    Args:
        values: ``dense`` (best chunk's cosine), ``sentence`` (best sentence's), ``title`` (title's), ``coverage`` (share of the question's terms it
            holds, by inverse document frequency), ``sentence_coverage`` (the same of its best sentence), ``phrase`` (share of adjacent terms
            held adjacent).
        terms: which of the question's terms it holds.
        spans: of its sentences in the abstract.
        cosines: of each sentence with the question.
        coverage: of each sentence.
    """

    values: Mapping[str, float]
    terms: frozenset[str]
    spans: tuple[Span, ...]
    cosines: tuple[float, ...]
    coverage: tuple[float, ...]


def entry_features(candidate: Candidate, query: Query, wanted: Wanted) -> EntryFeatures:
    """Measure a candidate.

    Args:
        candidate: from retrieval.
        query: the question.
        wanted: its terms, for looking them up.
    """
    matches = held_terms([chunk.terms for chunk in candidate.chunks], wanted)
    values = [chunk.rows @ query.vector for chunk in candidate.chunks]
    cosines = tuple(v for of_chunk in values for v in of_chunk[1:].tolist())
    coverage = tuple(_coverage(of_sentence, query.idf) for of_sentence in matches.sentences) or (0.0,) * len(cosines)
    return EntryFeatures(
        {
            "dense": candidate.dense,
            "sentence": max(cosines, default=0.0),
            "title": max(0.0, *(float(of_chunk[0]) for of_chunk in values)),
            "coverage": _coverage(matches.whole, query.idf),
            "sentence_coverage": max(coverage, default=0.0),
            "phrase": _phrase(wanted.terms, matches),
        },
        matches.whole,
        tuple(span for chunk in candidate.chunks for span in chunk.sentences),
        cosines,
        coverage,
    )


def _coverage(matched: Collection[str], idf: Mapping[str, float]) -> float:
    total = sum(idf.values())
    return sum(weight for term, weight in idf.items() if term in matched) / total if matched and total else 0.0


def _phrase(wanted: Sequence[str], matches: HeldTerms) -> float:
    pairs = set(pairwise(wanted))
    if not pairs:
        return float(bool(wanted) and wanted[0] in matches.whole)
    return len(pairs & matches.pairs) / len(pairs)
