"""From what a user writes to an embedder. Nothing is imported or sent before that."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from store.embed.base import Embedder
from store.embed.onnx import OnnxEmbedder
from store.endpoints import KEYS, PLACES, find_key
from store.errors import EmbedderError
from store.settings import BUILTIN_EMBEDDER, StoreSettings

_MODELS = Path(__file__).parents[1] / "models"


@lru_cache(maxsize=1)
def shipped_embedder() -> OnnxEmbedder:
    """The embedder that comes with the program; one for all, since it takes time to load and does not change."""
    return OnnxEmbedder(_MODELS / BUILTIN_EMBEDDER)


def load_embedder(settings: StoreSettings) -> Embedder:
    """The embedder that settings name.

    Raises:
        EmbedderError: it cannot be loaded, or its key is not there.
    """
    name, options = settings.embedder.strip(), settings.embedder_options
    if name == BUILTIN_EMBEDDER:
        return shipped_embedder()
    folder = Path(name).expanduser()
    if folder.is_dir() or (folder.exists() and folder.name == "model.onnx"):
        return OnnxEmbedder(folder if folder.is_dir() else folder.parent, options)
    from store.embed.remote import by_path, openai_compatible

    model, at, url = name.partition("@")
    if at and model and url.startswith(("http://", "https://")):
        return openai_compatible(model, url, _key(settings, ""), options, settings.embedder_price)
    place, colon, rest = name.partition(":")
    if colon and rest and place in PLACES:
        return openai_compatible(rest, PLACES[place], _key(settings, KEYS.get(place, "")), options, settings.embedder_price)
    if colon and "." in place and rest.isidentifier():
        return by_path(name, options, settings.embedder_price)
    raise EmbedderError(
        f"{name}: not an embedder.",
        f"Write {BUILTIN_EMBEDDER}, a folder with model.onnx and tokenizer.json, openai:NAME, ollama:NAME, NAME@URL or package.module:Class.",
    )


def _key(settings: StoreSettings, variable: str) -> str:
    return find_key("embedder", variable=settings.embedder_key_env or variable, file=settings.embedder_key_file, error=EmbedderError)
