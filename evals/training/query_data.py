"""Labelled questions and conversations as the query model learns them: words with tags, kinds, and what a follow-up refers to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from assistant.query.labels import KINDS, PAPER_TYPES, REFERENCES, SORTS, TAGS, split_words
from assistant.query.model import context_of
from evals.cases import read_rows
from store.lexical import word_terms

DATA = Path(__file__).resolve().parents[1] / "data"
LABELS, KINDS_ONLY, CONVERSATIONS = DATA / "query_labels.jsonl", DATA / "question_kinds.jsonl", DATA / "conversations.jsonl"
# Kinds that a label of ml_questions leaves open.
ML_KINDS = {"list": ("list",), "answer": ("fact", "yesno", "definition"), "compare": ("compare", "twosided")}
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")


@dataclass(frozen=True)
class Example:
    """A question with what is known of it.

    Args:
        text: the question.
        context: what was said before, as :func:`assistant.query.model.context_of` writes it; empty where nothing was.
        kinds: the kind, or those among which it is.
        tags: for each word 1 or 0 a tag ``[words, tags]``; None where nobody marked them.
        sort: place in ``SORTS``; None where unknown.
        paper_type: place in ``PAPER_TYPES``; None where unknown.
        reference: place in ``REFERENCES``; None outside a conversation.
        weight: how much it counts.
        source: where it is from.
    """

    text: str
    context: str = ""
    kinds: tuple[str, ...] = ()
    tags: tuple[tuple[int, ...], ...] | None = None
    sort: int | None = None
    paper_type: int | None = None
    reference: int | None = None
    weight: float = 1.0
    source: str = ""


def _folded(text: str) -> str:
    return " ".join(word_terms(text)) or text.lower()


def mark(words: Sequence[str], phrase: str) -> set[int]:
    """Places of the words that a phrase names: where it stands as a whole, else wherever its words are."""
    wanted = [_folded(word.text) for word in split_words(phrase) if any(c.isalnum() for c in word.text)]
    folded = [_folded(word) for word in words]
    for start in range(len(words) - len(wanted) + 1):
        if folded[start : start + len(wanted)] == wanted:
            return set(range(start, start + len(wanted)))
    return {place for place, word in enumerate(folded) if word in wanted and len(word) > 1}


def tags_of(row: dict[str, Any]) -> tuple[tuple[int, ...], ...]:
    """Tags of the words of a labelled question."""
    typed = [word.text for word in split_words(row["q"])]
    typos = {wrong.lower(): right for wrong, right in row["typos"].items()}
    words = [typos.get(word.lower(), word) for word in typed]
    places: dict[str, set[int]] = {tag: set() for tag in TAGS}
    places["topic"] = {
        place for place in mark(words, row["topic"]) if any(c.isalnum() for c in words[place])
    } if row["topic"] else set()  # fmt: skip
    for tag in ("exclude", "any", "all", "sides"):
        for phrase in row[tag]:
            places[tag] |= mark(words, phrase)
    for tag in ("author", "venue"):
        if row[tag]:
            places[tag] = mark(words, row[tag])
    if row["years"] and row["years"] != "none":
        ends = {int(y) for y in row["years"] if y} if isinstance(row["years"], list) else set()
        near = ends | {y + 1 for y in ends} | {y - 1 for y in ends}
        places["year"] = {n for n, w in enumerate(words) if any(int(y) in near for y in _YEAR.findall(w))}
    return tuple(tuple(int(place in places[tag]) for tag in TAGS) for place in range(len(words)))


def context_of_turns(turns: Sequence[dict[str, Any]]) -> str:
    """What was said before, as the model reads it."""
    return context_of([turn["q"] for turn in turns], turns[-1].get("cited", ()))


def labelled(path: Path, *, hands: Sequence[str] | None = None) -> Iterator[Example]:
    """Questions labelled in full.

    Args:
        path: JSON Lines as ``evals/data/query_labels.jsonl``.
        hands: which hands' questions; all by default.
    """
    for _, row in read_rows(path):
        if hands is None or row["hand"] in hands:
            yield Example(
                text=row["q"],
                kinds=(row["kind"],),
                tags=tags_of(row),
                sort=SORTS.index(row["sort"] or "none"),
                paper_type=PAPER_TYPES.index(row["paper_type"] or "none") if (row["paper_type"] or "none") in PAPER_TYPES else None,
                source=f"{path.stem}:{row.get('hand', '')}",
            )


def kinds_only() -> Iterator[Example]:
    """Questions of which only the kind is known."""
    for _, row in read_rows(KINDS_ONLY):
        yield Example(row["q"], kinds=(row["kind"],), source="question_kinds")


def ml_questions(folder: Path, random: Random, count: int) -> Iterator[Example]:
    """Some questions of ml_questions/train, whose kind is known roughly."""
    rows = [row for _, row in read_rows(folder / "ml_questions" / "train.jsonl") if row["kind"] in ML_KINDS]
    for row in random.sample(rows, count):
        yield Example(row["question"], kinds=ML_KINDS[row["kind"]], weight=0.5, source="ml_questions")


def conversations(path: Path, half: int | None = None, *, hand: str | None = None) -> Iterator[Example]:
    """Last questions of conversations.

    Args:
        path: JSON Lines as ``evals/data/conversations.jsonl``.
        half: 0 or 1 for every second conversation by first question, 0 the one that may be looked at; both by default.
        hand: only this hand's.
    """
    firsts: dict[str, int] = {}
    for _, row in read_rows(path):
        *turns, last = row["turns"]
        number = firsts.setdefault(turns[0]["q"], len(firsts))
        if (half is None or number % 2 == half) and hand in (None, row.get("hand")):
            reference = "none" if row["standalone"] else row["refers"]
            yield Example(last["q"], context_of_turns(turns), reference=REFERENCES.index(reference), source=path.stem)


def check_kinds(examples: Sequence[Example]) -> None:
    """Fail where a kind is unknown."""
    unknown = {kind for one in examples for kind in one.kinds} - set(KINDS)
    if unknown:
        raise SystemExit(f"Unknown kinds: {', '.join(sorted(unknown))}")
