"""The query model: a small encoder that says what a question wants, what each of its words is for, and whether it leans on what was said before.

Made by ``python -m evals.training.query_model`` from some thousands of questions labelled by hand (``docs/results/query.md``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.query.labels import KINDS, PAPER_TYPES, REFERENCES, SORTS, TAGS, Word, split_words, without_surrogates
from store.errors import StoreError

Vector = npt.NDArray[np.float32]
NAME = "papers-query-MiniLM-int8"
MAX_PIECES, MAX_CONTEXT = 96, 128
_CLS, _SEP = 101, 102
# A word is part of a tag from the first probability on, and beside one that is from the second. Chosen on the questions the model was chosen on.
_TAGGED, _BESIDE = 0.6, 0.3
# Function words between two words of a phrase belong to it.
_BRIDGES = frozenset(["of", "the", "a", "an", "in", "on", "for", "to", "with", "by", "and's"])

# And these belong to no phrase at its ends.
_OUTER = _BRIDGES | frozenset(["or", "but", "not", "nor", "either", "both", "on", "about", "using", "use", "uses", ",", ".", ";", ":", "?"])


class QueryModelError(StoreError):
    """The query model's files are missing or damaged."""


@dataclass(frozen=True)
class Reading:
    """What the model says of a question.

    Args:
        words: the question's.
        kinds: probability of each of ``KINDS``.
        sorts: of each of ``SORTS``.
        paper_types: of each of ``PAPER_TYPES``.
        references: of each of ``REFERENCES``; meaningful where something was said before.
        tags: probability that a word is part of each of ``TAGS`` ``[words, tags]``.
    """

    words: tuple[Word, ...]
    kinds: Mapping[str, float]
    sorts: Mapping[str, float]
    paper_types: Mapping[str, float]
    references: Mapping[str, float]
    tags: Vector

    @property
    def kind(self) -> str:
        """The likeliest kind."""
        return max(self.kinds, key=lambda name: self.kinds[name])

    @property
    def sort(self) -> str:
        """The likeliest order."""
        return max(self.sorts, key=lambda name: self.sorts[name])

    def tagged(self, tag: str) -> list[int]:
        """Places of the words that are part of a tag."""
        shares = self.tags[:, TAGS.index(tag)].tolist()
        found = {place for place, share in enumerate(shares) if share > _TAGGED}
        edge = set(found)
        while edge := {
            n for place in edge for n in (place - 1, place + 1) if 0 <= n < len(shares) and n not in found and shares[n] > _BESIDE
        }:
            found |= edge
        return sorted(found)

    def phrases(self, tag: str, text: str) -> tuple[str, ...]:
        """The phrases of a tag, as they stand in the text; words next to each other, or with a function word between them, make one."""
        runs: list[list[int]] = []
        for place in self.tagged(tag):
            between = [word.text.lower() for word in self.words[runs[-1][-1] + 1 : place]] if runs else []
            if runs and len(between) < 2 and all(word in _BRIDGES for word in between):
                runs[-1].append(place)
            else:
                runs.append([place])
        found = []
        for run in runs:
            while run and self.words[run[-1]].text.lower() in _OUTER:
                run = run[:-1]
            while run and self.words[run[0]].text.lower() in _OUTER:
                run = run[1:]
            if any(c.isalnum() for place in run for c in self.words[place].text):
                found.append(text[self.words[run[0]].start : self.words[run[-1]].end])
        return tuple(found)


class QueryModel:
    """Reads questions.

    Args:
        word_pieces: a text's ids in BERT's vocabulary.
        folder: holds ``model.onnx``, ``heads.npz`` and ``model.json`` with their checksums.

    Raises:
        QueryModelError: a file is missing, or not the one ``model.json`` names.
    """

    def __init__(self, word_pieces: Callable[[str], list[int]], folder: Path = Path(__file__).parent / "models" / NAME) -> None:
        self._word_pieces = word_pieces
        try:
            card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            files = {name: (folder / name).read_bytes() for name in ("model.onnx", "heads.npz")}
        except (OSError, ValueError) as error:
            raise QueryModelError(f"{folder}: the query model cannot be loaded ({error}).", "Install the program again.") from None
        for name, data in files.items():
            if hashlib.sha256(data).hexdigest() != card["sha256"].get(name):
                raise QueryModelError(f"{folder / name}: not the file that model.json names.", "Install the program again.")
        self._model = files["model.onnx"]
        with np.load(folder / "heads.npz") as held:
            self._heads = {name: held[name].astype(np.float32) for name in held.files}

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(self._model, options, providers=["CPUExecutionProvider"])

    def read(self, text: str, context: str = "") -> Reading:
        """Read a question.

        Args:
            text: the question.
            context: what was said before (:func:`context_of`); empty where nothing was.
        """
        text, context = without_surrogates(text), without_surrogates(context)
        words = split_words(text)
        ids, spans = [_CLS], []
        for word in words:
            pieces = self._word_pieces(word.text)[: MAX_PIECES + 1 - len(ids)]
            spans.append((len(ids), len(ids) + len(pieces)))
            ids += pieces
        ids.append(_SEP)
        begins = len(ids)
        if context:
            ids += [*self._word_pieces(context)[:MAX_CONTEXT], _SEP]
        row = np.array([ids], dtype=np.int64)
        segments = (np.arange(len(ids)) >= begins).astype(np.int64)[None]
        states: Vector = self._session.run(None, {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": segments})[0][0]
        whole = np.concatenate([states[0], states[:begins].mean(axis=0)])
        tags = np.zeros((len(spans), len(TAGS)), np.float32)
        for place, (start, end) in enumerate(spans):
            # Words past the longest question that is read have no tags.
            if end > start:
                state = np.concatenate([states[start:end].mean(axis=0), states[0]])
                tags[place] = 1 / (1 + np.exp(-self._linear("tag", state)))

        def shares(name: str, labels: Sequence[str]) -> dict[str, float]:
            logits = self._linear(f"heads.{name}", whole)
            exps = np.exp(logits - logits.max())
            return dict(zip(labels, (exps / exps.sum()).tolist(), strict=True))

        return Reading(
            tuple(words),
            shares("kind", KINDS),
            shares("sort", SORTS),
            shares("paper_type", PAPER_TYPES),
            shares("reference", REFERENCES),
            tags,
        )

    def _linear(self, name: str, values: Vector) -> Vector:
        return np.asarray(values @ self._heads[f"{name}.weight"].T + self._heads[f"{name}.bias"])


def context_of(asked: Sequence[str], cited: Sequence[str]) -> str:
    """What was said before, as the model reads it: the last two questions, then the titles that the last answer cites."""
    return f"{' ; '.join(asked[-2:])} : {' ; '.join(cited)}"
