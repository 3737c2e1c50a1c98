"""What an embedder is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from store.types import Chunk

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ChunkEmbedding:
    """Unit vectors of a chunk: ``vector`` ``[d]``; ``rows`` ``[1 + sentences, d]``, the title's first (zeros without one)."""

    vector: Vector
    rows: Vector


class Embedder(Protocol):
    """Turns questions and chunks into vectors of unit length.

    Attributes:
        name: what the store records; vectors of another name are never mixed with its own.
        limit: tokens read of a chunk, title included.
        place: the address that texts are sent to; empty where they stay on this machine.
        price: dollars a million tokens; None where it is not known.
    """

    @property
    def name(self) -> str: ...
    @property
    def limit(self) -> int: ...
    @property
    def place(self) -> str: ...
    @property
    def price(self) -> float | None: ...
    def count(self, text: str) -> int:
        """Number of tokens of a text."""
        ...

    def embed_query(self, text: str) -> Vector:
        """A question's vector ``[d]``."""
        ...

    def embed_chunks(self, chunks: Sequence[Chunk]) -> Iterator[ChunkEmbedding]:
        """Vectors of chunks, one after another, in order."""
        ...


def unit(vector: npt.NDArray[Any]) -> Vector:
    """A vector at length one; zeros stay zeros."""
    norm = float(np.linalg.norm(vector))
    return np.asarray(vector / norm if norm > 0 else vector, dtype=np.float32)
