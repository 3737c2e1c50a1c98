"""Embedders in ONNX: the one that is shipped, and others of its kind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from store.embed.base import ChunkEmbedding, Vector, unit
from store.errors import EmbedderError
from store.types import Chunk, Span

if TYPE_CHECKING:
    from tokenizers import Encoding

_SPECIAL_TOKENS = 2
_POSITIONS = 512


class OnnxEmbedder:
    """A BERT-like model in ONNX whose output is a vector a token; vectors are means over tokens.

    A chunk's vector and those of its title and sentences come from one pass: the means of all tokens, and of the tokens
    of each. Texts go through one at a time: padding a batch costs more than batching gives.

    Args:
        folder: holds ``tokenizer.json`` and ``model.onnx`` (or ``onnx/model.onnx``), as sentence-transformers writes them.
            ``model.json`` (name, positions, prefixes, pooling, sha256) says more; without it, ``config.json`` and
            ``1_Pooling/config.json`` are looked at.
        options: ``query_prefix``, ``passage_prefix``, ``pooling`` (``mean`` or ``cls``), which count more than the files.

    Raises:
        EmbedderError: a file is missing or not the one ``model.json`` names, or an option is unknown.
    """

    place = ""
    price = None

    def __init__(self, folder: Path, options: Mapping[str, Any] | None = None) -> None:
        model = next((folder / name for name in ("model.onnx", "onnx/model.onnx") if (folder / name).exists()), folder / "model.onnx")
        try:
            card = _card(folder) | dict(options or {})
            self.limit: int = int(card["positions"]) - _SPECIAL_TOKENS
            self._query_prefix: str = card.get("query_prefix", "")
            self._passage_prefix: str = card.get("passage_prefix", "")
            self._files = {"model.onnx": model.read_bytes(), "tokenizer.json": (folder / "tokenizer.json").read_bytes()}
            expected = card.get("sha256")
        except (OSError, KeyError, ValueError, TypeError) as error:
            raise EmbedderError(
                f"{folder}: the embedder cannot be read ({error}).", "It must hold model.onnx and tokenizer.json."
            ) from None
        if unknown := set(options or {}) - {"query_prefix", "passage_prefix", "pooling"}:
            raise EmbedderError(f"{unknown.pop()}: no option of an ONNX embedder.", "There are query_prefix, passage_prefix, pooling.")
        self._first_token = card.get("pooling", "mean") == "cls"
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in self._files.items()}
        for name, digest in digests.items():
            if expected is not None and digest != expected.get(name):
                raise EmbedderError(f"{folder / name}: not the file that model.json names.", "Install the program again.")
        how = "".join(sorted(f" {key}={card[key]}" for key in ("query_prefix", "passage_prefix", "pooling") if card.get(key)))
        # Without a name of its own a model is known by its bytes, wherever its folder is.
        self.name: str = str(card.get("name") or f"onnx:{digests['model.onnx'][:16]}{how}")

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
        return self._pooled(self._run(self._tokenizer.encode(self._query_prefix + text)))

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
            yield ChunkEmbedding(self._pooled(tokens), _span_means(encoding, tokens, spans))

    def _pooled(self, tokens: Vector) -> Vector:
        return unit(tokens[0] if self._first_token else tokens.mean(axis=0))

    def _run(self, encoding: Encoding) -> Vector:
        ids = np.array([_cut(encoding.ids, self.limit + _SPECIAL_TOKENS)], dtype=np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        asked = {one.name for one in self._session.get_inputs()}
        if not asked <= set(feed):
            raise EmbedderError(
                f"{self.name}: the model asks for {', '.join(sorted(asked - set(feed)))}.", "Only BERT-like embedders are read."
            )
        found = self._session.run(None, {name: value for name, value in feed.items() if name in asked})[0]
        if found.ndim != 3:
            raise EmbedderError(
                f"{self.name}: the model gives no vector a token.", "Export it without pooling, as sentence-transformers does."
            )
        tokens: Vector = found[0].astype(np.float32, copy=False)
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


def _card(folder: Path) -> dict[str, Any]:
    """What a folder says about its model."""
    if (folder / "model.json").exists():
        card: dict[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        return card
    card = {"positions": _POSITIONS}
    if (folder / "config.json").exists():
        positions = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("max_position_embeddings")
        card["positions"] = min(int(positions), _POSITIONS) if positions else _POSITIONS
    if (folder / "1_Pooling" / "config.json").exists():
        pooling = json.loads((folder / "1_Pooling" / "config.json").read_text(encoding="utf-8"))
        card["pooling"] = "cls" if pooling.get("pooling_mode_cls_token") else "mean"
    return card
