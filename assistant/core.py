"""The one facade every face uses."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.analyse import Question, analyse, check, facet_topic
from assistant.decide import Model, calibration, choose, facet_score, facet_sentence, refusal_features, relevance_features
from assistant.evidence import Scored, gather, rank_sentences
from assistant.types import Answer, Citation, Claim, Evidence, Near, Reason
from store.errors import StoreError
from store.ids import normalise
from store.lexical import terms, word_terms
from store.settings import StoreSettings
from store.store import Store
from store.types import Entry, Filtered, Filters

SAMPLE_NOTE = "Sample corpus: digests written for this program, not the papers' abstracts."
_QUOTES = 4
_LEADERS = 8
_SAME = 0.6
_NEAREST = 3
_MARGIN = 0.25


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A search result: the entry, its fused score, the sentence that fits best and the question's words it holds."""

    entry: Entry
    score: float
    sentence: str
    dense: float
    lexical: float
    matched: tuple[str, ...]


class Assistant:
    """Questions over one store.

    Args:
        path: the store's folder.
        settings: how it embeds and where its vectors live.
        name: what answers call the store; ``sample`` for the bundled one.

    Raises:
        StoreError: there is no store, or it is empty.
    """

    def __init__(self, path: Path, settings: StoreSettings | None = None, *, name: str | None = None) -> None:
        self.store = Store(path, settings)
        self.name = name or str(path)
        if not self.store.ledger.counts()["entries"]:
            raise StoreError(f"{path}: the store is empty.", f"Fill it: assistant ingest FILE --store {path}")

    def close(self) -> None:
        """Release the store."""
        self.store.close()

    def search(self, query: str, count: int = 10, filters: Filters | None = None) -> list[SearchHit]:
        """Entries that fit a query, best first.

        Raises:
            QuestionError: the query cannot be searched for.
        """
        question = analyse(query)
        found = _named_first(gather(self.store, question.text, question, within=self._within(filters)), question)
        hits = []
        for scored in found[:count]:
            held = set(terms(f"{scored.entry.title or ''} {scored.entry.abstract}"))
            matched = tuple(dict.fromkeys(w for w in question.text.split() if set(word_terms(w)) & held))
            best = scored.sentences[0].quote if scored.sentences else scored.entry.abstract
            hits.append(SearchHit(scored.entry, scored.candidate.fused, best, scored.candidate.dense, scored.candidate.lexical, matched))
        return hits

    def ask(self, text: str, filters: Filters | None = None) -> Answer:
        """Answer a question from the store.

        Raises:
            QuestionError: it cannot be asked.
        """
        began = time.perf_counter()
        check(text)
        question = analyse(text)
        within = self._within(filters)
        about = (facet_topic(question) or question.topic) if question.mode == "list" else question.text
        found = _named_first(gather(self.store, about, question, within=within), question)
        relevance, refusal, threshold = calibration()
        if question.mode == "list":
            evidence = _members(found, question, relevance)
        elif question.mode == "compare":
            evidence = self._sides(question, found, within)
        else:
            evidence = _distinct(rank_sentences(found, _LEADERS), _QUOTES)
        chance = refusal.probability(refusal_features(found)) if found else 1.0
        refused = not evidence or (chance > threshold and question.facet is None)
        reason: Reason | None = "no-topic" if refused else None
        entries = {s.entry.id: s.entry for s in found} | self.store.ledger.entries([e.entry for e in evidence])
        claims, citations = _cite([] if refused else evidence, entries)
        cited = {c.id for c in citations}
        nearest = [s.entry for s in found if s.entry.id not in cited][:_NEAREST]
        return Answer(
            question=question.text,
            mode=question.mode,
            status="abstained" if refused else "answered",
            reason=reason,
            text=_text(question, claims, citations, nearest, len(found)),
            claims=claims,
            citations=citations,
            nearest=tuple(Near(e.id, e.title, e.provenance) for e in nearest),
            considered=len(found),
            store=self.name,
            seconds=time.perf_counter() - began,
            terms=tuple(dict.fromkeys(terms(about))),
            lacking=tuple(within.lacking.items()) if within else (),
        )

    def _within(self, filters: Filters | None) -> Filtered | None:
        return self.store.ledger.filter(filters) if filters else None

    def _sides(self, question: Question, found: Sequence[Scored], within: Filtered | None) -> list[Evidence]:
        """Evidence of each side in turn: the best of all first, then that of the sides not yet heard."""
        ranked = rank_sentences(found, _LEADERS)
        picked = _distinct(ranked, 2)
        for side in question.sides:
            nearest = gather(self.store, side, question, within=within)[:2]
            picked += [e for e in rank_sentences(nearest, 1)[:1] if e not in picked]
        others = [e for e in ranked if e.entry not in {p.entry for p in picked}]
        return _distinct([*picked, *others[:1], *ranked], max(_QUOTES, len(question.sides) + 2))


def member_probability(scored: Scored, question: Question, model: Model) -> float:
    """Probability that an entry belongs to the set a question asks for."""
    if question.facet is None:
        return model.probability(relevance_features(scored))
    kind = facet_score(scored, question.facet)
    return kind * (model.probability(relevance_features(scored)) if facet_topic(question) else 1.0)


def _members(found: Sequence[Scored], question: Question, model: Model) -> list[Evidence]:
    """The set a question asks for, best first, each with the sentence that is the reason."""
    ranked = sorted(((member_probability(s, question, model), s) for s in found), key=lambda x: (-x[0], x[1].entry.id))
    size = choose([p for p, _ in ranked])
    return [e for p, s in ranked[:size] if p > 0 and (e := _reason(s, question, p))]


def _reason(scored: Scored, question: Question, chance: float) -> Evidence | None:
    best = next(iter(scored.sentences), None)
    if question.facet and (at := facet_sentence(scored, question.facet)) is not None:
        best = next((e for e in scored.sentences if e.start <= at < e.end), best)
    return Evidence(best.entry, best.quote, best.start, best.end, best.field, chance) if best else None


def _named_first(found: list[Scored], question: Question) -> list[Scored]:
    """Papers that the question names by title come first."""
    asked = f" {normalise(question.text)} "
    quoted = [normalise(title) for title in question.quoted]

    def named(scored: Scored) -> bool:
        if not scored.entry.title:
            return False
        whole = normalise(scored.entry.title)
        main = normalise(scored.entry.title.split(":")[0])
        if len(whole.split()) > 2 and f" {whole} " in asked:
            return True
        return any(q in (whole, main) or (len(q.split()) > 3 and whole.startswith(q)) for q in quoted)

    return sorted(found, key=lambda s: not named(s))


def _distinct(ranked: Sequence[Evidence], count: int) -> list[Evidence]:
    """The best sentences without those that repeat an earlier one or stand far below the best."""
    kept: list[Evidence] = []
    for evidence in ranked:
        if len(kept) == count or (kept and evidence.score < kept[0].score - _MARGIN):
            break
        words = set(terms(evidence.quote))
        if all(len(words & set(terms(k.quote))) <= _SAME * len(words | set(terms(k.quote))) for k in kept):
            kept.append(evidence)
    return kept


def _cite(evidence: Sequence[Evidence], entries: dict[str, Entry]) -> tuple[tuple[Claim, ...], tuple[Citation, ...]]:
    numbers: dict[str, int] = {}
    citations = []
    claims = []
    for item in evidence:
        n = numbers.setdefault(item.entry, len(numbers) + 1)
        entry = entries[item.entry]
        citations.append(Citation(n, entry.id, entry.title, entry.url, item.quote, item.start, item.end, item.field, entry.provenance))
        claims.append(Claim(item.quote, (n,), "quoted", item.score))
    return tuple(claims), tuple(citations)


def _text(question: Question, claims: Sequence[Claim], citations: Sequence[Citation], nearest: Sequence[Entry], considered: int) -> str:
    if not claims:
        near = "; ".join(e.title or e.id for e in nearest)
        return "Nothing in this corpus is on this topic." + (f" Nearest: {near}." if near else "")
    if question.mode == "list":
        noun = "paper" if len(claims) == 1 else "papers"
        head = f"{len(claims)} {noun} of {considered} considered:"
        rows = [f"[{c.n}] {c.title or 'Untitled'} - {' '.join(c.quote.split())}" for c in citations]
        return "\n".join([head, *rows])
    lines: list[str] = []
    last = 0
    for claim, citation in zip(claims, citations, strict=True):
        lead = f"{citation.title}: " if citation.title and citation.n != last else ""
        lines.append(f"{lead}“{' '.join(claim.text.split())}” [{citation.n}]")
        last = citation.n
    return "\n".join(lines)
