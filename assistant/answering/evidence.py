"""The sentences that answer, chosen from ranked entries and not repeating each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from assistant.query.analyzer import Question
from assistant.ranking.ranker import RankedEntries, RankedEntry
from assistant.ranking.sentences import STATES
from assistant.types import Evidence
from store.ids import normalise
from store.lexical import terms

QUOTES = 4
LEADERS = 8
# Share of words in common from which on a sentence repeats another.
_SAME_WORDS = 0.6
# A quote counts while it is at least this share as probable as the best one.
_LEAST_SHARE = 0.25
_PER_PAPER = 2
_PER_PAPER_OF_TWO = 3
MAX_COMPARED = 4
# What stands before a title's colon is a name if it is no longer and no shorter than this.
_NAME_WORDS, _NAME_LETTERS = 3, 5
_STATED = 0.15
# Log odds by which a further paper of a comparison may stand below the second.
_NEAR_ENOUGH = 1.0


def rank_sentences(entries: Sequence[RankedEntry], limit: int = LEADERS) -> list[Evidence]:
    """The best sentences of the best entries.

    Args:
        entries: best first.
        limit: entries looked at.

    Returns:
        Sentences, best first; the score is the probability that the entry holds the answer times that of the sentence being it.
    """
    found = [replace(e, score=e.score * one.probability) for one in entries[:limit] for e in one.sentences]
    return sorted(found, key=lambda e: (-e.score, e.entry, e.start))


def select_evidence(entries: Sequence[RankedEntry]) -> list[Evidence]:
    """The sentences that answer a question best, without those that repeat an earlier one."""
    return drop_near_duplicates(rank_sentences(entries), QUOTES)


def drop_near_duplicates(ranked: Sequence[Evidence], count: int, least_share: float = _LEAST_SHARE) -> list[Evidence]:
    """The best sentences without those that repeat an earlier one or are far less probable than the best."""
    kept: list[Evidence] = []
    for evidence in ranked:
        if len(kept) == count or (kept and evidence.score < kept[0].score * least_share):
            break
        words = set(terms(evidence.quote))
        if all(len(words & set(terms(k.quote))) <= _SAME_WORDS * len(words | set(terms(k.quote))) for k in kept):
            kept.append(evidence)
    return kept


def compare_sides(whole: RankedEntries, sides: Sequence[RankedEntries]) -> list[Evidence]:
    """Evidence for a comparison: the papers that stand for its sides, and what each of them finds.

    The reader has read each paper for the whole question, so the best papers are mostly those compared; sides that the question
    names make sure that each has one.

    Args:
        whole: entries for the whole question.
        sides: entries for each side it names.

    Returns:
        The best sentences of each paper in turn, those that state a finding or a proposal before those that set the scene.
    """
    by_id = {one.entry.id: one for one in whole.entries}
    chosen: dict[str, RankedEntry] = {}
    for side in sides:
        free = [one for one in side.entries if one.entry.id in by_id and one.entry.id not in chosen]
        if free:
            best = max(free, key=lambda one: (_is_titled(one, side.query.read), one.rank_score + by_id[one.entry.id].rank_score))
            chosen[best.entry.id] = by_id[best.entry.id]
    least = whole.entries[1].rank_score - _NEAR_ENOUGH if len(whole.entries) > 1 else 0.0
    for one in whole.entries[:MAX_COMPARED]:
        if len(chosen) < 2 or one.rank_score >= least:
            chosen.setdefault(one.entry.id, one)
    picked = []
    for one in list(chosen.values())[:MAX_COMPARED]:
        ranked = sorted((replace(e, score=e.score + _STATED * bool(STATES.search(e.quote))) for e in one.sentences), key=lambda e: -e.score)
        picked += drop_near_duplicates(ranked, _PER_PAPER_OF_TWO if len(chosen) <= 2 else _PER_PAPER, least_share=0.0)
    return picked


def _is_titled(one: RankedEntry, name: str) -> bool:
    """Whether a paper's title, or what stands before its colon, is a name."""
    return normalise((one.entry.title or "").split(":")[0]) == normalise(name)


def title_matches(entries: Sequence[RankedEntry], question: Question) -> list[RankedEntry]:
    """Papers that the question names: by their title, or by the name that stands before its colon."""
    asked = f" {normalise(question.text)} "
    quoted = [normalise(title) for title in question.quoted]

    def is_named(one: RankedEntry) -> bool:
        if not one.entry.title:
            return False
        whole = normalise(one.entry.title)
        main = normalise(one.entry.title.split(":")[0])
        if len(whole.split()) > 2 and f" {whole} " in asked:
            return True
        if ":" in one.entry.title and len(main) >= _NAME_LETTERS and len(main.split()) <= _NAME_WORDS and f" {main} " in asked:
            return True
        return any(q in (whole, main) or (len(q.split()) > 3 and whole.startswith(q)) for q in quoted)

    return [one for one in entries if is_named(one)]


def boost_title_matches(entries: Sequence[RankedEntry], question: Question) -> list[RankedEntry]:
    """Papers that the question names come first."""
    named = title_matches(entries, question)
    known = {one.entry.id for one in named}
    return [*named, *(one for one in entries if one.entry.id not in known)]


# How an abstract says that it stands against what others hold.
_DISPUTES = re.compile(
    r"\b(?:contrary to|contradict\w*|contradistinction|unlike (?:the )?(?:common|conventional|prior|previous|earlier|popular|original)"
    r"|in contrast (?:to|with) (?:the )?(?:prior|previous|earlier|common|popular|original)"
    r"|in contrast (?:to|with) (?:\S+ ){0,5}(?:hypothesis|theory|claims?|view|belief|account)|none of the (?:\w+ )?claims|refut\w+|dispute[sd]?"
    r"|disputing|disprov\w+|conflicting|(?:common|conventional|popular) (?:wisdom|belief)|common assumption|misconceptions?"
    r"|challeng(?:es?|ed|ing) (?:the|this|a) (?:\w+ )?(?:view|belief|notion|idea|assumption|claim|hypothesis)"
    r"|(?:does|do|did) not (?:bring|hold|improve|help|support|reproduce)|(?:is|are) not (?:always|necessarily|necessary|needed|required)"
    r"|call(?:s|ed)? into question|question(?:s|ed)? (?:the|whether))\b",
    re.IGNORECASE,
)


def disputes(sentence: str) -> bool:
    """Whether a sentence says that it stands against what others hold."""
    return _DISPUTES.search(sentence) is not None
