"""Documents and questions as word pieces, in flat arrays that travel well."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Pieces = npt.NDArray[np.int32]
MAX_DOCUMENT = 320
MAX_QUESTION = 64
CLS, SEP = 101, 102
DOCUMENTS, QUESTIONS = "documents.npz", "questions.jsonl.gz"


@dataclass(frozen=True)
class Documents:
    """Titles and abstracts in word pieces, cut at :data:`MAX_DOCUMENT`.

    Args:
        ids: word pieces of all documents, one after another ``[total]``, without special tokens.
        starts: where each begins ``[n + 1]``.
        title: pieces of each title ``[n]``.
        sentence_starts: where the sentences of each begin in the two arrays below ``[n + 1]``.
        first: first piece of each sentence, counted from its document's start ``[sentences]``.
        last: one past its last piece; a sentence beyond the cut has none.
        source: number of the collection that each document belongs to ``[n]``.
    """

    ids: npt.NDArray[np.uint16]
    starts: npt.NDArray[np.int64]
    title: npt.NDArray[np.int32]
    sentence_starts: npt.NDArray[np.int64]
    first: npt.NDArray[np.uint16]
    last: npt.NDArray[np.uint16]
    source: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.title)

    def pieces(self, number: int) -> Pieces:
        """Word pieces of a document."""
        return self.ids[self.starts[number] : self.starts[number + 1]].astype(np.int32)

    def sentences(self, number: int) -> list[tuple[int, int]]:
        """Piece spans of its sentences; empty ones are kept, so that places stay what they are."""
        span = slice(self.sentence_starts[number], self.sentence_starts[number + 1])
        return list(zip(self.first[span].tolist(), self.last[span].tolist(), strict=True))

    def save(self, folder: Path) -> None:
        """Write them to a folder."""
        np.savez_compressed(folder / DOCUMENTS, **{name: getattr(self, name) for name in self.__dataclass_fields__})

    @classmethod
    def load(cls, folder: Path) -> Documents:
        """Read what :meth:`save` wrote."""
        with np.load(folder / DOCUMENTS) as held:
            return cls(**{name: held[name] for name in cls.__dataclass_fields__})


def tokenize(rows: Sequence[tuple[int, str, str]], encode: Any, split: Any, limit: int = MAX_DOCUMENT) -> Documents:
    """Documents of texts.

    Args:
        rows: source, title and abstract of each.
        encode: texts to objects with ``ids`` and ``offsets``, without special tokens.
        split: an abstract to spans with ``start`` and ``end``.
        limit: pieces kept of each.
    """
    ids, lengths, titles, counts, first, last = [], [], [], [], [], []
    for start in range(0, len(rows), 2000):
        part = rows[start : start + 2000]
        heads = [f"{title}\n" if title else "" for _, title, _ in part]
        encodings = encode([head + text for head, (_, _, text) in zip(heads, part, strict=True)])
        for head, (_, _, text), encoding in zip(heads, part, encodings, strict=True):
            kept = np.array(encoding.ids[:limit], np.uint16)
            begins = np.array([begin for begin, _ in encoding.offsets[:limit]], np.int64)
            spans = split(text)
            ids.append(kept)
            lengths.append(len(kept))
            titles.append(int(np.searchsorted(begins, max(0, len(head) - 1))))
            counts.append(len(spans))
            first += np.searchsorted(begins, [span.start + len(head) for span in spans]).tolist()
            last += np.searchsorted(begins, [span.end + len(head) for span in spans]).tolist()
    return Documents(
        np.concatenate(ids),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.array(titles, np.int32),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.array(first, np.uint16),
        np.array(last, np.uint16),
        np.array([source for source, _, _ in rows], np.uint8),
    )


@dataclass(frozen=True)
class Question:
    """A question with what is known of it.

    Args:
        id: its name.
        kind: ``list``, ``answer``, ``compare`` or ``none`` (the documents do not answer it) as in ml_questions; ``claim`` and ``search``
            for SciFact and LitSearch, where only the documents that belong are known; ``free`` where nothing is.
        split: ``train`` or ``dev``.
        source: the collection it is asked of.
        ids: its word pieces.
        noisy: the same with slips of the keyboard, twice.
        documents: numbers of the judged documents.
        grades: 2 belongs, 1 borderline, 0 does not; one a document.
        evidence: (place among the documents, sentence) of the marked sentences.
        lexical: numbers of the documents that BM25 finds first.
    """

    id: str
    kind: str
    split: str
    source: int
    ids: Pieces
    noisy: tuple[Pieces, ...]
    documents: tuple[int, ...]
    grades: tuple[int, ...]
    evidence: frozenset[tuple[int, int]]
    lexical: tuple[int, ...]

    @property
    def relevant(self) -> tuple[int, ...]:
        """Numbers of the documents that belong; the borderline ones where there is none else."""
        best = max(self.grades, default=0)
        return tuple(d for d, g in zip(self.documents, self.grades, strict=True) if g == best) if best else ()


def save_questions(rows: Iterable[Mapping[str, Any]], folder: Path) -> None:
    """Write questions, as rows of :class:`Question`'s fields, to a folder."""
    with gzip.open(folder / QUESTIONS, "wt", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, separators=(",", ":")) + "\n")


def load_questions(folder: Path) -> list[Question]:
    """Read what :func:`save_questions` wrote."""
    return list(_questions(folder))


def _questions(folder: Path) -> Iterator[Question]:
    with gzip.open(folder / QUESTIONS, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            yield Question(
                id=row["id"],
                kind=row["kind"],
                split=row["split"],
                source=row["source"],
                ids=np.array(row["ids"], np.int32),
                noisy=tuple(np.array(ids, np.int32) for ids in row["noisy"]),
                documents=tuple(row["documents"]),
                grades=tuple(row["grades"]),
                evidence=frozenset((place, sentence) for place, sentence in row["evidence"]),
                lexical=tuple(row["lexical"]),
            )
