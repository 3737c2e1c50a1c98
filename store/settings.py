"""Settings of a store."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from store.endpoints import without_password


def _passwordless(url: str) -> str:
    if without_password(url) != url:
        raise ValueError("holds a password; put a token into an environment variable and name that: chroma_token_env")
    return url


ServerUrl = Annotated[str, AfterValidator(_passwordless)]
BUILTIN_EMBEDDER = "papers-MiniLM-L6-int8"
# What earlier versions shipped; stores made with them are embedded anew.
RETIRED_EMBEDDERS = ("all-MiniLM-L6-v2-int8",)


class StoreSettings(BaseModel):
    """How a store embeds and where its vectors live.

    Attributes:
        embedder: ``papers-MiniLM-L6-int8`` (shipped), a folder with ``model.onnx`` and ``tokenizer.json``, ``openai:NAME``,
            ``ollama:NAME`` (also lmstudio, llamacpp, vllm), ``NAME@URL``, or ``package.module:Class`` of a LlamaIndex embedding.
        embedder_options: further arguments of the LlamaIndex class; prefixes and pooling of an ONNX file.
        embedder_key_env: environment variable with the endpoint's key.
        embedder_key_file: file with the key, readable by its owner only.
        embedder_price: dollars a million tokens.
        chroma_url: a Chroma server (``http://host:port``) instead of the store's own folder.
        chroma_token_env: environment variable with the server's token, sent as ``Authorization: Bearer``.
        lock_timeout: seconds to wait for another writer before giving up.
        batch: entries embedded and indexed between two commits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    embedder: str = BUILTIN_EMBEDDER
    embedder_options: dict[str, Any] = Field(default_factory=dict)
    embedder_key_env: str = ""
    embedder_key_file: str = ""
    embedder_price: float | None = Field(default=None, ge=0)
    chroma_url: ServerUrl | None = None
    chroma_token_env: str = ""
    lock_timeout: float = Field(default=10.0, ge=0.0, le=3600.0)
    batch: int = Field(default=128, ge=1, le=4096)
