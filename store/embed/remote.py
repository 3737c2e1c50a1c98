"""Embeddings through LlamaIndex: OpenAI, endpoints that speak its language, and any class by its import path."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from store.embed.base import ChunkEmbedding, Vector, unit
from store.endpoints import without_password
from store.errors import EmbedderError
from store.tokens import count
from store.types import Chunk

# Texts a request: what OpenAI takes is 2,048, what a small server takes at once is less.
_REQUEST = 64
_RETRIES = 5
_TIMEOUT = 60.0
# Dollars a million tokens, as OpenAI lists them; others are configured.
_PRICES = {"text-embedding-3-small": 0.02, "text-embedding-3-large": 0.13, "text-embedding-ada-002": 0.10}


class LlamaIndexEmbedder:
    """A LlamaIndex embedding. Sentences are embedded one by one, since only whole texts come back.

    Args:
        model: the LlamaIndex object.
        name: what the store records.
        place: where texts go; empty where they stay here.
        price: dollars a million tokens.
        secrets: keys, which no message must show.
    """

    limit = 510

    def __init__(self, model: Any, name: str, *, place: str = "", price: float | None = None, secrets: Sequence[str] = ()) -> None:
        self._model = model
        self.name, self.place, self.price = name, place, price
        self._secrets = [secret for secret in secrets if secret]

    def count(self, text: str) -> int:
        """Number of cl100k tokens, by tiktoken."""
        return count(text)

    def embed_query(self, text: str) -> Vector:
        """A question's vector ``[d]``.

        Raises:
            EmbedderError: it cannot be had.
        """
        try:
            return unit(np.array(self._model.get_query_embedding(text)))
        except Exception as error:
            raise self._explained(error) from error

    def embed_chunks(self, chunks: Sequence[Chunk]) -> Iterator[ChunkEmbedding]:
        """Vectors of chunks, one after another, in order; all their texts go out in few requests.

        Raises:
            EmbedderError: they cannot be had, after the class's own retries.
        """
        texts: list[str] = []
        sizes = []
        for chunk in chunks:
            offset = chunk.span.start
            sentences = [chunk.text[max(0, s.start - offset) : s.end - offset] for s in chunk.sentences]
            own = [f"{chunk.title or ''}\n{chunk.text}".strip(), *([chunk.title] if chunk.title else []), *sentences]
            texts += own
            sizes.append((len(own), bool(chunk.title)))
        try:
            found = [unit(np.array(vector)) for vector in self._model.get_text_embedding_batch(texts)]
        except Exception as error:
            raise self._explained(error) from error
        at = 0
        for size, titled in sizes:
            vectors = found[at : at + size]
            at += size
            title = [] if titled else [np.zeros_like(vectors[0])]
            yield ChunkEmbedding(vectors[0], np.vstack([*title, *vectors[1:]]))

    def _explained(self, error: Exception) -> EmbedderError:
        what = re.sub(r"\s+", " ", str(error))[:300] or type(error).__name__
        for secret in self._secrets:
            what = what.replace(secret, "***")
        where = f" at {self.place}" if self.place else ""
        status = getattr(error, "status_code", None)
        fix = (
            "Check the key."
            if status in (401, 403)
            else "Check that it runs and takes this model; what was embedded is kept, and the same command goes on."
        )
        return EmbedderError(f"The embedder {self.name}{where} fails ({what}).", fix)


def openai_compatible(model: str, url: str, key: str, options: Mapping[str, Any], price: float | None) -> LlamaIndexEmbedder:
    """An embedder behind an OpenAI-compatible endpoint.

    Args:
        model: as the endpoint calls it.
        url: base address, ending in ``/v1``.
        key: for the endpoint; anything where it wants none.
        options: further arguments of LlamaIndex's ``OpenAIEmbedding``.
        price: dollars a million tokens; None for OpenAI's list price, where it is known.
    """
    from llama_index.embeddings.openai import OpenAIEmbedding

    arguments = {"embed_batch_size": _REQUEST, "max_retries": _RETRIES, "timeout": _TIMEOUT, "num_workers": None, **options}
    embedding = OpenAIEmbedding(model_name=model, api_base=url, api_key=key or "none", **arguments)
    if price is None and url.startswith("https://api.openai.com/"):
        price = _PRICES.get(model)
    return LlamaIndexEmbedder(
        embedding, model, place=without_password(url), price=price, secrets=[key, *_secrets(options), *_passwords(url)]
    )


def by_path(path: str, options: Mapping[str, Any], price: float | None) -> LlamaIndexEmbedder:
    """Any LlamaIndex embedding.

    Args:
        path: ``package.module:Class``.
        options: keyword arguments for the class.
        price: dollars a million tokens, where it sends texts somewhere.

    Raises:
        EmbedderError: it cannot be imported or made.
    """
    module, _, attribute = path.partition(":")
    try:
        model: Any = getattr(importlib.import_module(module), attribute)(**options)
    except Exception as error:
        what = str(error)
        for secret in _secrets(options):
            what = what.replace(secret, "***")
        raise EmbedderError(f"{path}: the embedding cannot be loaded ({what}).", "Install its package and check its options.") from error
    # Whether such a class sends texts anywhere cannot be known; only LlamaIndex's own mock surely does not.
    place = "" if module.startswith("llama_index.core") else f"wherever {path} sends them"
    return LlamaIndexEmbedder(model, f"{path}:{getattr(model, 'model_name', '')}", place=place, price=price, secrets=_secrets(options))


def _passwords(url: str) -> list[str]:
    found = re.search(r"//[^/@:]*:?([^/@]*)@", url)
    return [found[1]] if found and found[1] else []


def _secrets(options: Mapping[str, Any]) -> list[str]:
    """Values of options that a message must not show."""
    return [
        value
        for name, value in options.items()
        if isinstance(value, str) and len(value) > 3 and re.search(r"key|token|secret|password", name, re.IGNORECASE)
    ]
