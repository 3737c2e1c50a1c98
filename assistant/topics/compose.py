"""A summary without a model: sentences of the papers themselves, chosen by what they are there for, and without repetition."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from assistant.hostile import gives_orders
from assistant.ranking.ranker import RankedEntry
from assistant.ranking.sentences import STATES, points_elsewhere
from assistant.roles import Role, roles_of
from assistant.topics.members import Member
from assistant.topics.salience import salience
from assistant.topics.themes import Group
from assistant.types import Evidence, Row
from store.lexical import terms

Length = Literal["short", "medium", "long"]
# Sentences a paper may have, and papers a theme quotes at most.
EACH: Mapping[str, int] = {"short": 1, "medium": 2, "long": 3}
PAPERS: Mapping[str, int] = {"short": 2, "medium": 8, "long": 1000}
_OVERVIEW = {"short": 1, "medium": 2, "long": 3}
_LIMITS = {"short": 2, "medium": 4, "long": 8}
# How much a sentence's fit to the topic counts beside how much it tells (docs/summaries.md).
_FIT = 0.5
# What a reader says matters most counts so many times as much.
_FOCUS = 4.0
_SAME = 0.5
# A paper's further sentences must tell about as much as its first: so much less, in log odds, at most.
_LESS = 1.5
# A sentence that only says where code or data are tells nothing.
_ELSEWHERE = 5.0
# What a topic is is said in an abstract's first sentences.
_FIRST = 2
# What is still open, as authors put it; what they set out to solve, or say they solved, is not.
_LIMIT = re.compile(
    r"\b(?:(?:remains?|is|are|still) (?:\w+ ){0,2}?(?:unclear|unknown|elusive|unexplored|underexplored|under-explored|unresolved|unsolved|an open|a mystery)|remains? (?:\w+ )?open|"
    r"open (?:questions?|problems?)|(?:poorly|not (?:yet )?(?:well|fully|completely)|little) (?:understood|explored|studied|known)|little is (?:known|understood)|"
    r"(?:a|the|one|another|our|this|main|major|key) limitations? (?:of|is)|limitations? of (?:our|this|the)|future (?:work|research)|we leave|would (?:reveal|require)|"
    r"lacks? (?:a |an |of )?(?:\w+ )?(?:theor|understanding|unity|consensus)|little unity|lack in understanding|we (?:do not|cannot) (?:yet )?(?:know|explain)|need for (?:more|further|better)|"
    r"it remains (?:a challenge|challenging|difficult|hard)|fall short of|more (?:research|work|careful|detailed) .{0,60}\b(?:needed|required))",
    re.IGNORECASE,
)
_SOLVED = re.compile(
    r"\b(?:resolv\w+|address(?:es|ed|ing)?|tackl\w+|overcom\w+|mitigat\w+|fill(?:s|ing)?|bridg\w+|alleviat\w+|we (?:\w+ )?(?:conduct|propose|introduce|present|develop|study|investigate|summari[sz]e|review|discuss))\b|not limited to",
    re.IGNORECASE,
)
# A view that others hold and this paper speaks against; what it says instead may follow in the next sentence.
_BELIEF = re.compile(
    r"\b(?:(?:widely|commonly|generally|often|usually) (?:believed|thought|held|assumed|accepted)|(?:popular|common|conventional|prevailing|general|widespread) (?:belief|wisdom|assumption|view|intuition|notion)s?|common beliefs?|contrary to|"
    r"contradict\w*|in contrast (?:to|with) (?:\S+ ){0,5}(?:hypothesis|theory|claims?|view|belief|account|wisdom)|refut\w+|disprov\w+|misconceptions?|call(?:s|ed)? into question|unlike (?:the )?(?:common|conventional|popular)|"
    r"challeng(?:es?|ed|ing) (?:the|this|a) (?:\w+ )?(?:view|belief|notion|idea|assumption|claim|hypothesis|wisdom)|none of the (?:\w+ )?claims|(?:does|do|did) not (?:bring|hold|reproduce)\b)",
    re.IGNORECASE,
)
_REBUTS = re.compile(
    r"^(?:however|but|interestingly|surprisingly|in contrast|instead|contrary|here,? we|in this (?:paper|work)|we)\b|\b(?:we|our)\b.{0,40}\b(?:show|find|demonstrat|prov|argue|observe)",
    re.IGNORECASE,
)
# What such an opening refers to is not in the sentence.
_DANGLES = re.compile(
    r"^(?:to (?:address|mitigate|tackle|overcome|solve|resolve|alleviate|fill|bridge) (?:this|these|the above|such|it)|to this end|to do so|in response|after that|"
    r"(?:these|this|such|those) (?:results?|findings?|property|properties|issues?|observations?|problems?|insights?|experiments?|extra|techniques?|approach(?:es)?|limitations?)\b|taken together|"
    r"this (?:is|motivates|allows|leads|means|suggests|enables|shows|gives|work indicates)|they |it |under (?:this|these)|using (?:this|these)|based on (?:this|these)|with this|for this|then,|for each|the (?:extra|latter|former)\b|also,|second,|third,|additionally,|furthermore,|moreover,)"
    r"|\b(?:this|these|the above|above|such) (?:claims?|connections?|formulations?|gaps?|predictions?|strategy|impediments?)\b",
    re.IGNORECASE,
)
# Says nothing that a reader could take away.
_EMPTY = re.compile(
    r"\b(?:may serve as|position(?:s|ing)? our|we assume (?:that )?the reader|we test our|training logs|fill(?:s|ing)? the (?:\w+ )?gaps?|open(?:s)? (?:the|a|up) (?:door|path|way|avenue)|pave[sd]? the way|shed(?:s)? light|hope (?:that|to|this|our)|"
    r"rest of (?:the|this) (?:paper|chapter)|is organi[sz]ed as|we encourage|future research)\b|\bextensive experiments?\b(?!.*(?:\d|outperform|better|improv))",
    re.IGNORECASE,
)
_DEFINES = re.compile(
    r"\b(?:is|are|refers? to|aims? (?:to|at)|seeks? to|have become|has become|can be|provides?|denotes?|attempts? to|promises?)\b",
    re.IGNORECASE,
)
_CONNECTS = re.compile(
    r"^(?:however|but|although|though|while|moreover|furthermore|thus|therefore|hence|to |in this|this|these|recently|it |they |here|here,)\b",
    re.IGNORECASE,
)
_DANGLING, _SAYING_NOTHING = 0.5, 2.0


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a paper, what it is there for, and how much it tells; ``evidence.score`` is its fit to the topic."""

    evidence: Evidence
    role: Role
    tells: float

    @property
    def worth(self) -> float:
        """How much it would tell a reader of a summary."""
        quote = self.evidence.quote
        lacks = (
            _DANGLING * bool(_DANGLES.search(quote)) + _SAYING_NOTHING * bool(_EMPTY.search(quote)) + _ELSEWHERE * points_elsewhere(quote)
        )
        return self.tells + _FIT * self.evidence.score - lacks


@dataclass(frozen=True, slots=True)
class Composed:
    """What a summary quotes, part by part; ``themes`` go with the groups they were made for."""

    overview: tuple[Evidence, ...]
    themes: tuple[tuple[Evidence, ...], ...]
    disagreements: tuple[Evidence, ...]
    limitations: tuple[Evidence, ...]


def sentences_of(scored: RankedEntry) -> list[Sentence]:
    """A paper's sentences in their order, without those that speak to a program."""
    ordered = sorted(scored.sentences, key=lambda e: e.start)
    quotes = tuple(e.quote for e in ordered)
    rows = zip(ordered, roles_of(quotes), salience(quotes, scored.entry.title), strict=True)
    return [Sentence(e, role, tells) for e, role, tells in rows if not gives_orders(e.quote)]


def compose(found: Sequence[Member], groups: Sequence[Group], length: Length) -> Composed:
    """Choose the sentences.

    Args:
        found: the topic's papers, best first.
        groups: the same in groups.
        length: how much to quote.
    """
    papers = {m.scored.entry.id: sentences_of(m.scored) for m in found}
    rank = {m.scored.entry.id: n for n, m in enumerate(found)}
    taken: list[frozenset[str]] = []

    def free(evidence: Evidence) -> bool:
        words = frozenset(terms(evidence.quote))
        return all(len(words & other) <= _SAME * len(words | other) for other in taken)

    def take(ranked: Sequence[Evidence], count: int) -> list[Evidence]:
        chosen: list[Evidence] = []
        for evidence in ranked:
            if len(chosen) == count:
                break
            if free(evidence):
                taken.append(frozenset(terms(evidence.quote)))
                chosen.append(evidence)
        return chosen

    overview = take(_opening(papers, rank), _OVERVIEW[length])
    themes = []
    for group in groups:
        quotes: list[Evidence] = []
        for id in sorted(group.members, key=lambda id: rank[id]):
            if len({e.entry for e in quotes}) == PAPERS[length]:
                break
            ranked = sorted(papers[id], key=lambda s: (-s.worth, s.evidence.start))
            telling = [s.evidence for s in ranked if s.worth >= ranked[0].worth - _LESS]
            quotes += sorted(take(telling, EACH[length]), key=lambda e: e.start)
        themes.append(tuple(quotes))
    ordered = [papers[id] for id in sorted(papers, key=lambda id: rank[id])]
    against: list[Evidence] = []
    for sentences in ordered:
        for place, sentence in enumerate(sentences):
            if len(against) < _LIMITS[length] and _BELIEF.search(sentence.evidence.quote):
                after = sentences[place + 1 : place + 2]
                # The view and what is said instead belong together.
                follows = [s.evidence for s in after if not _says_own(sentence) and _REBUTS.search(s.evidence.quote)]
                if _says_own(sentence) or follows:
                    against += take([sentence.evidence, *follows], 2)
    limits: list[Evidence] = []
    troubled = [s for sentences in ordered for s in sentences if _LIMIT.search(s.evidence.quote) and not _SOLVED.search(s.evidence.quote)]
    for evidence in (s.evidence for s in sorted(troubled, key=lambda s: -s.evidence.score)):
        if len(limits) < _LIMITS[length] and evidence.entry not in {e.entry for e in limits}:
            limits += take([evidence], 1)
    return Composed(tuple(overview), tuple(themes), tuple(against), tuple(limits))


def _says_own(sentence: Sentence) -> bool:
    return _REBUTS.search(sentence.evidence.quote) is not None


def _opening(papers: Mapping[str, Sequence[Sentence]], rank: Mapping[str, int]) -> list[Evidence]:
    """Sentences that say what the topic is, from different papers, best first."""
    best = []
    for sentences in papers.values():
        scene = [s.evidence for s in sentences[:_FIRST] if s.role == "background" and _introduces(s.evidence.quote)]
        if scene:
            best.append(max(scene, key=lambda e: (e.score, -e.start)))
    return sorted(best, key=lambda e: (-e.score, rank[e.entry]))


def _introduces(quote: str) -> bool:
    odd = STATES.search(quote) or _LIMIT.search(quote) or _BELIEF.search(quote) or _CONNECTS.search(quote) or _DANGLES.search(quote)
    return not odd and _DEFINES.search(quote) is not None


def row(scored: RankedEntry) -> Row:
    """A paper's line in the table: the problem it names, what it does about it, and what it finds."""
    sentences = sentences_of(scored)

    def best(roles: Sequence[Role], bonus: re.Pattern[str] | None = None) -> str | None:
        fit = [s for s in sentences if s.role in roles]
        if not fit:
            return None
        chosen = max(
            fit,
            key=lambda s: (s.evidence.score + 0.2 * (bonus is not None and bonus.search(s.evidence.quote) is not None), -s.evidence.start),
        )
        return chosen.evidence.quote

    return Row(
        scored.entry.id,
        scored.entry.title,
        best(("background",), _TROUBLE),
        best(("objective", "method"), _DOES),
        best(("result",), STATES),
    )


_TROUBLE = re.compile(
    r"\b(?:however|but|although|while|yet|lack|limit|fail|challeng|problem|difficult|unclear|costly|expensive|cannot)", re.IGNORECASE
)
_DOES = re.compile(
    r"\b(?:we|this (?:paper|work)|our)\b[^.;]{0,40}\b(?:propos|introduc|present|develop|study|investigat|analy|design|show)", re.IGNORECASE
)


def rescored(found: Sequence[Member], focus: Mapping[str, Mapping[int, float]]) -> list[Member]:
    """Members whose sentences are scored by how well they fit a focus.

    Args:
        found: the topic's papers.
        focus: score of each sentence by entry id and start.
    """
    return [replace(member, scored=replace(member.scored, given_sentences=_weighed_anew(member.scored, focus))) for member in found]


def _weighed_anew(scored: RankedEntry, focus: Mapping[str, Mapping[int, float]]) -> tuple[Evidence, ...]:
    scores = focus.get(scored.entry.id, {})
    return tuple(replace(e, score=_FOCUS * scores.get(e.start, e.score)) for e in scored.sentences)
