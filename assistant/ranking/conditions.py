"""Whether papers are about a thing that a question excludes or asks for besides its topic; judged paper by paper."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from assistant.query.analyzer import Question, analyze, content_terms
from assistant.query.query import make_query
from assistant.ranking.ranker import RankedEntry, rank
from assistant.ranking.reader import Reader
from store.errors import QuestionError
from store.lexical import terms
from store.sentences import split_sentences
from store.store import Store
from store.types import Filtered

# The reader's logit from which on a paper is taken to be about a thing. Chosen on hand g of evals/data/logic (docs/results/query.md).
ABOUT_LOGIT = -0.15
# Below this a mention is taken to be made in passing.
PASSING_LOGIT = -2.0
# Without the reader: the cosine of question and paper.
ABOUT_COSINE = 0.45
_NEGATED = re.compile(
    r"\b(?:without|not|no|non|never|instead of|rather than|unlike|free of|avoids?|avoiding|neither|nor)\b[^.;:]{0,40}$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found of one paper for one phrase.

    Args:
        mentions: its title or one of its sentences holds the phrase's words, not denied.
        logit: how strongly it is taken to be about it, in the reader's logits; in cosines less :data:`ABOUT_COSINE` where there is no reader.
    """

    mentions: bool
    logit: float

    @property
    def is_about(self) -> bool:
        """Whether it is taken to be about the phrase."""
        return self.logit > ABOUT_LOGIT or (self.mentions and self.logit > PASSING_LOGIT)


def judge(store: Store, reader: Reader | None, entries: Sequence[RankedEntry], phrase: str) -> dict[str, Judged]:
    """Judge papers for a phrase.

    Args:
        store: the corpus.
        reader: None to do without.
        entries: the papers.
        phrase: what they may be about, or use.
    """
    if not entries:
        return {}
    wanted = frozenset(terms(phrase))
    try:
        question: Question = replace(analyze(f"Which papers use {phrase}?", "list"), topic=phrase)
    except QuestionError:
        return {one.entry.id: Judged(False, -99.0) for one in entries}
    allowed = Filtered(frozenset(one.entry.id for one in entries))
    ranked = rank(store, make_query(store, question), reader, allowed=allowed, measured=len(entries), most_read=len(entries))
    logits = {
        one.entry.id: one.features["reader"] if "reader" in one.features else one.features["dense"] - ABOUT_COSINE + ABOUT_LOGIT
        for one in ranked.entries
    }
    return {one.entry.id: Judged(mentions(one, wanted, phrase), logits.get(one.entry.id, -99.0)) for one in entries}


def mentions(one: RankedEntry, wanted: frozenset[str], phrase: str) -> bool:
    """Whether a paper's title or one of its sentences holds all of a phrase's words, and does not deny them."""
    if not wanted:
        return False
    abstract = one.entry.abstract
    texts = [one.entry.title or "", *(abstract[s.start : s.end] for s in split_sentences(abstract))]
    first = content_terms(phrase)[:1]
    for text in texts:
        if wanted <= set(terms(text)):
            places = [m.start() for m in re.finditer(r"\w+", text) if first and first[0] in terms(m.group())]
            if not places or any(not _NEGATED.search(text[:at]) for at in places):
                return True
    return False
