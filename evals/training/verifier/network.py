"""The shipped embedder's encoder as a torch network with a head for pairs; read from its ONNX file, and written back into a copy of it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

Array = npt.NDArray[Any]

# Names in the file: the first of each layer's three matrices, counted on from there.
_MATRICES = (725, 738, 751, 764, 777, 790)
_TABLES = ("word_embeddings.weight", "position_embeddings.weight", "token_type_embeddings.weight", "LayerNorm.weight", "LayerNorm.bias")
_HEADS = 12
_WIDTH = 384
_EPSILON = 1e-12
_LARGEST = 127


def _names(layer: int) -> dict[str, tuple[str, str, str]]:
    """For each matrix of a layer: its values, scales and zero points in the file."""
    attention = f"Attention_{layer}_qkv_weight"
    found = {"qkv": (f"{attention}_quantized", f"{attention}_scale", f"{attention}_zero_point")}
    for place, name in enumerate(("out", "up", "down")):
        matrix = f"onnx::MatMul_{_MATRICES[layer] + place}"
        found[name] = (f"{matrix}_quantized", f"{matrix}_scale", f"{matrix}_zero_point")
    return found


def _plain_names(layer: int) -> dict[str, str]:
    """For each vector of a layer: its name in the file."""
    prefix = f"model.encoder.layer.{layer}."
    return {
        "qkv_b": f"Attention_{layer}_qkv_bias",
        "out_b": f"{prefix}attention.output.dense.bias",
        "up_b": f"{prefix}intermediate.dense.bias",
        "down_b": f"{prefix}output.dense.bias",
        "norm1_w": f"{prefix}attention.output.LayerNorm.weight",
        "norm1_b": f"{prefix}attention.output.LayerNorm.bias",
        "norm2_w": f"{prefix}output.LayerNorm.weight",
        "norm2_b": f"{prefix}output.LayerNorm.bias",
    }


def read_weights(path: Path) -> dict[str, Array]:
    """The encoder's weights as floats, from its int8 file."""
    held = {one.name: numpy_helper.to_array(one) for one in onnx.load(str(path)).graph.initializer}

    def floats(values: str, scale: str, zero: str) -> Array:
        return np.asarray((held[values].astype(np.float32) - held[zero].astype(np.float32)) * held[scale].astype(np.float32))

    weights = {}
    for table in _TABLES:
        name = f"model.embeddings.{table}"
        weights[table] = floats(f"{name}_quantized", f"{name}_scale", f"{name}_zero_point")
    for layer in range(len(_MATRICES)):
        weights |= {f"{layer}.{name}": floats(*parts) for name, parts in _names(layer).items()}
        weights |= {f"{layer}.{name}": held[part] for name, part in _plain_names(layer).items()}
    return weights


class _Layer(nn.Module):  # type: ignore[misc]
    def __init__(self, weights: dict[str, Array], layer: int) -> None:
        super().__init__()
        for name in (*_names(layer), *_plain_names(layer)):
            self.register_parameter(name, nn.Parameter(torch.tensor(weights[f"{layer}.{name}"].astype(np.float32))))

    def forward(self, states: Tensor, mask: Tensor, dropout: float) -> Tensor:
        batch, length, width = states.shape
        query, key, value = (states @ self.qkv + self.qkv_b).view(batch, length, 3, _HEADS, width // _HEADS).permute(2, 0, 3, 1, 4)
        heads = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)
        attended = heads.transpose(1, 2).reshape(batch, length, width) @ self.out + self.out_b
        states = F.layer_norm(states + F.dropout(attended, dropout, self.training), (width,), self.norm1_w, self.norm1_b, _EPSILON)
        hidden = F.gelu(states @ self.up + self.up_b) @ self.down + self.down_b
        return F.layer_norm(states + F.dropout(hidden, dropout, self.training), (width,), self.norm2_w, self.norm2_b, _EPSILON)


class PairNetwork(nn.Module):  # type: ignore[misc]
    """A cross-encoder: premise and claim go through the encoder together; a head reads the first token and the mean of the claim's.

    The word vectors stay as they are, and so do the lowest layers where asked.

    Args:
        path: the embedder's file.
        classes: how many the head tells apart.
        frozen: layers, from the lowest, that are not trained.
    """

    def __init__(self, path: Path, classes: int, frozen: int = 0) -> None:
        super().__init__()
        weights = read_weights(path)
        tables = {name: torch.tensor(weights[name].astype(np.float32)) for name in _TABLES}
        self.word = nn.Embedding.from_pretrained(tables[_TABLES[0]], freeze=True)
        self.position = nn.Parameter(tables[_TABLES[1]], requires_grad=False)
        kinds = tables[_TABLES[2]]
        # The encoder never saw a second segment; its vector begins beside the first one's.
        kinds[1] = kinds[0] + 0.02 * torch.randn(_WIDTH, generator=torch.Generator().manual_seed(0))
        self.segment = nn.Parameter(kinds)
        self.norm_w = nn.Parameter(tables[_TABLES[3]])
        self.norm_b = nn.Parameter(tables[_TABLES[4]])
        self.layers = nn.ModuleList(_Layer(weights, layer) for layer in range(len(_MATRICES)))
        for layer in self.layers[:frozen]:
            layer.requires_grad_(False)
        self.dense = nn.Linear(2 * _WIDTH, _WIDTH)
        self.head = nn.Linear(_WIDTH, classes)

    def forward(self, ids: Tensor, segments: Tensor, held: Tensor, dropout: float = 0.0) -> Tensor:
        """Logits ``[batch, classes]``.

        Args:
            ids: token ids ``[batch, length]``.
            segments: 0 for premise, 1 for claim.
            held: whether there is a token.
            dropout: share of values dropped.
        """
        states = self.word(ids) + self.position[: ids.shape[1]] + self.segment[segments]
        states = F.dropout(F.layer_norm(states, (_WIDTH,), self.norm_w, self.norm_b, _EPSILON), dropout, self.training)
        mask = torch.zeros(ids.shape[0], 1, 1, ids.shape[1]).masked_fill(~held[:, None, None, :], -1e9)
        for layer in self.layers:
            states = layer(states, mask, dropout)
        claim = (segments * held)[..., None].float()
        mean = (states * claim).sum(1) / claim.sum(1).clamp(min=1)
        both = torch.cat([states[:, 0], mean], -1)
        return self.head(F.dropout(torch.tanh(self.dense(both)), dropout, self.training))


def write(network: PairNetwork, source: Path, target: Path) -> None:
    """Write a network as int8 ONNX: inputs ``input_ids``, ``token_type_ids``, ``attention_mask`` ``[1, length]``; output ``probabilities`` ``[1, classes]``.

    Args:
        network: what was trained.
        source: the embedder's file, whose graph is taken.
        target: the file to write.
    """
    model = copy.deepcopy(onnx.load(str(source)))
    graph = model.graph
    held = {one.name: one for one in graph.initializer}

    def put(name: str, values: Array) -> None:
        held[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), name))

    def put_table(name: str, values: Array) -> None:
        low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
        scale = (high - low) / 255
        zero = round(-low / scale)
        put(f"{name}_quantized", np.clip(np.round(values / scale) + zero, 0, 255).astype(np.uint8))
        put(f"{name}_scale", np.array(scale, np.float32))
        put(f"{name}_zero_point", np.array(zero, np.uint8))

    def floats(values: Tensor) -> Array:
        return np.asarray(values.detach().numpy(), np.float32)

    for table, values in zip(_TABLES[2:], (network.segment, network.norm_w, network.norm_b), strict=True):
        put_table(f"model.embeddings.{table}", floats(values))
    for number, layer in enumerate(network.layers):
        for name, (quantized, scales, zeros) in _names(number).items():
            matrix = floats(getattr(layer, name))
            scale = np.abs(matrix).max(axis=0) / _LARGEST
            put(quantized, np.clip(np.round(matrix / scale), -_LARGEST, _LARGEST).astype(np.int8))
            put(scales, scale.astype(np.float32))
            put(zeros, np.zeros(matrix.shape[1], np.int8))
        for name, plain in _plain_names(number).items():
            put(plain, floats(getattr(layer, name)))
    _add_head(graph, network)
    onnx.checker.check_model(model, full_check=False)
    target.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(target))


def _add_head(graph: Any, network: PairNetwork) -> None:
    """Segments as an input, and the head after the last layer."""
    for node in graph.node:
        if node.op_type == "QEmbedLayerNormalization":
            node.input[1] = "segments_int32"
    graph.input.append(helper.make_tensor_value_info("token_type_ids", TensorProto.INT64, ["batch", "length"]))
    graph.node.insert(0, helper.make_node("Cast", ["token_type_ids"], ["segments_int32"], to=TensorProto.INT32))
    constants = {
        "first": np.array(0, np.int64),
        "one": np.array([1], np.int64),
        "last": np.array([2], np.int64),
        "dense_w": network.dense.weight.detach().numpy(),
        "dense_b": network.dense.bias.detach().numpy(),
        "head_w": network.head.weight.detach().numpy(),
        "head_b": network.head.bias.detach().numpy(),
    }
    graph.initializer.extend(numpy_helper.from_array(values, f"pair_{name}") for name, values in constants.items())
    states = graph.output[0].name
    graph.node.extend(
        [
            helper.make_node("Gather", [states, "pair_first"], ["pair_cls"], axis=1),
            helper.make_node("Cast", ["token_type_ids"], ["pair_claim"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["pair_claim", "pair_last"], ["pair_mask"]),
            helper.make_node("Mul", [states, "pair_mask"], ["pair_masked"]),
            helper.make_node("ReduceSum", ["pair_masked", "pair_one"], ["pair_sum"], keepdims=0),
            helper.make_node("ReduceSum", ["pair_mask", "pair_one"], ["pair_count"], keepdims=0),
            helper.make_node("Div", ["pair_sum", "pair_count"], ["pair_mean"]),
            helper.make_node("Concat", ["pair_cls", "pair_mean"], ["pair_both"], axis=1),
            helper.make_node("Gemm", ["pair_both", "pair_dense_w", "pair_dense_b"], ["pair_dense"], transB=1),
            helper.make_node("Tanh", ["pair_dense"], ["pair_hidden"]),
            helper.make_node("Gemm", ["pair_hidden", "pair_head_w", "pair_head_b"], ["pair_logits"], transB=1),
            helper.make_node("Softmax", ["pair_logits"], ["probabilities"], axis=1),
        ]
    )
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", "classes"]))
