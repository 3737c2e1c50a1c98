"""The way of a question: query -> ranked entries -> verdict -> evidence -> answer. Each stage is called once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from assistant.answering.citations import cite, disputing_papers
from assistant.answering.conditions import in_brief, notes_on
from assistant.answering.evidence import (
    LEADERS,
    boost_title_matches,
    compare_sides,
    drop_near_duplicates,
    rank_sentences,
    select_evidence,
    title_matches,
)
from assistant.answering.modes import select_debate, select_definition
from assistant.answering.records import asked_fields, in_words, title_evidence
from assistant.answering.replies import CAN_DO, OUTSIDE, about_corpus, small_talk
from assistant.answering.sets import in_order, require_all, split_excluded
from assistant.answering.text import lead, plain_text
from assistant.premise import denials
from assistant.query.analyzer import Question, content_terms, subquestions
from assistant.query.constraints import Allowed, apply
from assistant.query.query import make_query, search_text
from assistant.query.understanding import NOT_SEARCHED, understand
from assistant.ranking.answerability import Verdict, assess
from assistant.ranking.ranker import MAX_READ, MEASURED, READ_FOR_ANSWER, READ_FOR_SET, RankedEntries, RankedEntry, rank
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
# Papers listed where only conditions are named.
MOST_LISTED = 20
# Least probability with which a paper that was not named by its title is taken to be the one whose record is asked for.
_RECORD_SURE = 0.4


@dataclass(frozen=True)
class Selected:
    """What a question's kind makes of the ranked entries.

    Args:
        entries: all that were looked at, best first.
        evidence: the sentences shown.
        verdict: whether to answer.
        expected: for a set, how many papers there are by estimate.
        excluded: papers of a set that are left out as the question asks.
        head: the sentence the answer opens with, where it is not the usual one.
    """

    entries: Sequence[RankedEntry]
    evidence: list[Evidence]
    verdict: Verdict
    expected: float | None = None
    excluded: Sequence[RankedEntry] = ()
    head: str | None = None


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

        Args:
            text: the question, standing alone.
            allowed: only these entries.
            for_model: whether sentences for a model are wanted.

        Raises:
            QuestionError: it cannot be asked.
        """
        began = time.perf_counter()
        question = understand(self._store, text)
        if question.wants in NOT_SEARCHED:
            return self._without_search(question, allowed, began), []
        records = apply(self._store, question.constraints)
        within = _both(allowed, records)
        if records.missing and question.wants == "metadata":
            # A name in a question about a record is part of what is asked.
            records, within = Allowed(), allowed
        if records.missing:
            found = Selected([], [], Verdict("no-match", 0.0), head=" ".join(records.missing))
            return self._build(question, found, "no-match", [], within, records, began, abstains=True), []
        if question.is_topicless and (records.ids is not None or question.constraints.sort != "none"):
            return self._build(question, self._all_allowed(question, within), None, None, within, records, began, abstains=False), []
        # The papers of a debate are a set: those who differ belong to it as much as those who agree.
        ranked = self._rank(replace(question, mode="list") if question.wants == "twosided" else question, within)
        entries = boost_title_matches(ranked.entries, question)
        if question.wants == "metadata" and question.mode == "answer":
            found = self._select_record(question, entries, assess(ranked))
            abstains = found.verdict.reason is not None
            return self._build(question, found, found.verdict.reason, None, within, records, began, abstains=abstains), []
        found = self._select(question, ranked, entries, within)
        reason, evidence = found.verdict.reason, found.evidence
        if not evidence and reason is None:
            reason = "no-topic"
        if question.mode == "answer" and reason != "no-topic":
            reason, evidence = self._contradicted(question, entries, evidence, reason)
        abstains = reason not in (None, "false-premise")
        answer = self._build(question, found, reason, [] if abstains else evidence, within, records, began, abstains=abstains)
        return answer, self._for_model(question, entries, evidence, within) if for_model and not reason else []

    def _all_allowed(self, question: Question, allowed: Filtered | None) -> Selected:
        """Papers that meet conditions where no topic is named: all of them, newest first unless asked otherwise, up to as many as are shown."""
        ids = allowed.ids if allowed else self._store.ledger.entry_ids()
        constraints = question.constraints
        if constraints.sort == "none":
            constraints = replace(constraints, sort="latest")
        entries = list(self._store.ledger.entries(sorted(ids)).values())
        excluded: list[RankedEntry] = []
        if constraints.exclude:
            # Those nearest to what is excluded are judged; what is far from it is not about it.
            near = self._rank(replace(question, topic=" ".join(constraints.exclude)), allowed, most_read=1).entries[:MAX_READ]
            _, excluded = split_excluded(self._store, self._reader, near, constraints.exclude)
            left = {one.entry.id for one in excluded}
            entries = [e for e in entries if e.id not in left]
        sign = 1 if constraints.sort == "oldest" else -1
        entries.sort(key=lambda e: (e.year is None, sign * (e.year or 0), e.title or e.id))
        shown = entries[: constraints.top or MOST_LISTED]
        evidence = [
            Evidence(e.id, e.title or e.abstract, 0, len(e.title or e.abstract), "title" if e.title else "abstract", 1.0) for e in shown
        ]
        noun = "paper" if len(entries) == 1 else "papers"
        head = f"{len(entries):,} {noun}{f'; {len(shown)} of them' if len(shown) < len(entries) else ''}:"
        # No ranking stands behind these, so the answer's entries come from the ledger.
        return Selected([], evidence, Verdict(None, 1.0), excluded=excluded, head=head)

    def _select_record(self, question: Question, entries: Sequence[RankedEntry], verdict: Verdict) -> Selected:
        """The paper that a question about a record means, and what its record says."""
        named = title_matches(entries, question)
        best = [*named, *entries][:1]
        if not best or (not named and verdict.probability < _RECORD_SURE):
            return Selected(entries, [], Verdict("no-topic", verdict.probability))
        evidence = title_evidence(best[0])
        head = in_words(best[0].entry, asked_fields(question.text))
        return Selected(entries, [evidence] if evidence else [], Verdict(None, verdict.probability), head=head)

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
        if question.wants == "definition":
            return Selected(entries, select_definition(entries, question), verdict)
        if question.wants == "twosided":
            return Selected(entries, select_debate(entries), verdict)
        return Selected(entries, select_evidence(entries), verdict)

    def _select_set(self, question: Question, ranked: RankedEntries, allowed: Filtered | None) -> Selected:
        """The members of a set. An enumeration is abstained from only if each of its members is."""
        pools = [ranked, *(self._rank(question, allowed, part, most_read=READ_FOR_SET) for part in question.parts)]
        measured = MEASURED
        # Papers that mention a word, or are of a kind, are counted, and so are sets without end in sight: as many are measured as there may be.
        while (question.mentions or question.facet or pools[0].has_more) and len(pools[0].entries) == measured:
            measured *= 4
            pools[0] = self._rank(question, allowed, measured=measured)
        constraints = question.constraints
        candidates = require_all(self._store, self._reader, set_candidates(pools, question), constraints.all_of)
        verdict = max(map(assess, pools), key=lambda v: (v.reason is None, v.probability))
        is_counted = question.mentions or question.facet is not None or self._reader is None
        expected = None if is_counted else estimate_count(candidates)
        members = select_members(candidates, question)
        by_id = {c.ranked.entry.id: c.ranked for c in candidates}
        kept, excluded = split_excluded(self._store, self._reader, [by_id[e.entry] for e in members], constraints.exclude)
        order = {one.entry.id: place for place, one in enumerate(in_order(kept, constraints))}
        members = sorted((e for e in members if e.entry in order), key=lambda e: order[e.entry])
        left = {one.entry.id for one in excluded}
        return Selected([c.ranked for c in candidates if c.ranked.entry.id not in left], members, verdict, expected, excluded)

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
        evidence: Sequence[Evidence] | None,
        allowed: Filtered | None,
        records: Allowed,
        began: float,
        *,
        abstains: bool,
    ) -> Answer:
        evidence = found.evidence if evidence is None else evidence
        entries = {one.entry.id: one.entry for one in found.entries}
        entries |= self._store.ledger.entries([e.entry for e in evidence if e.entry not in entries])
        claims, citations = cite(evidence, entries)
        cited = {c.id for c in citations}
        shows_sentence = reason == "not-in-abstracts"
        nearest = tuple(
            Near(one.entry.id, one.entry.title, one.entry.provenance, one.sentences[0].quote if shows_sentence and one.sentences else None)
            for one in [one for one in found.entries if one.entry.id not in cited][:_NEAREST]
        )
        is_cut = bool(question.constraints.top or question.constraints.exclude)
        head = found.head or lead(
            question.mode,
            reason,
            len(claims),
            is_empty=not found.entries and allowed is not None,
            counts=question.counts,
            mentions=question.mentions,
            expected=None if is_cut else found.expected,
            against=disputing_papers(claims),
        )
        return Answer(
            question=question.typed or question.text,
            mode=question.mode,
            status="abstained" if abstains else "answered",
            reason=reason,
            text=plain_text(head, question.mode if found.head is None else "list", claims, citations, nearest),
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
            kind=question.wants,
            constraints=(*records.stated, *in_brief(question.constraints)),
            corrections=question.corrections,
            left_out=records.left_out,
            notes=tuple(notes_on(question, records, found.excluded, answered=not abstains)),
        )

    def _without_search(self, question: Question, allowed: Filtered | None, began: float) -> Answer:
        """An answer to what is no question about a topic: the corpus as a whole, the program, small talk, what has nothing to do with papers."""
        count = len(allowed.ids) if allowed else self._store.ledger.counts()["entries"]
        if question.wants == "corpus":
            head = about_corpus(self._store, allowed)
        else:
            head = {"assistant": CAN_DO, "other": OUTSIDE}.get(question.wants) or small_talk(question.text)
        outside = question.wants == "other"
        return Answer(
            question=question.typed or question.text,
            mode="answer",
            status="abstained" if outside else "answered",
            reason="off-topic" if outside else None,
            text=head,
            claims=(),
            citations=(),
            nearest=(),
            considered=count,
            store=self._name,
            seconds=time.perf_counter() - began,
            headline=head,
            kind=question.wants,
        )


def _both(allowed: Filtered | None, records: Allowed) -> Filtered | None:
    """Entries that pass a filter and meet the question's own conditions."""
    if records.ids is None:
        return allowed
    return Filtered(records.ids if allowed is None else allowed.ids & records.ids, allowed.lacking if allowed else {})
