"""Labelled questions: the schema of a case, and reading it from JSON Lines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from store.errors import UserError

Kind = Literal["which", "fact", "compare", "unanswerable", "topic", "followup", "retrieval", "rationale"]
Group = tuple[str, ...]


class DataError(UserError):
    """A data set that cannot be read."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Point(_Frozen):
    """Something a good comparison or summary says: a statement, the paper it is from and the sentences that say it."""

    point: str = ""
    statement: str = ""
    group: Group
    evidence: tuple[str, ...]


class Theme(_Frozen):
    """A theme of a summary and the papers in it."""

    name: str
    members: tuple[Group, ...]


class Case(_Frozen):
    """One labelled question.

    Args:
        id: unique in its data set.
        kind: what is asked; it decides which metrics apply.
        question: the question; for ``followup`` see ``turns``.
        turns: the user's turns of a conversation; the last is answered.
        gold: groups of entries (``file#n``, an id or an alias) that are the same paper each; any one of a group will do.
        maybe: groups that are neither required nor penalised.
        evidence: sentences, verbatim, that answer it (or contradict its premise).
        rationales: for ``rationale``, alternative sets of sentences, each of which suffices.
        points: what a comparison should bring up.
        keypoints: what a summary should bring up.
        themes: how a summary may be divided.
        why: for ``unanswerable``, why.
        among: where labels hold for some entries only, these; the question is asked of them alone.
        draft: written by ``assistant eval new`` and not yet checked by a person.
    """

    id: str
    kind: Kind
    question: str = ""
    topic: str = ""
    turns: tuple[str, ...] = ()
    gold: tuple[Group, ...] = ()
    maybe: tuple[Group, ...] = ()
    nearest: tuple[Group, ...] = ()
    evidence: tuple[str, ...] = ()
    rationales: tuple[tuple[str, ...], ...] = ()
    points: tuple[Point, ...] = ()
    keypoints: tuple[Point, ...] = ()
    themes: tuple[Theme, ...] = ()
    why: Literal["", "absent-topic", "detail-not-in-abstract", "false-premise"] = ""
    answer: str = ""
    criterion: str = ""
    among: Group = ()
    draft: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        asked = self.turns if self.kind == "followup" else (self.question or self.topic)
        if not asked:
            raise ValueError("the case asks nothing")
        if self.kind in ("which", "fact", "compare", "retrieval", "rationale") and not self.gold:
            raise ValueError(f"a case of kind {self.kind} needs gold")
        if self.kind == "unanswerable" and not self.why:
            raise ValueError("an unanswerable case needs why")
        return self

    @property
    def asked(self) -> str:
        """The text that is asked; the last turn of a conversation."""
        return self.turns[-1] if self.turns else self.question or self.topic


@dataclass(frozen=True, slots=True)
class Dataset:
    """Cases over one corpus.

    Args:
        name: what reports call it.
        cases: the questions.
        digest: hash of the cases' contents.
        corpus: files to be ingested for it; empty where the user names a store, or for the bundled sample.
        documents: JSON lines to be ingested instead, where no file holds the corpus in a form that ingest reads.
    """

    name: str
    cases: tuple[Case, ...]
    digest: str
    corpus: tuple[Path, ...] = ()
    documents: tuple[str, ...] = ()


def make_dataset(name: str, cases: Iterable[Case], corpus: Iterable[Path] = (), documents: Iterable[str] = ()) -> Dataset:
    """A data set with its digest."""
    cases = tuple(cases)
    text = "\n".join(case.model_dump_json() for case in cases)
    return Dataset(name, cases, hashlib.sha256(text.encode()).hexdigest()[:16], tuple(corpus), tuple(documents))


def of_whole_store(dataset: Dataset) -> Dataset:
    """The same cases, asked of the whole store whatever entries their labels hold for; what is not labelled counts as wrong there."""
    cases = [case.model_copy(update={"among": ()}) for case in dataset.cases]
    return make_dataset(f"{dataset.name}-whole", cases, dataset.corpus, dataset.documents)


def read_cases(path: Path) -> list[Case]:
    """Cases of a JSON Lines file.

    Raises:
        DataError: a line is not a case; the message names the line and the field.
    """
    cases: list[Case] = []
    seen: dict[str, int] = {}
    for number, row in read_rows(path):
        try:
            case = Case.model_validate(row)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"])) or "the case"
            raise DataError(
                f"{path}, line {number}, field {field}: {first['msg']}.", "See docs/evaluation.md for the fields of a case."
            ) from None
        if case.id in seen:
            raise DataError(f"{path}, line {number}, field id: {case.id!r} is also on line {seen[case.id]}.", "Give each case its own id.")
        seen[case.id] = number
        cases.append(case)
    if not cases:
        raise DataError(f"{path}: no case in this file.", "Write one JSON object a line.")
    return cases


def read_rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """(line number, object) of a JSON Lines file, gzipped or not.

    Raises:
        DataError: it cannot be read, or a line is not a JSON object.
    """
    import gzip

    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            lines = file.read().split("\n")
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise DataError(f"{path}: cannot be read ({error}).", "Give a UTF-8 file of JSON Lines.") from None
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{path}, line {number}: not valid JSON ({error.msg}).", "Write one JSON object a line.") from None
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {number}: not a JSON object.", "Write one JSON object a line.")
        rows.append((number, row))
    return rows
