"""The terms of a chunk's title and sentences, analysed once and packed, so that a question need not analyze them again.

Each term is kept as the CRC-32 of its letters; two terms of a language's vocabulary that a question and an entry hold are
confused about once in a million pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from zlib import crc32

import numpy as np
import numpy.typing as npt

from store.abbreviations import expansions
from store.lexical import split_terms

_NUMBER = np.dtype("<u4")
# A row's terms come in three parts: words in order, compounds written as one, the other forms of abbreviations.
_PARTS = 3
_IN_ORDER = 2


@dataclass(frozen=True, slots=True)
class HeldTerms:
    """Which of a question's terms an entry holds.

    Args:
        whole: those of its title and abstract.
        pairs: which of them stand side by side, in order.
        sentences: those of each sentence, abbreviations written out; none at all where nothing was looked for.
    """

    whole: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    sentences: tuple[frozenset[str], ...]


def pack_terms(title: str | None, sentences: Sequence[str], abstract: str) -> bytes:
    """The terms of a title and of sentences.

    Args:
        title: the entry's; None where it has none.
        sentences: of one chunk.
        abstract: the text that defines the abbreviations in them.
    """
    rows: list[tuple[Sequence[str], ...]] = [(*split_terms(title or ""), ())]
    for sentence in sentences:
        words, joined = split_terms(sentence)
        rows.append((words, joined, sorted(expansions({*words, *joined}, abstract))))
    parts = [row[part] for part in range(_PARTS) for row in rows]
    numbers = [len(rows), *map(len, parts), *(crc32(term.encode()) for part in parts for term in part)]
    return np.array(numbers, dtype=_NUMBER).tobytes()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Terms to look for in many entries.

    Args:
        terms: in the question's order, each once.
        numbers: what each is kept as, smallest first.
        order: the place in ``terms`` of each of these.
    """

    terms: tuple[str, ...]
    numbers: npt.NDArray[np.uint32]
    order: npt.NDArray[np.intp]

    @classmethod
    def of(cls, terms: Iterable[str]) -> Wanted:
        """From the terms alone."""
        terms = tuple(terms)
        numbers = np.array([crc32(term.encode()) for term in terms], dtype=_NUMBER)
        order = np.argsort(numbers)
        return cls(terms, numbers[order], order)


def held_terms(chunks: Sequence[bytes], wanted: Wanted) -> HeldTerms:
    """Look for terms in an entry.

    Args:
        chunks: the packed terms of its chunks, in order.
        wanted: the terms.
    """
    ranked = wanted.numbers
    run: list[tuple[int, str]] = []
    sentences: list[set[str]] = []
    whole: set[str] = set()
    passed = 0
    for blob in chunks if len(ranked) else ():
        data = np.frombuffer(blob, dtype=_NUMBER)
        rows = int(data[0])
        ends = list(accumulate(data[1 : 1 + _PARTS * rows].tolist()))
        terms = data[1 + _PARTS * rows :]
        held: list[set[str]] = [set() for _ in range(rows)]
        places = np.minimum(np.searchsorted(ranked, terms), len(ranked) - 1)
        hits = np.flatnonzero(ranked[places] == terms)
        part = 0
        for place, number in zip(hits.tolist(), wanted.order[places[hits]].tolist(), strict=True):
            while place >= ends[part]:
                part += 1
            row = part % rows
            held[row].add(wanted.terms[number])
            # Every chunk begins with the title; it stands before the first sentence only.
            if part < _IN_ORDER * rows and (row or not passed):
                run.append((passed + place, wanted.terms[number]))
        whole.update(*held)
        sentences += held[1:]
        passed += len(terms) + 1
    pairs = {(one, other) for (at, one), (then, other) in pairwise(run) if then == at + 1}
    return HeldTerms(frozenset(whole), frozenset(pairs), tuple(map(frozenset, sentences)))
