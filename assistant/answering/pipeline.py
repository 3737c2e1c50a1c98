"""The way of a question: query -> ranked entries -> verdict -> evidence -> answer. Each stage is called once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.answering.citations import cite, disputing_papers
from assistant.answering.evidence import (
    LEADERS,
    boost_title_matches,
    compare_sides,
    drop_near_duplicates,
    rank_sentences,
    select_evidence,
    title_matches,
)
from assistant.answering.text import lead, plain_text
from assistant.premise import denials
from assistant.query.analyzer import Question, content_terms, subquestions
from assistant.query.query import make_query, search_text, understand
from assistant.ranking.answerability import Verdict, assess
from assistant.ranking.ranker import MEASURED, READ_FOR_ANSWER, READ_FOR_SET, RankedEntries, RankedEntry, rank
from assistant.ranking.reader import Reader
from assistant.ranking.relevance import estimate_count, select_members, set_candidates
from assistant.types import Answer, Evidence, Near, Reason
from store.store import Store
from store.types import Filtered

_NEAREST = 3
# Sentences and papers looked at for one that contradicts the question's premise.
_PREMISE_SENTENCES, _PREMISE_PAPERS = 12, 3
_SHOWN_TO_MODEL = 16
# A side of a comparison is looked for beside the whole question, so fewer entries are read for it.
_READ_FOR_SIDE = 12


@dataclass(frozen=True)
class Selected:
    """What a question's kind makes of the ranked entries: all entries looked at, evidence, verdict, and for a set how many papers are expected."""

    entries: Sequence[RankedEntry]
    evidence: list[Evidence]
    verdict: Verdict
    expected: float | None = None


class Pipeline:
    """Answers questions over one store, without a model.

    Args:
        store: the corpus.
        reader: None to do without.
        name: what answers call the store.
    """

    def __init__(self, store: Store, reader: Reader | None, name: str) -> None:
        self._store, self._reader, self._name = store, reader, name

    def search(self, text: str, allowed: Filtered | None) -> tuple[Question, list[RankedEntry]]:
        """A query as understood and its entries, best first.

        Raises:
            QuestionError: it cannot be searched for.
        """
        question = understand(self._store, text)
        return question, boost_title_matches(self._rank(question, allowed).entries, question)

    def answer(self, text: str, allowed: Filtered | None, *, for_model: bool) -> tuple[Answer, list[Evidence]]:
        """The answer without a model, and the sentences that a model may be shown; none where it has no part in the answer.

        Raises:
            QuestionError: it cannot be asked.
        """
        began = time.perf_counter()
        question = understand(self._store, text)
        if question.everything:
            return self._about_corpus(question, allowed, began), []
        ranked = self._rank(question, allowed)
        entries = boost_title_matches(ranked.entries, question)
        found = self._select(question, ranked, entries, allowed)
        reason, evidence = found.verdict.reason, found.evidence
        if not evidence and reason is None:
            reason = "no-topic"
        if question.mode == "answer" and reason != "no-topic":
            reason, evidence = self._contradicted(question, entries, evidence, reason)
        abstains = reason not in (None, "false-premise")
        answer = self._build(question, found, reason, [] if abstains else evidence, allowed, began, abstains=abstains)
        return answer, self._for_model(question, entries, evidence, allowed) if for_model and not reason else []

    def _rank(
        self,
        question: Question,
        allowed: Filtered | None,
        part: str | None = None,
        *,
        measured: int = MEASURED,
        most_read: int | None = None,
    ) -> RankedEntries:
        query = make_query(self._store, question, part)
        return rank(self._store, query, self._reader, allowed=allowed, measured=measured, most_read=most_read)

    def _select(self, question: Question, ranked: RankedEntries, entries: list[RankedEntry], allowed: Filtered | None) -> Selected:
        if question.mode == "list":
            return self._select_set(question, ranked, allowed)
        verdict = assess(ranked)
        if question.mode == "compare":
            sides = [self._rank(question, allowed, side, most_read=_READ_FOR_SIDE) for side in question.sides]
            return Selected(entries, compare_sides(ranked, sides), verdict)
        if named := title_matches(entries, question):
            # The paper that is meant is there; what it does not say is said of it.
            reason = verdict.reason and "not-in-abstracts" if question.quantity else None
            return Selected(entries, select_evidence(named), Verdict(reason, verdict.probability))
        return Selected(entries, select_evidence(entries), verdict)

    def _select_set(self, question: Question, ranked: RankedEntries, allowed: Filtered | None) -> Selected:
        """The members of a set. An enumeration is abstained from only if each of its members is."""
        pools = [ranked, *(self._rank(question, allowed, part, most_read=READ_FOR_SET) for part in question.parts)]
        measured = MEASURED
        # Papers that mention a word, or are of a kind, are counted, and so are sets without end in sight: as many are measured as there may be.
        while (question.mentions or question.facet or pools[0].has_more) and len(pools[0].entries) == measured:
            measured *= 4
            pools[0] = self._rank(question, allowed, measured=measured)
        candidates = set_candidates(pools, question)
        verdict = max(map(assess, pools), key=lambda v: (v.reason is None, v.probability))
        is_counted = question.mentions or question.facet is not None or self._reader is None
        expected = None if is_counted else estimate_count(candidates)
        return Selected([c.ranked for c in candidates], select_members(candidates, question), verdict, expected)

    def _contradicted(
        self, question: Question, entries: Sequence[RankedEntry], evidence: list[Evidence], reason: Reason | None
    ) -> tuple[Reason | None, list[Evidence]]:
        """A false premise and the sentence that speaks against it, where there is one; else what was found before."""
        near = rank_sentences(entries, _PREMISE_PAPERS)[:_PREMISE_SENTENCES]
        denied = denials(question.text, near, content_terms(question.text))
        if not denied:
            return reason, evidence
        same = (e for e in evidence if e.entry == denied[0].entry)
        return "false-premise", drop_near_duplicates([denied[0], *same], 2, least_share=0.0)

    def _for_model(
        self, question: Question, entries: Sequence[RankedEntry], evidence: list[Evidence], allowed: Filtered | None
    ) -> list[Evidence]:
        """The sentences a model may cite, best first: more than are quoted without one, and for every part of a question."""
        if question.mode != "answer":
            return evidence
        shown = rank_sentences(entries, LEADERS)[:_SHOWN_TO_MODEL]
        for part in subquestions(question.text):
            of_part = self._rank(question, allowed, part, most_read=READ_FOR_ANSWER)
            known = {(e.entry, e.start) for e in shown}
            shown += [e for e in rank_sentences(of_part.entries, LEADERS)[: _SHOWN_TO_MODEL // 2] if (e.entry, e.start) not in known]
        return shown

    def _build(
        self,
        question: Question,
        found: Selected,
        reason: Reason | None,
        evidence: Sequence[Evidence],
        allowed: Filtered | None,
        began: float,
        *,
        abstains: bool,
    ) -> Answer:
        entries = {one.entry.id: one.entry for one in found.entries}
        claims, citations = cite(evidence, entries)
        cited = {c.id for c in citations}
        shows_sentence = reason == "not-in-abstracts"
        nearest = tuple(
            Near(one.entry.id, one.entry.title, one.entry.provenance, one.sentences[0].quote if shows_sentence and one.sentences else None)
            for one in [one for one in found.entries if one.entry.id not in cited][:_NEAREST]
        )
        head = lead(
            question.mode,
            reason,
            len(claims),
            is_empty=not found.entries and allowed is not None,
            counts=question.counts,
            mentions=question.mentions,
            expected=found.expected,
            against=disputing_papers(claims),
        )
        return Answer(
            question=question.text,
            mode=question.mode,
            status="abstained" if abstains else "answered",
            reason=reason,
            text=plain_text(head, question.mode, claims, citations, nearest),
            claims=claims,
            citations=citations,
            nearest=nearest,
            considered=len(found.entries),
            store=self._name,
            seconds=time.perf_counter() - began,
            confidence=found.verdict.probability,
            headline=head,
            scores={
                one.entry.id: {"BM25": one.candidate.lexical, "rank_score": one.rank_score, **one.features}
                for one in found.entries
                if one.entry.id in cited
            },
            terms=tuple(dict.fromkeys(content_terms(search_text(question)))),
            lacking=tuple(allowed.lacking.items()) if allowed else (),
        )

    def _about_corpus(self, question: Question, allowed: Filtered | None, began: float) -> Answer:
        """An answer about the corpus as a whole: its size."""
        count = len(allowed.ids) if allowed else self._store.ledger.counts()["entries"]
        head = f"The corpus holds {count:,} papers{' that pass the filter' if allowed else ''}. Ask about a topic to see some of them."
        return Answer(
            question=question.text,
            mode="list",
            status="answered",
            reason=None,
            text=head,
            claims=(),
            citations=(),
            nearest=(),
            considered=count,
            store=self._name,
            seconds=time.perf_counter() - began,
            headline=head,
        )
