"""Texts to vectors: the embedder that is shipped, and the door for others."""

from store.embed.base import ChunkEmbedding, Embedder
from store.embed.onnx import OnnxEmbedder
from store.embed.spec import load_embedder, shipped_embedder

__all__ = ["ChunkEmbedding", "Embedder", "OnnxEmbedder", "load_embedder", "shipped_embedder"]
