"""Settings of a store."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

BUILTIN_EMBEDDER = "all-MiniLM-L6-v2-int8"


class StoreSettings(BaseModel):
    """How a store embeds and where its vectors live.

    Args:
        embedder: ``all-MiniLM-L6-v2-int8`` (shipped), a folder with ``model.onnx``, ``tokenizer.json`` and
            ``model.json``, or ``package.module:Class`` of a LlamaIndex embedding.
        embedder_options: keyword arguments for a LlamaIndex embedding.
        chroma_url: a Chroma server (``http://host:port``) instead of the store's own folder.
        lock_timeout: seconds to wait for another writer before giving up.
        batch: entries embedded and indexed between two commits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    embedder: str = BUILTIN_EMBEDDER
    embedder_options: dict[str, str | int | float | bool] = Field(default_factory=dict)
    chroma_url: str | None = None
    lock_timeout: float = Field(default=10.0, ge=0.0, le=3600.0)
    batch: int = Field(default=128, ge=1, le=4096)
