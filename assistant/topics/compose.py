"""A summary without a model: sentences of the papers themselves, chosen by what they are there for, and without repetition."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from assistant.evidence import STATES, Scored, points_elsewhere
from assistant.hostile import gives_orders
from assistant.roles import Role, roles_of
from assistant.topics.members import Member
from assistant.topics.salience import salience
from assistant.topics.themes import Group
from assistant.types import Evidence, Row
from assistant.write.extractive import disputed_text
from store.lexical import terms

Length = Literal["short", "medium", "long"]
# Sentences a paper may have, and papers a theme quotes at most.
EACH: Mapping[str, int] = {"short": 1, "medium": 2, "long": 3}
PAPERS: Mapping[str, int] = {"short": 2, "medium": 8, "long": 1000}
_OVERVIEW = {"short": 1, "medium": 2, "long": 3}
_LIMITS = {"short": 2, "medium": 4, "long": 8}
# How much a sentence's fit to the topic counts beside how much it tells (docs/summaries.md).
_FIT = 0.5
_SAME = 0.5
# A paper's further sentences must tell about as much as its first: so much less, in log odds, at most.
_LESS = 1.0
# A sentence that only says where code or data are tells nothing.
_ELSEWHERE = 5.0
# What a topic is is said in an abstract's first sentences.
_FIRST = 2
_LIMIT = re.compile(
    r"\b(?:(?:remains?|is|are|still) (?:\w+ ){0,2}?(?:unclear|unknown|open|elusive|unexplored|underexplored|under-explored|unresolved|unsolved|(?:a |an )?(?:\w+ )?(?:challenge|mystery|problem))|"
    r"open (?:questions?|problems?|challenges?)|(?:poorly|not (?:yet )?(?:well|fully|completely)|little) (?:understood|explored|studied|known)|little is (?:known|understood)|"
    r"(?:key|main|major|important|current|fundamental|several|common|their|its|our|these|critical) (?:\w+ )?limitations?|limitations? of|limited (?:by|to)\b|future (?:work|research)|"
    r"lacks? (?:a |an |of )?(?:\w+ )?(?:theor|understanding|guarantee|evaluation|unity|consensus)|we (?:do not|cannot)|has (?:not|never|rarely) been|have (?:not|never|rarely) been|"
    r"(?:difficult|hard|challenging) to (?:\w+ )?(?:interpret|understand|measure|compare|train|scale|evaluate|deploy|apply)|limit(?:s|ed|ing)? (?:its|their|the) (?:\w+ )?(?:use|application|applicability|adoption|performance|power|deployment))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a paper, what it is there for, and how much it tells; ``evidence.score`` is its fit to the topic."""

    evidence: Evidence
    role: Role
    tells: float

    @property
    def worth(self) -> float:
        """How much it would tell a reader of a summary."""
        return self.tells + _FIT * self.evidence.score - _ELSEWHERE * points_elsewhere(self.evidence.quote)


@dataclass(frozen=True, slots=True)
class Composed:
    """What a summary quotes, part by part; ``themes`` go with the groups they were made for."""

    overview: tuple[Evidence, ...]
    themes: tuple[tuple[Evidence, ...], ...]
    disagreements: tuple[Evidence, ...]
    limitations: tuple[Evidence, ...]


def sentences_of(scored: Scored) -> list[Sentence]:
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
    whole = [s for id in sorted(papers, key=lambda id: rank[id]) for s in papers[id]]
    against = take([s.evidence for s in whole if disputed_text(s.evidence.quote)], _LIMITS[length])
    troubled = sorted((s for s in whole if _LIMIT.search(s.evidence.quote)), key=lambda s: -s.evidence.score)
    each: dict[str, Evidence] = {}
    for sentence in troubled:
        if free(sentence.evidence):
            each.setdefault(sentence.evidence.entry, sentence.evidence)
    limits = take(list(each.values()), _LIMITS[length])
    return Composed(tuple(overview), tuple(themes), tuple(against), tuple(limits))


def _opening(papers: Mapping[str, Sequence[Sentence]], rank: Mapping[str, int]) -> list[Evidence]:
    """Sentences that say what the topic is, from different papers, best first."""
    best = []
    for sentences in papers.values():
        scene = [s.evidence for s in sentences[:_FIRST] if s.role == "background" and not _says_more(s.evidence.quote)]
        if scene:
            best.append(max(scene, key=lambda e: (e.score, -e.start)))
    return sorted(best, key=lambda e: (-e.score, rank[e.entry]))


def _says_more(quote: str) -> bool:
    return bool(STATES.search(quote) or _LIMIT.search(quote) or disputed_text(quote))


def row(scored: Scored) -> Row:
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
    changed = []
    for member in found:
        scores = focus.get(member.scored.entry.id, {})
        sentences = tuple(replace(e, score=scores.get(e.start, e.score)) for e in member.scored.sentences)
        changed.append(replace(member, scored=replace(member.scored, sentences=sentences)))
    return changed
