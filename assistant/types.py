"""Values passed between the stages of the question side. Frozen, without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from assistant.llm.base import Usage
from store.types import Provenance

Status = Literal["answered", "abstained"]
Reason = Literal["no-topic", "not-in-abstracts", "false-premise", "no-match", "off-topic"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence of an entry, scored for a question.

    ``quote`` equals ``abstract[start:end]`` (or the title where ``field`` is ``title``).
    """

    entry: str
    quote: str
    start: int
    end: int
    field: Literal["abstract", "title"]
    score: float


@dataclass(frozen=True, slots=True)
class Citation:
    """A numbered source with a verbatim span of it."""

    n: int
    id: str
    title: str | None
    url: str | None
    quote: str
    start: int
    end: int
    field: Literal["abstract", "title"]
    provenance: tuple[Provenance, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of an answer, with the numbers of the citations that support it."""

    text: str
    citations: tuple[int, ...]
    support: Literal["quoted", "verified", "repaired"]
    score: float


@dataclass(frozen=True, slots=True)
class Removed:
    """A sentence of a model that is not shown as it wrote it, and why."""

    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Near:
    """An entry close to a question that the answer does not cite; its nearest sentence where it is on the subject but does not state what is asked."""

    id: str
    title: str | None
    provenance: tuple[Provenance, ...]
    sentence: str | None = None

    @property
    def label(self) -> str:
        """Its title, and its nearest sentence where there is one, on one line."""
        name = self.title or self.id
        return f"{name}: “{' '.join(self.sentence.split())}”" if self.sentence else name


@dataclass(frozen=True, slots=True)
class Theme:
    """Papers of a summary that belong together, and what they say; ``members`` are entry ids, those it quotes first."""

    name: str
    claims: tuple[Claim, ...]
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A paper in a summary's table: sentences of its abstract; None where none of its sentences is of the kind."""

    id: str
    title: str | None
    problem: str | None
    approach: str | None
    finding: str | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of what was judged relevant a summary cites: two counts, and the ids of the entries it leaves out."""

    relevant: int
    cited: int
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """A topic's summary as every face renders it; see docs/design.md for the JSON contract.

    ``members`` are the entries judged relevant, best first; ``table`` has a row for each that is cited; ``limitations`` and ``disagreements`` hold what abstracts say of
    open questions and of views they stand against. ``reason`` is ``too-broad`` where the topic fits too much of the corpus to be summed up.
    """

    topic: str
    status: Status
    reason: Literal["no-topic", "too-broad"] | None
    text: str
    overview: tuple[Claim, ...]
    themes: tuple[Theme, ...]
    limitations: tuple[Claim, ...]
    disagreements: tuple[Claim, ...]
    table: tuple[Row, ...]
    members: tuple[Near, ...]
    coverage: Coverage
    citations: tuple[Citation, ...]
    nearest: tuple[Near, ...]
    considered: int
    store: str
    seconds: float
    length: Literal["short", "medium", "long"] = "medium"
    focus: str | None = None
    headline: str = ""
    lacking: tuple[tuple[str, int], ...] = ()
    model: str | None = None
    prompt: str | None = None
    usage: Usage = field(default_factory=Usage)
    removed: tuple[Removed, ...] = ()
    notes: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def claims(self) -> tuple[Claim, ...]:
        """All claims, in reading order."""
        return (*self.overview, *(claim for theme in self.themes for claim in theme.claims), *self.disagreements, *self.limitations)

    def as_json(self) -> dict[str, Any]:
        """The summary as the JSON contract has it."""
        data = asdict(self)
        for name in ("headline", "lacking"):
            del data[name]
        extra: dict[str, Any] = {"lacking": dict(self.lacking)} if self.lacking else {}
        if self.store == "sample":
            extra["note"] = "digests written for this program, not the papers' abstracts"
        return {"schema": 1, **data, **extra}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as every face renders it; see docs/design.md for the JSON contract.

    ``model`` and ``prompt`` (name and version) are None where no model wrote it; ``notes`` are lines for the reader, such as why the model was not used;
    ``understood`` is a follow-up as it was rewritten to stand alone; ``unknown`` holds citations of a model that name no source. ``confidence`` is the probability that the corpus holds an answer
    (:mod:`assistant.ranking.answerability`); ``scores`` what each cited entry was chosen by: BM25, its rank score and its features.
    ``kind`` is what the question wants (:data:`assistant.query.labels.KINDS`), ``constraints`` the conditions it sets, in words, ``corrections`` (typed, meant) of
    misspelt words, ``left_out`` conditions that could not be applied, a sentence each.
    """

    question: str
    mode: Literal["answer", "list", "compare"]
    status: Status
    reason: Reason | None
    text: str
    claims: tuple[Claim, ...]
    citations: tuple[Citation, ...]
    nearest: tuple[Near, ...]
    considered: int
    store: str
    seconds: float
    confidence: float = 1.0
    headline: str = ""
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    terms: tuple[str, ...] = ()
    lacking: tuple[tuple[str, int], ...] = ()
    model: str | None = None
    prompt: str | None = None
    usage: Usage = field(default_factory=Usage)
    removed: tuple[Removed, ...] = ()
    notes: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    understood: str | None = None
    kind: str = ""
    constraints: tuple[str, ...] = ()
    corrections: tuple[tuple[str, str], ...] = ()
    left_out: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The answer as the JSON contract has it."""
        data = asdict(self)
        for name in ("headline", "scores", "terms", "lacking"):
            del data[name]
        extra: dict[str, Any] = {"lacking": dict(self.lacking)} if self.lacking else {}
        if self.store == "sample":
            extra["note"] = "digests written for this program, not the papers' abstracts"
        return {"schema": 1, **data, **extra}
