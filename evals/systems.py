"""What is measured: the assistant, and baselines over the same store and the same interface."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from assistant.answering.evidence import select_evidence
from assistant.core import FAULTS, Assistant
from assistant.history import Conversation
from assistant.query.rewriting import Turn, rewrite_standalone
from assistant.settings import Settings
from assistant.types import Answer, Citation
from evals.cases import Case
from evals.corpora import resolver
from store.errors import QuestionError
from store.lexical import terms
from store.retrieve import retrieve
from store.store import Store
from store.types import Filtered

DEPTH = 100


@dataclass(frozen=True, slots=True)
class Quote:
    """A quoted span of an entry, with the claim it is cited for."""

    id: str
    quote: str
    start: int
    end: int
    field: str
    valid: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of an answer and the entries it cites."""

    text: str
    cites: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a system did with a case. Fields that a system does not have are None or empty.

    Args:
        status: ``answered``, ``abstained`` or ``unsupported`` (the system does not do this kind of case).
        reason: why it abstained or objected.
        ranking: entry ids, best first.
        returned: entry ids cited, in order of citation.
        quotes: what it quoted, in order.
        statements: its sentences with what they cite.
        premises: (entry id, text) of what it cites where it does not quote.
        members, themes: papers that a summary counts as its own, and those of each of its themes.
        confidence: probability that the question can be answered, 0 to 1.
        text: the answer as shown.
        seconds, prompt_tokens, tokens, calls, cost: what it took; ``tokens`` are those of prompt and completion.
        fault: why a model that was named did not write it; such an outcome is not kept.
    """

    status: str
    reason: str | None = None
    ranking: tuple[str, ...] = ()
    returned: tuple[str, ...] | None = None
    quotes: tuple[Quote, ...] | None = None
    statements: tuple[Statement, ...] | None = None
    premises: tuple[tuple[str, str], ...] | None = None
    themes: tuple[tuple[str, ...], ...] | None = None
    members: tuple[str, ...] | None = None
    confidence: float | None = None
    text: str = ""
    seconds: float = 0.0
    prompt_tokens: int = 0
    tokens: int = 0
    calls: int = 0
    cost: float = 0.0
    fault: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> Outcome:
        """From the values of :meth:`as_json`."""

        def tupled(name: str) -> Any:
            return None if data[name] is None else tuple(data[name])

        held = None if data["quotes"] is None else tuple(Quote(**q) for q in data["quotes"])
        said = None if data["statements"] is None else tuple(Statement(s["text"], tuple(s["cites"])) for s in data["statements"])
        read = None if data["premises"] is None else tuple((id, text) for id, text in data["premises"])
        grouped = None if data["themes"] is None else tuple(map(tuple, data["themes"]))
        kept = {
            "themes": grouped,
            "members": tupled("members"),
            "ranking": tuple(data["ranking"]),
            "returned": tupled("returned"),
            "quotes": held,
            "statements": said,
            "premises": read,
        }
        return Outcome(**{**data, **kept})


class System(Protocol):
    """Something that can be asked the cases of a data set."""

    def run(self, case: Case, gold: Sequence[set[str]]) -> Outcome:
        """Ask one case. ``gold`` may only be used where the case says in which entry to look (``rationale``)."""
        ...


@dataclass
class AssistantSystem:
    """The product: ``ask`` for answers, ``search`` for rankings."""

    path: Path
    options: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        self._assistant = Assistant(self.path, options=self.options)
        self._places: dict[str, str] | None = None

    def _before(self, case: Case) -> tuple[Turn, ...]:
        """The turns before the one asked, answered without a model."""
        conversation = Conversation("")
        for turn in case.turns[:-1]:
            conversation = conversation.after(turn, self._assistant.plain(turn, turns=conversation.turns))
        return conversation.turns

    def run(self, case: Case, gold: Sequence[set[str]]) -> Outcome:
        """Ask one case."""
        began = time.perf_counter()
        if case.kind == "topic":
            return self._summary(case, began)
        if case.kind == "rationale":
            return self._rationale(case, gold, began)
        try:
            if case.among:
                return self._among(case, began)
            found = self._assistant.search(rewrite_standalone(case.asked, self._before(case)).text, DEPTH)
            if case.kind == "retrieval":
                return Outcome("answered", ranking=tuple(h.entry.id for h in found), seconds=time.perf_counter() - began)
            began = time.perf_counter()
            answer = self._assistant.ask(case.asked, turns=self._before(case))
        except QuestionError as error:
            return Outcome("abstained", "bad-question", text=str(error), returned=(), quotes=(), statements=())
        return self._outcome(answer, [h.entry.id for h in found], time.perf_counter() - began)

    def _among(self, case: Case, began: float) -> Outcome:
        """A question asked of some entries only."""
        if self._places is None:
            self._places = resolver(self._assistant.store)
        allowed = Filtered(frozenset(self._places[name] for name in case.among if name in self._places))
        _, found = self._assistant.pipeline.search(case.asked, allowed)
        answer, _ = self._assistant.pipeline.answer(case.asked, allowed, for_model=False)
        return self._outcome(answer, [one.entry.id for one in found], time.perf_counter() - began)

    def _outcome(self, answer: Answer, ranking: Sequence[str], seconds: float) -> Outcome:
        held = self._held(answer.citations)
        by_number = {c.n: c.id for c in answer.citations}
        return Outcome(
            status=answer.status,
            reason=answer.reason,
            ranking=tuple(ranking),
            returned=tuple(dict.fromkeys(q.id for q in held)),
            quotes=held,
            statements=tuple(Statement(c.text, tuple(by_number[n] for n in c.citations)) for c in answer.claims),
            confidence=answer.confidence,
            text=answer.text,
            seconds=seconds,
            prompt_tokens=answer.usage.prompt_tokens,
            tokens=answer.usage.prompt_tokens + answer.usage.completion_tokens,
            calls=answer.usage.calls,
            cost=answer.usage.cost,
            fault=next((note for note in answer.notes if note.startswith(FAULTS)), None),
        )

    def _held(self, citations: Sequence[Citation]) -> tuple[Quote, ...]:
        """What is quoted, and whether it stands where the citation says."""
        entries = self._assistant.store.ledger.entries(list({c.id for c in citations}))

        def text(c: Citation) -> str:
            return (entries[c.id].title or "") if c.field == "title" else entries[c.id].abstract

        return tuple(Quote(c.id, c.quote, c.start, c.end, c.field, text(c)[c.start : c.end] == c.quote) for c in citations)

    def _summary(self, case: Case, began: float) -> Outcome:
        """A topic's summary, at medium length."""
        made = self._assistant.summarize(case.topic or case.asked)
        held = self._held(made.citations)
        by_number = {c.n: c.id for c in made.citations}
        return Outcome(
            status=made.status,
            reason=made.reason,
            returned=tuple(dict.fromkeys(q.id for q in held)),
            quotes=held,
            statements=tuple(Statement(c.text, tuple(by_number[n] for n in c.citations)) for c in made.claims),
            themes=tuple(theme.members for theme in made.themes),
            members=tuple(member.id for member in made.members),
            text=made.text,
            seconds=time.perf_counter() - began,
            prompt_tokens=made.usage.prompt_tokens,
            tokens=made.usage.prompt_tokens + made.usage.completion_tokens,
            calls=made.usage.calls,
            cost=made.usage.cost,
            fault=next((note for note in made.notes if note.startswith(FAULTS)), None),
        )

    def _rationale(self, case: Case, gold: Sequence[set[str]], began: float) -> Outcome:
        """The sentences of a given abstract that bear on a claim."""
        within = Filtered(frozenset(gold[0]))
        picked = select_evidence(self._assistant.pipeline.search(case.asked, within)[1])
        held = tuple(Quote(e.entry, e.quote, e.start, e.end, e.field, True) for e in picked)
        return Outcome("answered", returned=tuple(gold[0]), quotes=held, seconds=time.perf_counter() - began)


@dataclass
class RankingSystem:
    """A ranking alone: BM25, dense, reciprocal rank fusion (Cormack et al. 2009) or the product's fusion, and its first ``cut`` entries as the set."""

    path: Path
    name: str
    cut: int = 5

    def __post_init__(self) -> None:
        self._store = Store(self.path)

    def run(self, case: Case, gold: Sequence[set[str]]) -> Outcome:
        """Rank for one case."""
        if case.kind in ("topic", "followup", "rationale"):
            return Outcome("unsupported")
        began = time.perf_counter()
        vector = self._store.embedder.embed_query(case.asked)
        weights: dict[str, float] = dict(Counter(terms(case.asked)))
        if self.name == "rrf":
            ranking = _fused_ranks(self._store, vector, weights)
        else:
            share = {"bm25": 1.0, "dense": 0.0}.get(self.name, 0.3)
            ranking = [c.id for c in retrieve(self._store, vector, weights, lexical_weight=share)]
        return Outcome("answered", ranking=tuple(ranking[:DEPTH]), returned=tuple(ranking[: self.cut]), seconds=time.perf_counter() - began)


def _fused_ranks(store: Store, vector: Any, weights: dict[str, float], k: int = 60) -> list[str]:
    scores: dict[str, float] = {}
    for pool in (store.vectors.query(vector, 200), store.lexical.query(weights, 200) if weights else []):
        for rank, (id, _) in enumerate(pool, start=1):
            scores[id] = scores.get(id, 0.0) + 1 / (k + rank)
    return [id for id, _ in sorted(scores.items(), key=lambda item: (-item[1], item[0]))]


def _engine(path: Path, options: Settings) -> System:
    from evals.engine import CitationEngine

    return CitationEngine(path, options)


SYSTEMS: dict[str, Callable[[Path, Settings], System]] = {
    "assistant": AssistantSystem,
    "bm25": lambda path, _: RankingSystem(path, "bm25"),
    "dense": lambda path, _: RankingSystem(path, "dense"),
    "rrf": lambda path, _: RankingSystem(path, "rrf"),
    "hybrid": lambda path, _: RankingSystem(path, "hybrid"),
    "citation-engine": _engine,
}
# Those whose outcomes depend on a model.
WRITERS = ("assistant", "citation-engine")
