"""Texts to vectors: the embedder that is shipped, and the door for others."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from store.errors import EmbedderError
from store.settings import BUILTIN_EMBEDDER, StoreSettings
from store.types import Chunk, Span

if TYPE_CHECKING:
    from tokenizers import Encoding

Vector = npt.NDArray[np.float32]
_MODELS = Path(__file__).parent / "models"
_SPECIAL_TOKENS = 2


@dataclass(frozen=True, slots=True)
class ChunkEmbedding:
    """Unit vectors of a chunk: ``vector`` ``[d]``; ``rows`` ``[1 + sentences, d]``, the title's first (zeros without one)."""

    vector: Vector
    rows: Vector


class Embedder(Protocol):
    """Turns questions and chunks into vectors of unit length.

    Attributes:
        name: what the store records; stores of another name are refused.
        dimensions: length of a vector.
        limit: tokens read of a chunk, title included.
    """

    @property
    def name(self) -> str: ...
    @property
    def dimensions(self) -> int: ...
    @property
    def limit(self) -> int: ...
    def count(self, text: str) -> int:
        """Number of tokens of a text."""
        ...

    def embed_query(self, text: str) -> Vector:
        """A question's vector ``[d]``."""
        ...

    def embed_chunks(self, chunks: Sequence[Chunk]) -> Iterator[ChunkEmbedding]:
        """Vectors of chunks, one after another, in order."""
        ...


class OnnxEmbedder:
    """A BERT-like model in ONNX whose output is a vector a token; vectors are means over tokens.

    A chunk's vector and those of its title and sentences come from one pass: the means of all tokens, and of the tokens
    of each. Texts go through one at a time: padding a batch costs more than batching gives.

    Args:
        folder: holds ``model.onnx``, ``tokenizer.json`` and ``model.json`` (name, dimensions, positions, prefixes, sha256).

    Raises:
        EmbedderError: a file is missing or not the one ``model.json`` names.
    """

    def __init__(self, folder: Path) -> None:
        try:
            card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            self.name: str = card["name"]
            self.dimensions: int = card["dimensions"]
            self.limit: int = card["positions"] - _SPECIAL_TOKENS
            self._query_prefix: str = card.get("query_prefix", "")
            self._passage_prefix: str = card.get("passage_prefix", "")
            self._files: dict[str, bytes] = {name: (folder / name).read_bytes() for name in ("model.onnx", "tokenizer.json")}
            expected = card["sha256"]
        except (OSError, KeyError, ValueError, TypeError) as error:
            raise EmbedderError(f"{folder}: the embedder cannot be read ({error}).", "Install the program again.") from None
        for name, data in self._files.items():
            if hashlib.sha256(data).hexdigest() != expected.get(name):
                raise EmbedderError(f"{folder / name}: not the file that model.json names.", "Install the program again.")

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_buffer(self._files.pop("tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        onnxruntime.set_default_logger_severity(3)
        return onnxruntime.InferenceSession(self._files.pop("model.onnx"), providers=["CPUExecutionProvider"])

    def count(self, text: str) -> int:
        """Number of word pieces, without the two special tokens."""
        return len(self.word_pieces(text))

    def word_pieces(self, text: str) -> list[int]:
        """Ids of a text's word pieces, without the special tokens."""
        found: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return found

    def embed_query(self, text: str) -> Vector:
        """A question's vector ``[d]``."""
        return _unit(self._run(self._tokenizer.encode(self._query_prefix + text)).mean(axis=0))

    def embed_chunks(self, chunks: Sequence[Chunk]) -> Iterator[ChunkEmbedding]:
        """Vectors of chunks, one after another, in order."""
        for chunk in chunks:
            title = self._passage_prefix + (chunk.title or "")
            head = f"{title}\n" if title else ""
            encoding = self._tokenizer.encode(head + chunk.text)
            tokens = self._run(encoding)
            shift = len(head) - chunk.span.start
            spans = [Span(len(self._passage_prefix), len(title))]
            spans += [Span(max(s.start + shift, len(head)), s.end + shift) for s in chunk.sentences]
            yield ChunkEmbedding(_unit(tokens.mean(axis=0)), _span_means(encoding, tokens, spans))

    def _run(self, encoding: Encoding) -> Vector:
        ids = np.array([_cut(encoding.ids, self.limit + _SPECIAL_TOKENS)], dtype=np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        tokens: Vector = self._session.run(None, feed)[0][0]
        return tokens


def _cut(ids: list[int], limit: int) -> list[int]:
    return ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]]


def _span_means(encoding: Encoding, tokens: Vector, spans: Sequence[Span]) -> Vector:
    """Unit means of the token vectors inside each span; zeros where a span holds no token."""
    offsets = np.array(encoding.offsets[1 : len(tokens) - 1], dtype=np.int64).reshape(-1, 2)
    sums = np.vstack([np.zeros((1, tokens.shape[1]), np.float32), np.cumsum(tokens[1:-1], axis=0, dtype=np.float64)])
    first = np.searchsorted(offsets[:, 0], [s.start for s in spans], side="left")
    last = np.searchsorted(offsets[:, 0], [s.end for s in spans], side="left")
    rows = sums[np.maximum(last, first)] - sums[first]
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norms > 0, norms, 1), dtype=np.float32)


def _unit(vector: npt.NDArray[Any]) -> Vector:
    norm = float(np.linalg.norm(vector))
    return np.asarray(vector / norm if norm > 0 else vector, dtype=np.float32)


class LlamaIndexEmbedder:
    """Any LlamaIndex embedding. Sentences are embedded one by one, since only whole texts come back.

    Args:
        path: ``package.module:Class``.
        options: keyword arguments for the class.

    Raises:
        EmbedderError: it cannot be imported or made.
    """

    limit = 510

    def __init__(self, path: str, options: dict[str, str | int | float | bool]) -> None:
        module, _, attribute = path.partition(":")
        try:
            self._model: Any = getattr(importlib.import_module(module), attribute)(**options)
            self.name = f"{path}:{getattr(self._model, 'model_name', '')}"
            self.dimensions = len(self._model.get_query_embedding("dimensions"))
        except Exception as error:
            raise EmbedderError(
                f"{path}: the embedding cannot be loaded ({error}).", "Install its package and check its options."
            ) from error

    def count(self, text: str) -> int:
        """Number of cl100k tokens, by tiktoken."""
        return len(_cl100k().encode(text, disallowed_special=()))

    def embed_query(self, text: str) -> Vector:
        """A question's vector ``[d]``."""
        return _unit(np.array(self._model.get_query_embedding(text)))

    def embed_chunks(self, chunks: Sequence[Chunk]) -> Iterator[ChunkEmbedding]:
        """Vectors of chunks, one after another, in order."""
        for chunk in chunks:
            offset = chunk.span.start
            sentences = [chunk.text[max(0, s.start - offset) : s.end - offset] for s in chunk.sentences]
            texts = [f"{chunk.title or ''}\n{chunk.text}".strip(), *([chunk.title] if chunk.title else []), *sentences]
            vectors = [_unit(np.array(v)) for v in self._model.get_text_embedding_batch(texts)]
            title = [] if chunk.title else [np.zeros(self.dimensions, np.float32)]
            yield ChunkEmbedding(vectors[0], np.vstack([*title, *vectors[1:]]))


def _cl100k() -> Any:
    import os

    import llama_index.core
    import tiktoken

    os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(Path(llama_index.core.__file__).parent / "_static" / "tiktoken_cache"))
    return tiktoken.get_encoding("cl100k_base")


def shipped_embedder() -> OnnxEmbedder:
    """The embedder that comes with the program."""
    return OnnxEmbedder(_MODELS / BUILTIN_EMBEDDER)


def load_embedder(settings: StoreSettings) -> Embedder:
    """The embedder a store's settings name.

    Raises:
        EmbedderError: it cannot be loaded.
    """
    name = settings.embedder
    if ":" in name and not Path(name).exists():
        return LlamaIndexEmbedder(name, settings.embedder_options)
    return shipped_embedder() if name == BUILTIN_EMBEDDER else OnnxEmbedder(Path(name))
