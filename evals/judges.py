"""Who decides whether cited text supports a statement."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

from assistant.query.analyzer import content_terms
from evals.cases import DataError, read_rows
from store.sentences import split_sentences

_NUMBER = re.compile(r"\d[\d.,]*")
_SPACE = re.compile(r"\s+")


class Judge(Protocol):
    """Decides on support.

    Attributes:
        name: recorded with results.
    """

    @property
    def name(self) -> str: ...
    def supports(self, premise: str, statement: str) -> bool:
        """Whether the premise alone bears the statement out."""
        ...


class VerbatimJudge:
    """A statement is supported where the cited text holds it word for word. Right for quotes; anything reworded fails."""

    name = "verbatim"

    def supports(self, premise: str, statement: str) -> bool:
        """Whether the premise holds the statement, white space aside."""
        return _plain(statement) in _plain(premise)


class VerifierJudge:
    """The program's own verifier; a statement that the cited text holds word for word is supported without it. Its figures: docs/verification.md."""

    name = "verifier"

    def __init__(self) -> None:
        from assistant.verify import Verifier
        from store.embed import shipped_embedder

        self._verifier = Verifier(shipped_embedder())

    def supports(self, premise: str, statement: str) -> bool:
        """Whether the premise holds the statement, or bears it out by the verifier."""
        from assistant.verify import Premise

        if _plain(statement) in _plain(premise):
            return True
        sentences = tuple(premise[s.start : s.end] for s in split_sentences(premise))
        return self._verifier.verify(statement, Premise(sentences, premise)).supported


class OverlapJudge:
    """A statement is supported where the cited text holds most of its content words and all of its numbers.

    Cheap and without a model; it cannot see a negation. Its agreement with people: docs/evaluation.md.

    Args:
        share: of the statement's stemmed content terms that must be held.
    """

    name = "overlap"

    def __init__(self, share: float = 0.6) -> None:
        self._share = share

    def supports(self, premise: str, statement: str) -> bool:
        """Whether the premise holds enough of the statement."""
        held, wanted = set(content_terms(premise)), set(content_terms(statement))
        numbers = {number.strip(".,") for number in _NUMBER.findall(statement)} - {
            number.strip(".,") for number in _NUMBER.findall(premise)
        }
        return bool(wanted) and not numbers and len(wanted & held) >= self._share * len(wanted)


class HumanLabels:
    """Labels that people gave: (premise, statement) to whether it supports.

    Args:
        labels: the labels.
        otherwise: judges the pairs without a label.
    """

    name = "human"

    def __init__(self, labels: dict[tuple[str, str], bool], otherwise: Judge) -> None:
        self._labels = {(_plain(p), _plain(s)): value for (p, s), value in labels.items()}
        self._otherwise = otherwise

    def supports(self, premise: str, statement: str) -> bool:
        """The label, else what the other judge says."""
        label = self._labels.get((_plain(premise), _plain(statement)))
        return self._otherwise.supports(premise, statement) if label is None else label


def human_labels(path: Path, otherwise: Judge) -> HumanLabels:
    """Labels from JSON Lines of ``{"premise", "statement", "supports"}``.

    Raises:
        DataError: a line lacks a field.
    """
    labels = {}
    for number, row in read_rows(path):
        if not (isinstance(row.get("premise"), str) and isinstance(row.get("statement"), str) and isinstance(row.get("supports"), bool)):
            raise DataError(f"{path}, line {number}: needs premise, statement and supports.", "supports is true or false.")
        labels[row["premise"], row["statement"]] = row["supports"]
    return HumanLabels(labels, otherwise)


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text).strip()
