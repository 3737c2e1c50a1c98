"""A model of natural language inference as second opinion: the shipped cross-encoder stands in for a downloaded one."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from assistant import Assistant
from assistant.answering.second import NliOpinion, second_opinion
from assistant.fakes import ScriptedModel
from assistant.settings import Settings
from assistant.verify import Premise
from assistant.verify.entailment import EntailmentModel
from assistant.verify.nli import NliModel
from store.embed import shipped_embedder
from store.errors import SettingsError

EVIDENCE = "We find that dropout lowers the error of deep networks on speech recognition."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As a hub keeps such a model; its seven kinds read as entailment, contradiction (another topic) and neutral."""
    found = tmp_path / "nli"
    (found / "onnx").mkdir(parents=True)
    shutil.copy(str(files("assistant.verify").joinpath("model", "model.onnx")), found / "onnx" / "model.onnx")
    shutil.copy(next(Path("store/models").glob("*/tokenizer.json")), found / "tokenizer.json")
    kinds = EntailmentModel(shipped_embedder().word_pieces).kinds
    names = {"right": "ENTAILMENT", "topic": "CONTRADICTION"}
    labels = {str(n): names.get(kind, "NEUTRAL") for n, kind in enumerate(kinds)}
    (found / "config.json").write_text(json.dumps({"id2label": labels}), encoding="utf-8")
    return found


def test_it_objects_to_what_the_premise_contradicts(folder: Path) -> None:
    model = NliModel(folder)
    assert model.label(EVIDENCE, EVIDENCE) == "entailment"
    opinion = NliOpinion(model)
    assert not opinion.objects("Dropout lowers the error of deep networks on speech recognition.", Premise((EVIDENCE,)))
    assert opinion.objects("Whales sing longer songs in winter than in summer.", Premise((EVIDENCE,)))
    assert opinion.failed is None and opinion.usage.calls == 0


def test_where_no_label_is_contradiction_what_is_not_entailed_is_objected_to(folder: Path) -> None:
    labels = json.loads((folder / "config.json").read_text())["id2label"]
    two = {n: "entailment" if label == "ENTAILMENT" else "not_entailment" for n, label in labels.items()}
    (folder / "config.json").write_text(json.dumps({"id2label": two}), encoding="utf-8")
    model = NliModel(folder)
    assert not model.objects(EVIDENCE, EVIDENCE)
    assert model.objects(EVIDENCE, "Whales sing longer in winter.")


def test_an_answer_is_read_by_it(folder: Path, digest_store: Path) -> None:
    options = Settings(second_opinion=f"nli:{folder}")
    assistant = Assistant(digest_store, model=ScriptedModel("Nothing."), options=options)
    second = second_opinion(options)
    assert second is not None and isinstance(second(options), NliOpinion)
    assert (
        assistant.ask("What papers study pruning?").notes
        == Assistant(digest_store, model=ScriptedModel("Nothing.")).ask("What papers study pruning?").notes
    )
    assistant.close()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda f: shutil.rmtree(f), "no model.onnx"),
        (lambda f: (f / "config.json").unlink(), "cannot be read"),
        (lambda f: (f / "tokenizer.json").write_text("{}"), "cannot be read"),
        (lambda f: (f / "onnx" / "model.onnx").write_bytes(b"no model"), "not a model"),
        (lambda f: (f / "config.json").write_text('{"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}'), "none of its labels"),
    ],
)
def test_a_folder_that_holds_no_such_model_is_told(folder: Path, damage: object, says: str) -> None:
    damage(folder)  # type: ignore[operator]
    with pytest.raises(SettingsError, match=says):
        second_opinion(Settings(second_opinion=f"nli:{folder}"))


def test_an_unknown_form_names_the_setting() -> None:
    with pytest.raises(SettingsError, match="second_opinion: what: not a model"):
        second_opinion(Settings(second_opinion="what"))
