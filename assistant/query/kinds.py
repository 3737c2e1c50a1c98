"""What kind of answer a question wants, by a small trained model: linear over the question's vector and its words.

Made by ``python -m evals.training.kinds`` from thousands of labelled questions; ``kinds.npz`` holds the weights.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from assistant.query.analyzer import Kind, stated_kind

Vector = npt.NDArray[np.float32]
KINDS: tuple[Kind, ...] = ("answer", "list", "compare", "count")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+|[?/&,:;]")


@dataclass(frozen=True)
class KindModel:
    """A linear model.

    Args:
        vocabulary: place of each word, word pair or first word among the features.
        words: their weights ``[features, kinds]``.
        vector: weights of the question's vector ``[d, kinds]``.
        bias: ``[kinds]``.
        embedder: name of the embedder whose vectors it reads.
    """

    vocabulary: dict[str, int]
    words: Vector
    vector: Vector
    bias: Vector
    embedder: str

    def probabilities(self, text: str, vector: Vector | None) -> dict[Kind, float]:
        """Probability of each of :data:`KINDS`; without a vector of its embedder from the words alone."""
        places = [self.vocabulary[f] for f in surface_features(text) if f in self.vocabulary]
        logits = self.bias + self.words[places].sum(axis=0)
        if vector is not None:
            logits = logits + vector @ self.vector
        exps = np.exp(logits - logits.max())
        return dict(zip(KINDS, (exps / exps.sum()).tolist(), strict=True))


def surface_features(text: str) -> set[str]:
    """Words, pairs of neighbouring words, the first words, how long it is, and what its words alone are taken to ask for."""
    words = _WORD.findall(text.lower())
    pairs = {f"{a} {b}" for a, b in pairwise(words)}
    opening = {f"^{' '.join(words[:n])}" for n in (1, 2, 3) if len(words) >= n}
    size = f"#{min(len(words) // 4, 6)}"
    return {*words, *pairs, *opening, size, f"$ {words[-1]}" if words else "$", f"@{stated_kind(text)}"}


@lru_cache(maxsize=1)
def kind_model() -> KindModel:
    """The model that is shipped."""
    with files("assistant.query").joinpath("kinds.npz").open("rb") as file, np.load(file) as held:
        vocabulary = {name: n for n, name in enumerate(held["vocabulary"].tobytes().decode().split("\n"))}
        words, vector, bias = (held[name].astype(np.float32) for name in ("words", "vector", "bias"))
        return KindModel(vocabulary, words, vector, bias, str(held["embedder"]))
