"""Transformer encoders in torch: BERT's and MPNet's shape, for lists of word pieces of any length."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from evals.training.tokens import CLS, SEP, Pieces
from evals.training.weights import Arrays

_MULTIPLE = 8
# Word pieces that go through the encoder at once; a training step may hold several such batches.
_BATCH_PIECES = 65_536


class Linear(nn.Linear):  # type: ignore[misc]
    """A linear map that can act as its int8 version will: weights with a scale a row, inputs with one scale a text.

    Rounding passes gradients straight through (Bengio et al. 2013), as quantisation-aware training does (Jacob et al. 2018).
    """

    as_int8 = False

    def forward(self, values: Tensor) -> Tensor:
        if not self.as_int8:
            return super().forward(values)
        low = values.detach().amin(dim=tuple(range(1, values.ndim)), keepdim=True).clamp(max=0)
        high = values.detach().amax(dim=tuple(range(1, values.ndim)), keepdim=True).clamp(min=0)
        step = ((high - low) / 255).clamp(min=1e-8).float()
        rounded = torch.round(values.detach().float() / step) * step
        values = values + (rounded - values).detach().to(values.dtype)
        scale = self.weight.detach().abs().amax(dim=1, keepdim=True).clamp(min=1e-8) / 127
        weight = self.weight + (torch.round(self.weight.detach() / scale) * scale - self.weight).detach()
        return F.linear(values, weight, self.bias)


class _Layer(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int, inner: int, heads: int, epsilon: float) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.out = Linear(width, 3 * width), Linear(width, width)
        self.up, self.down = Linear(width, inner), Linear(inner, width)
        self.norm1, self.norm2 = nn.LayerNorm(width, epsilon), nn.LayerNorm(width, epsilon)

    def forward(self, states: Tensor, mask: Tensor, dropout: float) -> Tensor:
        batch, length, width = states.shape
        query, key, value = self.qkv(states).view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask.to(query.dtype), dropout_p=dropout)
        attended = self.out(attended.transpose(1, 2).reshape(batch, length, width))
        states = self.norm1(states + F.dropout(attended, dropout, self.training))
        hidden = self.down(F.gelu(self.up(states)))
        return self.norm2(states + F.dropout(hidden, dropout, self.training))


class Encoder(nn.Module):  # type: ignore[misc]
    """BERT (Devlin et al. 2019) or, where the weights hold relative positions, MPNet (Song et al. 2020). Word vectors are not trained.

    Args:
        weights: parameters by our names (:mod:`evals.training.weights`).
        heads: of the attention.
        layers: which layers are kept; all of them by default.
    """

    def __init__(self, weights: Arrays, heads: int = 12, layers: Sequence[int] | None = None) -> None:
        super().__init__()
        count = sum(name.endswith("out.weight") for name in weights)
        layers = range(count) if layers is None else layers
        width = weights["word"].shape[1]
        inner = weights["layers.0.up.weight"].shape[0]
        self.relative = "bias.weight" in weights
        epsilon = 1e-5 if self.relative else 1e-12
        self.word = nn.Embedding.from_pretrained(torch.tensor(weights["word"]).float(), freeze=True)
        self.position = nn.Parameter(torch.tensor(weights["position"]).float())
        segment = torch.tensor(weights["segment"]).float() if "segment" in weights else torch.zeros(2, width)
        self.segment = nn.Parameter(segment)
        self.norm = nn.LayerNorm(width, epsilon)
        self.layers = nn.ModuleList(_Layer(width, inner, heads, epsilon) for _ in layers)
        if self.relative:
            self.bias = nn.Embedding.from_pretrained(torch.tensor(weights["bias.weight"]).float(), freeze=True)
        kept = {f"layers.{place}.": f"layers.{layer}." for place, layer in enumerate(layers)}
        own = {name: value for name, value in weights.items() if name.startswith("norm.")}
        for ours, theirs in kept.items():
            own |= {ours + name.removeprefix(theirs): value for name, value in weights.items() if name.startswith(theirs)}
        self.load_state_dict({name: torch.tensor(value).float() for name, value in own.items()}, strict=False)

    def arrays(self) -> Arrays:
        """Its parameters by our names, float32."""
        return {
            name.removesuffix(".weight") if name == "word.weight" else name: v.detach().float().cpu().numpy()
            for name, v in self.state_dict().items()
        }

    def forward(self, ids: Tensor, segments: Tensor, lengths: Tensor, dropout: float = 0.0) -> Tensor:
        """States ``[batch, length, width]``.

        Args:
            ids: word pieces ``[batch, length]``.
            segments: 0 or 1 a piece.
            lengths: pieces of each text, the special ones included.
            dropout: share of values dropped.
        """
        length = ids.shape[1]
        dropout = dropout if self.training else 0.0
        states = self.word(ids) + self.position[:length] + self.segment[segments]
        states = F.dropout(self.norm(states), dropout, self.training)
        absent = torch.arange(length, device=ids.device)[None] >= lengths[:, None]
        mask = torch.zeros(absent.shape, device=ids.device).masked_fill(absent, -1e4)[:, None, None, :]
        if self.relative:
            mask = mask + self.bias(_buckets(length, self.bias.num_embeddings, ids.device)).permute(2, 0, 1)[None]
            mask = mask.to(torch.bfloat16) if ids.is_cuda else mask
        for layer in self.layers:
            states = layer(states, mask, dropout)
        return states


def _buckets(length: int, buckets: int, device: torch.device, farthest: int = 128) -> Tensor:
    """The bucket of each pair of positions ``[length, length]``, as T5 and MPNet share them out."""
    places = torch.arange(length, device=device)
    distance = -(places[None, :] - places[:, None])
    half = buckets // 2
    found = (distance < 0).long() * half
    distance = distance.abs()
    exact = half // 2
    far = exact + (torch.log(distance.float().clamp(min=1) / exact) / math.log(farthest / exact) * (half - exact)).long()
    return found + torch.where(distance < exact, distance, far.clamp(max=half - 1))


def batched(lengths: Sequence[int], pieces: int = _BATCH_PIECES) -> Iterator[list[int]]:
    """Places of texts, those of about one length together, so that little is padded."""
    order = sorted(range(len(lengths)), key=lambda n: lengths[n])
    batch: list[int] = []
    for place in order:
        if batch and (len(batch) + 1) * lengths[place] > pieces:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def padded(rows: Sequence[Pieces]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Texts side by side ``[n, length]`` and their lengths ``[n]``."""
    lengths = np.array([len(row) for row in rows], np.int64)
    width = int(lengths.max()) + -int(lengths.max()) % _MULTIPLE
    ids = np.zeros((len(rows), width), np.int64)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
    return ids, lengths


def wrap(pieces: Pieces) -> Pieces:
    """A text's pieces between the special ones."""
    return np.concatenate([[CLS], pieces, [SEP]]).astype(np.int32)


@dataclass(frozen=True)
class Spans:
    """Spans of a batch's texts that hold a piece: the row, first and one past the last piece of each, and (text, span)."""

    rows: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]
    owner: list[tuple[int, int]]


def find_spans(places: Sequence[int], spans: Sequence[Sequence[tuple[int, int]]], lengths: Sequence[int], shifts: Sequence[int]) -> Spans:
    """The spans of a batch.

    Args:
        places: places of the batch's texts among all.
        spans: of all texts, in pieces.
        lengths: pieces of all texts.
        shifts: where the first piece of each text stands in its row.
    """
    rows, first, last, owner = [], [], [], []
    for row, place in enumerate(places):
        for number, (start, end) in enumerate(spans[place]):
            end = min(end, lengths[place])
            if end > start:
                rows.append(row)
                first.append(start + shifts[place])
                last.append(end + shifts[place])
                owner.append((place, number))
    return Spans(np.array(rows, np.int64), np.array(first, np.int64), np.array(last, np.int64), owner)


def span_means(states: Tensor, rows: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """Mean state of each span ``[spans, width]``."""
    sums = F.pad(states.float().cumsum(1), (0, 0, 1, 0))
    return (sums[rows, last] - sums[rows, first]) / (last - first)[:, None]
