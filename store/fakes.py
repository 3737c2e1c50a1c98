"""An embedder for tests of programs built on this one: fast, deterministic, without a model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from store.embed.base import ChunkEmbedding, Vector, unit
from store.types import Chunk


class HashEmbedder:
    """A text's vector is the sum of its words' vectors, and a word's is drawn from the SHA-256 of the word.

    Args:
        name: what the store records.
        dimensions: length of a vector.
    """

    limit = 510
    place = ""
    price = None

    def __init__(self, name: str = "hash", dimensions: int = 64) -> None:
        self.name = name
        self._dimensions = dimensions

    def count(self, text: str) -> int:
        """Number of words."""
        return len(text.split())

    def embed_query(self, text: str) -> Vector:
        """A question's vector ``[d]``."""
        return unit(np.sum([self._word(word) for word in text.casefold().split() or [""]], axis=0))

    def embed_chunks(self, chunks: Sequence[Chunk]) -> Iterator[ChunkEmbedding]:
        """Vectors of chunks, one after another, in order."""
        for chunk in chunks:
            offset = chunk.span.start
            rows = [self.embed_query(chunk.title) if chunk.title else np.zeros(self._dimensions, np.float32)]
            rows += [self.embed_query(chunk.text[max(0, s.start - offset) : s.end - offset]) for s in chunk.sentences]
            yield ChunkEmbedding(self.embed_query(f"{chunk.title or ''} {chunk.text}"), np.vstack(rows))

    def _word(self, word: str) -> Vector:
        seed = int.from_bytes(hashlib.sha256(f"{self.name} {word}".encode()).digest()[:8], "big")
        return np.asarray(np.random.default_rng(seed).standard_normal(self._dimensions), dtype=np.float32)
