"""A small model of language that reads evidence and claim together and says whether the one bears the other out.

A cross-encoder: the encoder of all-MiniLM-L6-v2 (MiniLM, Wang et al. 2020) trained on pairs by ``python -m evals.training.verifier.train``; int8, read by onnxruntime.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

import numpy as np

from store.errors import EmbedderError

_CLS, _SEP = 101, 102
_PREMISE = 320
_CLAIM = 120


@dataclass(frozen=True, slots=True)
class Entailed:
    """What the model makes of a claim.

    Args:
        right: probability that the evidence bears it out.
        wrong: probabilities of what may be wrong with it: ``reversed``, ``clause`` (a detail added), ``number``, ``name``, ``wider``, ``topic`` (something else).
    """

    right: float
    wrong: dict[str, float]


class EntailmentModel:
    """The shipped model; loaded at the first use.

    Args:
        word_pieces: ids of a text's word pieces, by the shipped embedder's tokenizer.

    Raises:
        EmbedderError: a file is missing or not the one its card names.
    """

    def __init__(self, word_pieces: Callable[[str], list[int]]) -> None:
        self._word_pieces = word_pieces
        folder = files("assistant.verify").joinpath("model")
        try:
            card = json.loads(folder.joinpath("model.json").read_text(encoding="utf-8"))
            self._data = folder.joinpath("model.onnx").read_bytes()
            self.kinds: tuple[str, ...] = tuple(card["kinds"])
            expected = card["sha256"]
        except (OSError, KeyError, ValueError) as error:
            raise EmbedderError(f"{folder}: the model cannot be read ({error}).", "Install the program again.") from None
        if hashlib.sha256(self._data).hexdigest() != expected:
            raise EmbedderError(f"{folder}: model.onnx is not the file that model.json names.", "Install the program again.")

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        onnxruntime.set_default_logger_severity(3)
        return onnxruntime.InferenceSession(self._data, providers=["CPUExecutionProvider"])

    def judge(self, title: str, evidence: str, claim: str) -> Entailed:
        """Judge a claim.

        Args:
            title: of what the evidence is from; empty where not known.
            evidence: one or more sentences; beyond 320 word pieces nothing is read.
            claim: a sentence.
        """
        ids, segments = encoded(self._word_pieces, title, evidence, claim)
        rows = np.array([ids], dtype=np.int64)
        feed = {"input_ids": rows, "token_type_ids": np.array([segments], dtype=np.int64), "attention_mask": np.ones_like(rows)}
        found = self._session.run(None, feed)[0][0]
        chances = dict(zip(self.kinds, map(float, found), strict=True))
        return Entailed(chances.pop("right"), chances)


def encoded(word_pieces: Callable[[str], list[int]], title: str, evidence: str, claim: str) -> tuple[list[int], list[int]]:
    """Token ids of premise and claim, and which of the two each belongs to."""
    premise = word_pieces(f"{title}. {evidence}" if title else evidence)[:_PREMISE]
    said: Sequence[int] = word_pieces(claim)[:_CLAIM]
    return [_CLS, *premise, _SEP, *said, _SEP], [0] * (len(premise) + 2) + [1] * (len(said) + 1)
