"""Weights of encoders in files: from what others publish, and packed small for travel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]
_LARGEST = 127
_SCALE = ":scale"
# What an encoder's parameters are called in transformers' BertModel and MPNetModel, a layer each.
_BERT = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "out": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm2": "output.LayerNorm",
}
_MPNET = _BERT | {
    "query": "attention.attn.q",
    "key": "attention.attn.k",
    "value": "attention.attn.v",
    "out": "attention.attn.o",
    "norm1": "attention.LayerNorm",
}
_EMBEDDINGS = {
    "word": "embeddings.word_embeddings.weight",
    "position": "embeddings.position_embeddings.weight",
    "segment": "embeddings.token_type_embeddings.weight",
    "norm.weight": "embeddings.LayerNorm.weight",
    "norm.bias": "embeddings.LayerNorm.bias",
    "bias.weight": "encoder.relative_attention_bias.weight",
}


def from_transformers(arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    """An encoder's parameters by our names, from a BertModel's or an MPNetModel's.

    MPNet's first position is 2 (Song et al. 2020, as transformers has it), and its special word pieces come first, so that a
    piece of BERT's vocabulary has its number plus 4; both are put where BERT has them.
    """
    found: Arrays = {ours: np.asarray(arrays[theirs]) for ours, theirs in _EMBEDDINGS.items() if theirs in arrays}
    is_mpnet = "bias.weight" in found
    if is_mpnet:
        word = found["word"]
        found["word"] = word[4:].copy()
        # [CLS] and [SEP] are <s> and </s> there.
        found["word"][101], found["word"][102] = word[0], word[2]
        found["position"] = found["position"][2:]
    names = _MPNET if is_mpnet else _BERT
    layer = 0
    while f"encoder.layer.{layer}.{names['out']}.weight" in arrays:
        prefix = f"encoder.layer.{layer}."
        for part in ("weight", "bias"):
            found[f"layers.{layer}.qkv.{part}"] = np.concatenate([arrays[f"{prefix}{names[n]}.{part}"] for n in ("query", "key", "value")])
            for ours in ("out", "norm1", "up", "down", "norm2"):
                found[f"layers.{layer}.{ours}.{part}"] = np.asarray(arrays[f"{prefix}{names[ours]}.{part}"])
        layer += 1
    return found


def to_transformers(arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    """A BertModel's parameters, from those of an encoder by our names."""
    found: Arrays = {theirs: np.asarray(arrays[ours]) for ours, theirs in _EMBEDDINGS.items() if ours in arrays}
    layer = 0
    while f"layers.{layer}.out.weight" in arrays:
        prefix = f"encoder.layer.{layer}."
        for part in ("weight", "bias"):
            parts = np.split(arrays[f"layers.{layer}.qkv.{part}"], 3)
            found |= {f"{prefix}{_BERT[n]}.{part}": values for n, values in zip(("query", "key", "value"), parts, strict=True)}
            for ours in ("out", "norm1", "up", "down", "norm2"):
                found[f"{prefix}{_BERT[ours]}.{part}"] = np.asarray(arrays[f"layers.{layer}.{ours}.{part}"])
        layer += 1
    return found


def pack(arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    """Matrices as int8 with a scale a row, everything else as float16: a start for training in a fourth of the room."""
    packed: Arrays = {}
    for name, values in arrays.items():
        if values.ndim == 2 and values.size > 10_000:
            scale = np.maximum(np.abs(values).max(axis=1, keepdims=True), 1e-8) / _LARGEST
            packed[name] = np.round(values / scale).astype(np.int8)
            packed[name + _SCALE] = scale.astype(np.float32)
        else:
            packed[name] = values.astype(np.float16)
    return packed


def unpack(packed: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    """What :func:`pack` packed, as float32."""
    return {
        name: values.astype(np.float32) * (packed[name + _SCALE] if name + _SCALE in packed else np.float32(1))
        for name, values in packed.items()
        if not name.endswith(_SCALE)
    }


def load_arrays(*paths: Path) -> Arrays:
    """All arrays of some ``.npz`` files."""
    found: Arrays = {}
    for path in paths:
        with np.load(path) as held:
            found |= {name: held[name] for name in held.files}
    return found


def save_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays by name into a ``.npz`` file."""
    named: dict[str, Any] = dict(arrays)
    np.savez(path, **named)


def save_halves(arrays: Mapping[str, npt.NDArray[Any]], stem: Path, *, without: tuple[str, ...] = ("word",)) -> None:
    """Write arrays as float16 into two files, ``STEM_a.npz`` and ``STEM_b.npz``, of about one size."""
    names = sorted(name for name in arrays if name not in without)
    sizes = np.cumsum([arrays[name].size for name in names])
    cut = int(np.searchsorted(sizes, sizes[-1] / 2)) + 1
    for end, part in (("a", names[:cut]), ("b", names[cut:])):
        save_arrays(stem.with_name(f"{stem.name}_{end}.npz"), {name: arrays[name].astype(np.float16) for name in part})
