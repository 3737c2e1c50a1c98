"""From what a user writes to an embedder. Nothing is imported or sent before that."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from store.embed.base import Embedder
from store.embed.onnx import OnnxEmbedder
from store.errors import EmbedderError
from store.settings import BUILTIN_EMBEDDER, StoreSettings

_MODELS = Path(__file__).parents[1] / "models"
# Where the usual programs listen.
PLACES = {
    "openai": "https://api.openai.com/v1",
    "ollama": "http://localhost:11434/v1",
    "lmstudio": "http://localhost:1234/v1",
    "llamacpp": "http://localhost:8080/v1",
    "vllm": "http://localhost:8000/v1",
}
_OPENAI_KEY = "OPENAI_API_KEY"


def shipped_embedder() -> OnnxEmbedder:
    """The embedder that comes with the program."""
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
        key = _key(settings, _OPENAI_KEY if place == "openai" else "")
        return openai_compatible(rest, PLACES[place], key, options, settings.embedder_price)
    if colon and "." in place and rest.isidentifier():
        return by_path(name, options, settings.embedder_price)
    raise EmbedderError(
        f"{name}: not an embedder.",
        f"Write {BUILTIN_EMBEDDER}, a folder with model.onnx and tokenizer.json, openai:NAME, ollama:NAME, NAME@URL or package.module:Class.",
    )


def _key(settings: StoreSettings, variable: str) -> str:
    variable = settings.embedder_key_env or variable
    if settings.embedder_key_file:
        path = Path(settings.embedder_key_file).expanduser()
        try:
            open_to = stat.S_IMODE(path.stat().st_mode) & 0o077
            key = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise EmbedderError(f"{path}: the key cannot be read ({error}).", "Check embedder_key_file.") from None
        if open_to and os.name == "posix":
            raise EmbedderError(f"{path}: others may read this key.", f"Run: chmod 600 {path}")
        return key
    key = os.environ.get(variable, "") if variable else ""
    if variable and not key:
        raise EmbedderError(
            f"The environment variable {variable} is not set.", "Set it to the key, or name another: embedder_key_env, embedder_key_file."
        )
    return key
