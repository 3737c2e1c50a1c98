"""A model of natural language inference of the user's own, in ONNX: does a text entail a sentence, contradict it, or neither?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from store.errors import SettingsError

_LONGEST = 512
_NAMES = ("model.onnx", "onnx/model.onnx", "model_quantized.onnx", "onnx/model_quantized.onnx", "model_int8.onnx", "onnx/model_int8.onnx")
_ENTAILS, _CONTRADICTS = "entail", "contradict"


class NliModel:
    """A sequence-pair classifier with labels such as ``entailment``, ``neutral`` and ``contradiction``, as model hubs keep them.

    Args:
        folder: with ``tokenizer.json``, ``config.json`` (its ``id2label`` names the labels) and ``model.onnx``, beside them or in ``onnx/``.

    Raises:
        SettingsError: a file is missing or cannot be read, or no label speaks of entailment or contradiction.
    """

    def __init__(self, folder: Path) -> None:
        remedy = "It needs tokenizer.json, config.json with id2label, and model.onnx (docs/models.md)."
        file = next((folder / name for name in _NAMES if (folder / name).is_file()), None)
        if file is None:
            raise SettingsError(f"{folder}: no model.onnx there.", remedy)
        try:
            labels = json.loads((folder / "config.json").read_text(encoding="utf-8"))["id2label"]
            self.labels = tuple(str(labels[str(n)]).lower() for n in range(len(labels)))
            from tokenizers import Tokenizer

            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:
            raise SettingsError(f"{folder}: the model cannot be read ({type(error).__name__}: {error}).", remedy) from None
        if not any(_CONTRADICTS in label or _ENTAILS in label for label in self.labels):
            raise SettingsError(f"{folder}: none of its labels ({', '.join(self.labels)}) is of entailment or contradiction.", remedy)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_LONGEST, strategy="only_first")
        self._session = _session(file, remedy)
        self._inputs = [entry.name for entry in self._session.get_inputs()]

    def label(self, premise: str, claim: str) -> str:
        """The likeliest label of a claim beside a premise, in lower case; of the premise what fits into 512 word pieces is read."""
        found = self._tokenizer.encode(premise, claim)
        feed = {"input_ids": found.ids, "attention_mask": found.attention_mask, "token_type_ids": found.type_ids}
        scores = self._session.run(None, {name: np.array([feed[name]], dtype=np.int64) for name in self._inputs})[0][0]
        return self.labels[int(np.argmax(scores))]

    def objects(self, premise: str, claim: str) -> bool:
        """Whether it says that the premise contradicts the claim; a model without that label, that it does not entail it."""
        label = self.label(premise, claim)
        if any(_CONTRADICTS in one for one in self.labels):
            return _CONTRADICTS in label
        return _ENTAILS not in label or label.startswith(("not", "non"))


def _session(file: Path, remedy: str) -> Any:
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    try:
        return onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    except Exception as error:
        raise SettingsError(f"{file}: not a model that can be run ({error}).", remedy) from None
