"""Answers without a model: the evidence sentences themselves, chosen to answer and not to repeat each other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from assistant.analyse import Question
from assistant.decide import Model, choose, facet_sentence, member_probability
from assistant.evidence import STATES, Scored, rank_sentences
from assistant.types import Citation, Claim, Evidence, Reason
from store.ids import normalise
from store.lexical import terms
from store.types import Entry

QUOTES = 4
LEADERS = 8
_SAME = 0.6
_MARGIN = 0.25
_EACH = 2
_STATED = 0.15
_AS_NEAR = 0.75
# How an abstract says that it stands against what others hold.
_DISPUTES = re.compile(
    r"\b(?:contrary to|contradict\w*|contradistinction|unlike (?:the )?(?:common|conventional|prior|previous|earlier|popular|original)|in contrast (?:to|with) (?:the )?(?:prior|previous|earlier|common|popular|original)|"
    r"in contrast (?:to|with) (?:\S+ ){0,5}(?:hypothesis|theory|claims?|view|belief|account)|none of the (?:\w+ )?claims|refut\w+|dispute[sd]?|disputing|disprov\w+|conflicting|(?:common|conventional|popular) (?:wisdom|belief)|common assumption|misconceptions?|challeng(?:es?|ed|ing) (?:the|this|a) (?:\w+ )?(?:view|belief|notion|idea|"
    r"assumption|claim|hypothesis)|(?:does|do|did) not (?:bring|hold|improve|help|support|reproduce)|(?:is|are) not (?:always|necessarily|necessary|needed|required)|call(?:s|ed)? into question|question(?:s|ed)? (?:the|whether))\b",
    re.IGNORECASE,
)


def members(pools: Sequence[Sequence[Scored]], question: Question, model: Model) -> list[Evidence]:
    """The set a question asks for, best first, each with the sentence that is the reason.

    Args:
        pools: entries for the topic, and for each member of an enumeration; an entry counts by the best of its fits.
        question: the question as understood.
        model: of relevance.
    """
    ranked = ranked_members(pools, question, model)
    size = choose([p for p, _ in ranked])
    return [e for p, s in ranked[:size] if p > 0 and (e := _reason(s, question, p))]


def ranked_members(pools: Sequence[Sequence[Scored]], question: Question, model: Model) -> list[tuple[float, Scored]]:
    """Every entry of the pools with its probability of belonging to the set, best first."""
    best: dict[str, tuple[float, Scored]] = {}
    for scored in (s for pool in pools for s in pool):
        chance = member_probability(scored, question, model)
        if scored.entry.id not in best or chance > best[scored.entry.id][0]:
            best[scored.entry.id] = (chance, scored)
    return sorted(best.values(), key=lambda x: (-x[0], x[1].entry.id))


def _reason(scored: Scored, question: Question, chance: float) -> Evidence | None:
    best = next(iter(scored.sentences), None)
    if question.facet and (at := facet_sentence(scored, question.facet)) is not None:
        best = next((e for e in scored.sentences if e.start <= at < e.end), best)
    return replace(best, score=chance) if best else None


def quotes(found: Sequence[Scored]) -> list[Evidence]:
    """The sentences that answer a question best, without those that repeat an earlier one."""
    return distinct(rank_sentences(found, LEADERS), QUOTES)


def compared(found: Sequence[Scored], sides: Sequence[tuple[str, Sequence[Scored]]], papers: int = 2) -> list[Evidence]:
    """Evidence for a comparison: the papers that stand for its sides, and what each of them finds.

    Args:
        found: entries for the whole question, best first.
        sides: each of its sides, and entries for it, best first.
        papers: how many papers to compare; those beyond two only if they are as near as these.

    Returns:
        The best sentences of each paper in turn, those that state a finding or a proposal before those that set the scene.
    """
    chosen: dict[str, Scored] = {}
    whole = {s.entry.id: s for s in found}
    for name, side in sides:
        # A side's words alone may fit a paper that has nothing to do with the question.
        free = [s for s in side if s.entry.id in whole and s.entry.id not in chosen]
        if free:
            best = max(free, key=lambda s: (_is_titled(s, name), s.standing + whole[s.entry.id].standing))
            chosen[best.entry.id] = whole[best.entry.id]
    for scored in found:
        # Beyond two, a paper must be about as near as the nearest.
        if len(chosen) >= papers or (len(chosen) > 1 and scored.standing < _AS_NEAR * found[0].standing):
            break
        chosen.setdefault(scored.entry.id, scored)
    each = _EACH if len(chosen) > 2 else _EACH + 1
    picked = []
    for scored in chosen.values():
        ranked = sorted(
            (replace(e, score=e.score + _STATED * bool(STATES.search(e.quote))) for e in scored.sentences), key=lambda e: -e.score
        )
        picked += distinct(ranked, each, margin=1.0)
    return picked


def _is_titled(scored: Scored, name: str) -> bool:
    """Whether a paper's title, or what stands before its colon, is a name."""
    return normalise((scored.entry.title or "").split(":")[0]) == normalise(name)


def named_first(found: Sequence[Scored], question: Question) -> list[Scored]:
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


def distinct(ranked: Sequence[Evidence], count: int, margin: float = _MARGIN) -> list[Evidence]:
    """The best sentences without those that repeat an earlier one or stand far below the best."""
    kept: list[Evidence] = []
    for evidence in ranked:
        if len(kept) == count or (kept and evidence.score < kept[0].score - margin):
            break
        words = set(terms(evidence.quote))
        if all(len(words & set(terms(k.quote))) <= _SAME * len(words | set(terms(k.quote))) for k in kept):
            kept.append(evidence)
    return kept


def cite(evidence: Sequence[Evidence], entries: Mapping[str, Entry]) -> tuple[tuple[Claim, ...], tuple[Citation, ...]]:
    """Claims that quote the evidence, and its citations numbered by first appearance of their entry."""
    numbers: dict[str, int] = {}
    citations = []
    claims = []
    for item in evidence:
        n = numbers.setdefault(item.entry, len(numbers) + 1)
        entry = entries[item.entry]
        citations.append(Citation(n, entry.id, entry.title, entry.url, item.quote, item.start, item.end, item.field, entry.provenance))
        claims.append(Claim(item.quote, (n,), "quoted", item.score))
    return tuple(claims), tuple(citations)


def disputed(claims: Sequence[Claim]) -> list[int]:
    """Numbers of the papers whose quotes say that they stand against what others hold."""
    return sorted({n for claim in claims if disputed_text(claim.text) for n in claim.citations})


def disputed_text(sentence: str) -> bool:
    """Whether a sentence says that it stands against what others hold."""
    return _DISPUTES.search(sentence) is not None


def headline(mode: str, reason: Reason | None, claims: int, considered: int, *, counts: bool = False, against: Sequence[int] = ()) -> str:
    """The sentence an answer opens with; empty where the quotes speak for themselves.

    Args:
        mode: the answer's mode.
        reason: why it refuses or objects, if it does.
        claims: how many claims it has.
        considered: how many entries were looked at; 0 where a filter let none through.
        counts: the question asks how many.
        against: papers of a comparison that say they stand against what others hold.
    """
    if reason == "no-topic":
        return "Nothing in this corpus is on this topic." if considered else "No entry passes the filter."
    if reason == "not-in-abstracts":
        return "There are papers about it, but their abstracts do not say."
    if reason == "false-premise":
        return "An abstract speaks against what the question takes for granted."
    if mode == "compare" and against:
        return f"{' and '.join(f'[{n}]' for n in against)} {'says it stands' if len(against) == 1 else 'say they stand'} against what others hold."
    if mode != "list":
        return ""
    noun = "paper" if claims == 1 else "papers"
    return f"{'The answer is ' if counts else ''}{claims} {noun}, of {considered} considered:"


def text(head: str, mode: str, claims: Sequence[Claim], citations: Sequence[Citation], nearest: Sequence[Entry]) -> str:
    """An answer as plain text, with [n]."""
    if not claims:
        near = "; ".join(e.title or e.id for e in nearest)
        return head + (f" Nearest: {near}." if near else "")
    if mode == "list":
        return "\n".join([head, *(f"[{c.n}] {c.title or 'Untitled'} - {' '.join(c.quote.split())}" for c in citations)])
    lines = [head] if head else []
    last = 0
    for claim, citation in zip(claims, citations, strict=True):
        lead = f"{citation.title}: " if citation.title and citation.n != last else ""
        lines.append(f"{lead}“{' '.join(claim.text.split())}” [{citation.n}]")
        last = citation.n
    return "\n".join(lines)
