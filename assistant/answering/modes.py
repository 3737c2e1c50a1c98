"""Evidence for definitions and for debates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from assistant.answering.evidence import LEADERS, QUOTES, drop_near_duplicates, rank_sentences
from assistant.query.analyzer import Question, content_terms
from assistant.ranking.ranker import RankedEntry
from assistant.types import Evidence
from store.lexical import word_terms

# What stands between what is defined and what it is; "X, which is", "X refers to".
_COPULA = re.compile(
    r"^\W*(?:\([^)]*\)\W*)?(?:(?:also|here|often|usually|commonly|generally|broadly)\W+)?(?:which\W+)?"
    r"(?:is|are|was|were|refers?|referring|means?|denotes?|describes?|consists?|aims?|seeks?|concerns?|requires?|involves?|i\.e|namely)\b|^\W*(?:\([^)]*\)\W*)?,\W*(?:which|that|where|i\.e|namely|a|an|the)\b",
    re.IGNORECASE,
)
# "a Y, called X", "Y, known as X": what is defined comes last.
_NAMING = re.compile(
    r"(?:\bcalled|\bnamed|\bknown as|\bdubbed|\btermed|\breferred to as|\bdefined? (?:as )?|\bnotion of|\bconcept of)\W*(?:an?|the)?\W*[\"“']?$",
    re.IGNORECASE,
)
_FIELD = re.compile(r"\s(?:in|for|within|when|on|from)\s", re.IGNORECASE)
_WORD = re.compile(r"\w+(?:[-'’]\w+)*")
_OURS = re.compile(r"^\W*(?:in this|this|we|our|here)\b", re.IGNORECASE)
_DEFINES, _NAMES = 0.6, 0.45
_EARLY = 10
_MOST_PAPERS = 5
# A further paper of a debate counts while it is at least this share as probable as the best one.
_LEAST_SHARE = 0.15


def select_definition(entries: Sequence[RankedEntry], question: Question) -> list[Evidence]:
    """The sentences that say best what something is, those that define it first."""
    # "A strong explanation in argumentation": the field it is from is no part of what is defined.
    defined = _FIELD.split(_QUESTION_WORDS.sub(" ", question.text).strip())[0]
    wanted = frozenset(content_terms(defined)) & {term for m in _WORD.finditer(defined) for term in word_terms(m.group())}
    ranked = [replace(e, score=e.score + defining_score(e.quote, wanted)) for e in rank_sentences(entries, LEADERS)]
    return drop_near_duplicates(sorted(ranked, key=lambda e: (-e.score, e.entry, e.start)), QUOTES)


_QUESTION_WORDS = re.compile(
    r"\b(?:what(?:'s| is| are| does| do)?|mean(?:s|ing)?|define|definition of|explain|tell me|by|people|exactly|meant|the term|called)\b",
    re.IGNORECASE,
)


def defining_score(sentence: str, wanted: frozenset[str]) -> float:
    """How plainly a sentence defines what a question asks for, 0 to about 1.

    Args:
        sentence: of an abstract.
        wanted: stemmed terms of what is to be defined.
    """
    if not wanted:
        return 0.0
    words = list(_WORD.finditer(sentence))
    held = [set(word_terms(m.group())) & wanted for m in words]
    for start in range(len(words)):
        if not held[start]:
            continue
        seen: set[str] = set()
        for end in range(start, min(len(words), start + 2 * len(wanted) + 2)):
            seen |= held[end]
            if seen >= wanted:
                after, before = sentence[words[end].end() :], sentence[: words[start].start()]
                if _COPULA.search(after) and start < _EARLY:
                    return _DEFINES - (0.2 if _OURS.search(sentence) else 0.0) - 0.02 * start
                if _NAMING.search(before):
                    return _NAMES
                break
    return 0.0


def select_debate(entries: Sequence[RankedEntry]) -> list[Evidence]:
    """A sentence of each paper that has to do with a debate, so that those who differ are all heard."""
    if not entries:
        return []
    best = max(one.probability for one in entries[:_MOST_PAPERS])
    chosen = [one for one in entries[:_MOST_PAPERS] if one.probability >= _LEAST_SHARE * best]
    found: list[Evidence] = []
    for one in chosen:
        ranked = [replace(e, score=e.score * one.probability) for e in one.sentences]
        found += drop_near_duplicates(ranked, 2 if len(chosen) < 3 else 1, least_share=0.0)
    return found
