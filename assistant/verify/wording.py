"""How much of a claim its evidence holds, word by word: exactly, and by meaning."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from assistant.abbreviations import expanded_terms
from store.lexical import word_terms
from store.types import Span

Vector = npt.NDArray[np.float32]
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


class WordEmbedder(Protocol):
    """Gives vectors of words in context, as :class:`store.embed.OnnxEmbedder` does."""

    def embed_words(self, text: str) -> tuple[list[Span], Vector]:
        """Where each word is, and their unit vectors."""
        ...


@dataclass(frozen=True, slots=True)
class Wording:
    """How far the words of a claim are held.

    Args:
        words: its content words, in order.
        exact: for each, whether the evidence holds its stem.
        soft: for each, its greatest cosine with a word of the evidence, 1 where it is held exactly.
        cosine: of the claim with the evidence sentence nearest in meaning.
    """

    words: tuple[str, ...]
    exact: tuple[bool, ...]
    soft: tuple[float, ...]
    cosine: float


class Words:
    """Word vectors of texts, kept for the length of an answer.

    Args:
        embedder: gives them.
    """

    def __init__(self, embedder: WordEmbedder) -> None:
        self._of = lru_cache(maxsize=512)(embedder.embed_words)

    def compare(self, claim: str, evidence: Sequence[str], context: str = "") -> Wording:
        """Compare a claim with its evidence.

        Args:
            claim: a sentence.
            evidence: the sentences it cites.
            context: title and abstract they are from, for abbreviations; a title's words count as evidence.
        """
        held: set[str] = set()
        for text in evidence:
            held |= expanded_terms(text, context or text)
        roots = {stem[:_ROOT] for stem in held if len(stem) >= _ROOT}
        spans, vectors = self._of(claim)
        premise = [self._of(text) for text in evidence]
        rows = np.vstack([v for _, v in premise]) if premise else np.zeros((0, vectors.shape[1] if vectors.size else 1), np.float32)
        words, exact, soft = [], [], []
        for span, vector in zip(spans, vectors, strict=True):
            word = claim[span.start : span.end]
            stems = word_terms(word)
            if not stems or _REPORTS.match(word) or not any(ch.isalpha() for ch in word):
                continue
            is_held = any(stem in held or (len(stem) >= _ROOT and stem[:_ROOT] in roots) for stem in stems)
            words.append(word)
            exact.append(is_held)
            soft.append(1.0 if is_held else float((rows @ vector).max(initial=0.0)))
        whole = _mean(vectors)
        cosine = max((float(whole @ _mean(v)) for _, v in premise if len(v)), default=0.0)
        return Wording(tuple(words), tuple(exact), tuple(soft), cosine)


def wider(claim: str, evidence: str) -> list[str]:
    """Words of a claim that widen or strengthen it and are not in its evidence: all, always, first, proves."""
    held = evidence.lower()
    return [match.group(0) for match in _WIDER.finditer(claim) if match.group(0).lower()[:5] not in held]


def _mean(vectors: Vector) -> Vector:
    if not len(vectors):
        return np.zeros(vectors.shape[1], np.float32)
    mean = vectors.mean(axis=0)
    norm = float(np.linalg.norm(mean))
    return np.asarray(mean / norm if norm else mean, dtype=np.float32)
