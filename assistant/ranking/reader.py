"""The reader: a small cross-encoder that reads a question and a paper together.

A cross-encoder (Nogueira and Cho 2019, "Passage re-ranking with BERT") with the encoder of MiniLM (Wang et al. 2020), six layers, made by
:mod:`evals.training`. It gives a paper a logit of relevance (the paper belongs to the set asked for, or holds the answer) and each
sentence read one of evidence. int8, read by onnxruntime.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from store.errors import UserError

Vector = npt.NDArray[np.float32]
NAME = "papers-reader-MiniLM-L6-int8"
# Word pieces of the question, of the title, and of sentences; what the reader was trained to read.
MAX_QUESTION_PIECES = 64
MAX_TITLE_PIECES = 48
SENTENCE_PIECES = 112
_CLS, _SEP = 101, 102
# One pair at a time goes through on each core: padding a batch costs more than batching gives.
_THREADS = 2


class ReaderError(UserError):
    """The reader's files are not what they should be."""


@dataclass(frozen=True, slots=True)
class Passage:
    """What is read of a paper.

    Args:
        title: its title; empty where it has none.
        sentences: texts of sentences, the likeliest first; as many are read as there is room for.
    """

    title: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reader says of a paper: a logit of relevance, and one of evidence for each sentence; None for those there was no room for."""

    relevance: float
    evidence: tuple[float | None, ...]


def _load(model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class Reader:
    """Reads pairs of a question and a paper.

    Args:
        word_pieces: a text's ids in BERT's vocabulary.
        folder: holds ``model.onnx``, ``heads.npz`` and ``model.json`` with their checksums.

    Raises:
        ReaderError: a file is missing, or not the one ``model.json`` names.
    """

    def __init__(self, word_pieces: Callable[[str], list[int]], folder: Path = Path(__file__).parent / "models" / NAME) -> None:
        self._word_pieces = word_pieces
        try:
            card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            self._files = {name: (folder / name).read_bytes() for name in ("model.onnx", "heads.npz")}
        except (OSError, ValueError) as error:
            raise ReaderError(
                f"{folder}: the reader cannot be loaded ({error}).", "Install the program again, or do without: --no-reader"
            ) from None
        for name, data in self._files.items():
            if hashlib.sha256(data).hexdigest() != card["sha256"].get(name):
                raise ReaderError(f"{folder / name}: not the file that model.json names.", "Install the program again.")
        self.name: str = card["name"]
        with np.load(folder / "heads.npz") as held:
            self._heads = {name: held[name].astype(np.float32) for name in held.files}

        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="reader")
        # It takes a fifth of a second, in which the question is understood and searched for.
        self._loading = self._pool.submit(_load, self._files.pop("model.onnx"))

    @cached_property
    def _session(self) -> Any:
        return self._loading.result()

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """Read each passage for a question; in the order given."""
        asked = self._word_pieces(question)[:MAX_QUESTION_PIECES]
        _ = self._session
        if len(passages) < 2:
            return [self._read(asked, passage) for passage in passages]
        return list(self._pool.map(lambda passage: self._read(asked, passage), passages))

    def _read(self, asked: list[int], passage: Passage) -> Reading:
        title = self._word_pieces(passage.title)[:MAX_TITLE_PIECES]
        chosen, room = dict[int, list[int]](), SENTENCE_PIECES
        for number, sentence in enumerate(passage.sentences):
            pieces = self._word_pieces(sentence)
            if pieces and (not chosen or len(pieces) <= room):
                chosen[number] = pieces[:SENTENCE_PIECES]
                room -= len(chosen[number])
        return self._scored(asked, title, chosen, len(passage.sentences))

    def _scored(self, asked: list[int], title: list[int], chosen: dict[int, list[int]], count: int) -> Reading:
        ids = [_CLS, *asked, _SEP, *title]
        begins = len(asked) + 2
        spans = {}
        for number, pieces in chosen.items():
            spans[number] = (len(ids), len(ids) + len(pieces))
            ids += pieces
        ids.append(_SEP)
        row = np.array([ids], dtype=np.int64)
        segments = (np.arange(len(ids)) >= begins).astype(np.int64)[None]
        feed = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": segments}
        states: Vector = self._session.run(None, feed)[0][0]
        first = states[0]
        relevance = self._logits("rel", np.concatenate([first, states[begins:].mean(axis=0)])[None])[0]
        evidence: list[float | None] = [None] * count
        if spans:
            rows = np.array([np.concatenate([states[a:b].mean(axis=0), first]) for a, b in spans.values()])
            for number, logit in zip(spans, self._logits("ev", rows), strict=True):
                evidence[number] = float(logit)
        return Reading(float(relevance), tuple(evidence))

    def _logits(self, head: str, rows: Vector) -> Vector:
        hidden = np.tanh(rows @ self._heads[f"{head}.0.weight"].T + self._heads[f"{head}.0.bias"])
        return np.asarray(hidden @ self._heads[f"{head}.2.weight"][0] + self._heads[f"{head}.2.bias"])
