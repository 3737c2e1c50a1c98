"""How far the int8 files are from the float models they were made of.

    python -m evals.training.parity --data FOLDER --int8 FOLDER --float FOLDER

``--data`` is what :mod:`evals.training.prepare` wrote, ``--float`` what :mod:`evals.training.export` wrote with ``--keep-float``. The embedder's float file
must be of the weights before :mod:`evals.training.settle`: those after it are only good rounded. Figures are over ml_questions/dev: the cosine of both embedders' vectors; and, for the reader over title and best sentences, how the two
order the ten documents of each question, and each one's figures.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evals.training.evaluate import ten_scores
from evals.training.export import EMBEDDER, READER
from evals.training.reader import View, shortened
from evals.training.tokens import CLS, SEP, Documents, Pieces, Question, load_questions

Floats = npt.NDArray[np.float32]
_BUDGET = 128


class Encoder:
    """An exported encoder run on word pieces."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        onnxruntime.set_default_logger_severity(3)
        self._session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self._inputs = {one.name for one in self._session.get_inputs()}

    def __call__(self, pieces: npt.NDArray[np.int32], segments: npt.NDArray[np.int64] | None = None) -> Floats:
        """States of one text ``[length, width]``."""
        ids = pieces[None].astype(np.int64)
        feed: dict[str, Any] = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        if segments is not None:
            feed["token_type_ids"] = segments[None]
        found: Floats = self._session.run(None, {name: value for name, value in feed.items() if name in self._inputs})[0][0]
        return found


def embed(encoder: Encoder, pieces: Pieces, spans: list[tuple[int, int]]) -> tuple[Floats, Floats]:
    """A text's unit vector and those of its sentences."""
    states = encoder(np.concatenate([[CLS], pieces, [SEP]]))
    rows = [states[1 + a : 1 + min(b, len(pieces))].mean(0) if min(b, len(pieces)) > a else states[0] * 0 for a, b in spans]
    vectors = np.vstack([states.mean(0), *rows])
    return vectors[0] / np.linalg.norm(vectors[0]), vectors[1:] / np.maximum(np.linalg.norm(vectors[1:], axis=1, keepdims=True), 1e-9)


class Heads:
    """The reader's heads."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as held:
            self._w = {name: held[name].astype(np.float32) for name in held.files}

    def _logit(self, head: str, rows: Floats) -> Floats:
        hidden = np.tanh(rows @ self._w[f"{head}.0.weight"].T + self._w[f"{head}.0.bias"])
        return np.asarray(hidden @ self._w[f"{head}.2.weight"][0] + self._w[f"{head}.2.bias"])

    def __call__(self, states: Floats, begins: int, view: View) -> tuple[float, Floats]:
        """Relevance logit and the evidence logit of each sentence."""
        mean = states[begins:].mean(0)
        sentences = [states[begins + a : begins + b].mean(0) for a, b in view.spans]
        relevance = self._logit("rel", np.concatenate([states[0], mean])[None])[0]
        return float(relevance), self._logit("ev", np.array([np.concatenate([s, states[0]]) for s in sentences]))


def read(encoder: Encoder, heads: Heads, question: Question, view: View) -> tuple[float, Floats]:
    """A reader's logits for one pair."""
    pieces = np.concatenate([[CLS], question.ids, [SEP], view.pieces, [SEP]])
    begins = len(question.ids) + 2
    segments = (np.arange(len(pieces)) >= begins).astype(np.int64)
    return heads(encoder(pieces, segments), begins, view)


def spearman(a: Floats, b: Floats) -> float:
    """Rank correlation."""
    ranks = [np.argsort(np.argsort(values)).astype(float) for values in (a, b)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("data", "int8", "float"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--every", type=int, default=3, help="take each so many-th question")
    parser.add_argument("--budget", type=int, default=_BUDGET)
    args = parser.parse_args()
    documents = Documents.load(args.data)
    questions = [q for q in load_questions(args.data) if q.split == "dev"][:: args.every]
    small, large = Encoder(args.int8 / EMBEDDER / "model.onnx"), Encoder(args.float / f"{EMBEDDER}.float.onnx")
    numbers = sorted({d for q in questions for d in q.documents})
    vectors = {n: embed(small, documents.pieces(n), documents.sentences(n)) for n in numbers}
    sample = numbers[:: max(1, len(numbers) // 100)]
    cosines = [float(vectors[n][0] @ embed(large, documents.pieces(n), [])[0]) for n in sample]
    asked = {q.id: embed(small, q.ids, [])[0] for q in questions}
    near = [float(asked[q.id] @ embed(large, q.ids, [])[0]) for q in questions]
    print(f"embedder: cosine of abstracts mean {np.mean(cosines):.4f}, least {min(cosines):.4f}; of questions mean {np.mean(near):.4f}")
    heads = Heads(args.int8 / READER / "heads.npz")
    kinds = {"int8": Encoder(args.int8 / READER / "model.onnx"), "float": Encoder(args.float / f"{READER}.float.onnx")}
    found: dict[str, list[Floats]] = {}
    for name, encoder in kinds.items():
        logits, evidence = [], []
        for question in questions:
            views = [shortened(documents, d, vectors[d][1] @ asked[question.id], args.budget) for d in question.documents]
            pairs = [read(encoder, heads, question, view) for view in views]
            logits.append(np.array([logit for logit, _ in pairs], np.float32))
            marks = []
            for view, (_, values), document in zip(views, pairs, question.documents, strict=True):
                every = np.full(len(documents.sentences(document)), -30.0, np.float32)
                every[list(view.sentences)] = values
                marks.append(every)
            evidence.append(marks)
        found[name] = logits
        print(f"reader {name}: {ten_scores(questions, logits, evidence)}")
    pair = [np.concatenate(found[name]) for name in ("int8", "float")]
    within = float(np.mean([spearman(a, b) for a, b in zip(found["int8"], found["float"], strict=True)]))
    print(
        f"reader: correlation of logits {np.corrcoef(pair[0], pair[1])[0, 1]:.4f}, of ranks {spearman(*pair):.4f}, within a question's ten {within:.4f}, "
        f"farthest apart {np.abs(pair[0] - pair[1]).max():.2f}, mean {np.abs(pair[0] - pair[1]).mean():.3f}"
    )


if __name__ == "__main__":
    main()
