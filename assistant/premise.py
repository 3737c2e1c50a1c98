"""Questions that take for granted what an abstract denies.

Deliberately narrow: it needs a question that presupposes something (``why does X ...``, ``by how much does X ...``) and a
sentence, among the best evidence, that negates a word of it. Deciding more would need an entailment model.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from assistant.types import Evidence
from store.lexical import word_terms

_PRESUPPOSES = re.compile(
    r"(?:^|[,:;] )(?:why (?:do|does|did|is|are|was|were|can|could|must|should|would)\b(?! (?:i|we|you|my)\b)|by how much (?:do|does|did)\b|"
    r"(?:which|what) (?!.*\b(?:paper|stud|work|method|entr)).{2,60} (?:do|does|did) (?:\S+ ){1,4}(?:use|need|require|employ|apply)\b)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
_NOT = re.compile(r"^(?:not|cannot|can't|doesn't|don't|never|without|nor|neither|no|little)$", re.IGNORECASE)
_REACH = 3


def presupposes(question: str) -> bool:
    """Whether a question takes something for granted."""
    return _PRESUPPOSES.search(question) is not None


def denials(question: str, evidence: Sequence[Evidence], terms: Collection[str]) -> list[Evidence]:
    """The sentences that deny what a question takes for granted.

    Args:
        question: as asked.
        evidence: sentences, best first.
        terms: stemmed content terms of the question.

    Returns:
        Those in which a negation comes at most three words before a term of the question, or is part of it
        (``non-convolutional``); empty where the question presupposes nothing.
    """
    if not presupposes(question):
        return []
    negated = {
        term
        for match in re.finditer(r"\b(?:not|no|non|without|never)\b[-\s]*(\S+)", question, re.IGNORECASE)
        for term in word_terms(match[1])
    }
    wanted = set(terms) - negated
    return [e for e in evidence if _denies(e.quote, wanted)]


def _denies(sentence: str, wanted: Collection[str]) -> bool:
    words = _WORD.findall(sentence)
    for place, word in enumerate(words):
        prefix, _, rest = word.partition("-")
        if prefix.lower() == "non" and set(word_terms(rest)) & set(wanted):
            return True
        near = words[place + 1 : place + 1 + _REACH]
        if _NOT.match(word) and near and near[0].lower() != "only" and any(set(word_terms(w)) & set(wanted) for w in near):
            return True
    return False
