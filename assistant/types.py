"""Values passed between the stages of the question side. Frozen, without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from assistant.llm.base import Usage
from store.types import Provenance

Status = Literal["answered", "abstained"]
Reason = Literal["no-topic", "not-in-abstracts", "false-premise"]


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
    """An entry close to a question that the answer does not cite."""

    id: str
    title: str | None
    provenance: tuple[Provenance, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as every face renders it; see docs/design.md for the JSON contract.

    ``model`` and ``prompt`` (name and version) are None where no model wrote it; ``notes`` are lines for the reader, such as why the model was not used;
    ``understood`` is a follow-up as it was rewritten to stand alone; ``unknown`` holds citations of a model that name no source. ``confidence`` is the probability, by the refusal model, that the corpus holds an answer; ``scores`` what each cited
    entry was chosen by: BM25, its standing and the features of :mod:`assistant.evidence`.
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

    def as_json(self) -> dict[str, Any]:
        """The answer as the JSON contract has it."""
        data = asdict(self)
        for name in ("headline", "scores", "terms", "lacking"):
            del data[name]
        extra: dict[str, Any] = {"lacking": dict(self.lacking)} if self.lacking else {}
        if self.store == "sample":
            extra["note"] = "digests written for this program, not the papers' abstracts"
        return {"schema": 1, **data, **extra}
