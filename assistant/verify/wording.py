"""How much of a claim its evidence holds, word by word, and words that make it wider."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from store.abbreviations import expanded_terms
from store.lexical import word_terms

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
# Words of reporting say nothing of the matter.
_REPORTS = re.compile(
    r"^(?:paper|papers|authors?|stud(?:y|ies|ied)|works?|shows?|shown|finds?|found|proposes?|proposed|presents?|presented|introduces?|introduced|demonstrates?|demonstrated|results?|they|their|its?|"
    r"using|use[sd]?|method|methods|approach|approaches|new|novel|this|these|also|both|such|how|report(?:s|ed)?|suggest(?:s|ed)?|argue[sd]?|claim(?:s|ed)?|observe[sd]?|"
    r"according|existing|experiments?|research(?:ers)?|than|can|could|would|may|might|will|should|has|have|had|been|be|does|do|did)$",
    re.IGNORECASE,
)
_WIDER = re.compile(
    r"\b(?:all|always|every|everything|any|anywhere|whatever|never|only|solely|exclusively|entirely|completely|fully|perfect(?:ly)?|proves?|proven|proof|guarantee(?:s|d|ing)?|first(?:-ever)?|"
    r"universal(?:ly)?|invariably|certainly|definitive(?:ly)?|undoubtedly|unquestionabl[ey]|inevitabl[ey]|optimal|regardless|no matter|none|nothing|everywhere|impossible|must|"
    r"without exception|under all|in all|the (?:sole|single)|forever|totally|absolutely|100 ?%|eliminates?|solves?|solved)\b",
    re.IGNORECASE,
)
_ROOT = 5


@dataclass(frozen=True, slots=True)
class Wording:
    """How far the words of a claim are held.

    Args:
        words: its content words, in order.
        exact: for each, whether the evidence holds its stem.
    """

    words: tuple[str, ...]
    exact: tuple[bool, ...]


def compare(claim: str, evidence: Sequence[str], context: str = "") -> Wording:
    """Compare a claim with its evidence, word by word.

    Args:
        claim: a sentence.
        evidence: the sentences it cites.
        context: title and abstract they are from, for abbreviations.
    """
    held: set[str] = set()
    for text in evidence:
        held |= expanded_terms(text, context or text)
    roots = {stem[:_ROOT] for stem in held if len(stem) >= _ROOT}
    words, exact = [], []
    for word in _WORD.findall(claim):
        stems = word_terms(word)
        if not stems or _REPORTS.match(word) or not any(ch.isalpha() for ch in word):
            continue
        words.append(word)
        exact.append(any(stem in held or (len(stem) >= _ROOT and stem[:_ROOT] in roots) for stem in stems))
    return Wording(tuple(words), tuple(exact))


def wider(claim: str, evidence: str) -> list[str]:
    """Words of a claim that widen or strengthen it and are not in its evidence: all, always, first, proves."""
    held = evidence.lower()
    return [match.group(0) for match in _WIDER.finditer(claim) if match.group(0).lower()[:5] not in held]
