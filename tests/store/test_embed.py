"""Embedders: the one that is shipped, its checksums, and the door for others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from store.chunk import chunk_entry
from store.embed import load_embedder
from store.errors import EmbedderError
from store.ingest import ingest
from store.settings import BUILTIN_EMBEDDER, StoreSettings
from store.store import Store
from store.types import Entry

MODELS = Path(__file__).resolve().parents[2] / "store" / "models"


def test_one_pass_gives_the_chunk_its_title_and_its_sentences() -> None:
    embedder = load_embedder(StoreSettings())
    entry = Entry("e", "Grokking in networks", "Networks memorise first. Later they generalise to unseen data.")
    (chunk,) = chunk_entry(entry, embedder.count, embedder.limit)
    (result,) = embedder.embed_chunks([chunk])
    assert result.vector.shape == (384,) and result.rows.shape == (3, 384)
    assert np.linalg.norm(result.rows, axis=1) == pytest.approx(1, abs=1e-4)
    later = embedder.embed_query("generalisation to new data")
    assert result.rows[2] @ later > result.rows[1] @ later


def test_an_abstract_longer_than_the_window_loses_nothing() -> None:
    embedder = load_embedder(StoreSettings())
    abstract = " ".join(f"Sentence {n} speaks of subject {n * 7}." for n in range(200))
    chunks = chunk_entry(Entry("e", "A long one", abstract), embedder.count, embedder.limit)
    assert len(chunks) > 1
    covered = [s for c in chunks for s in c.sentences]
    assert [abstract[s.start : s.end] for s in covered] == [f"Sentence {n} speaks of subject {n * 7}." for n in range(200)]
    assert all(embedder.count(f"A long one\n{c.text}") <= embedder.limit for c in chunks)


def test_a_changed_model_file_is_refused(tmp_path: Path) -> None:
    shutil.copytree(MODELS / BUILTIN_EMBEDDER, tmp_path / "m")
    with (tmp_path / "m" / "model.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(EmbedderError, match="not the file"):
        load_embedder(StoreSettings(embedder=str(tmp_path / "m")))


def test_a_llama_index_embedding_makes_a_store_of_its_own(tmp_path: Path) -> None:
    settings = StoreSettings(embedder="llama_index.core:MockEmbedding", embedder_options={"embed_dim": 16})
    papers = tmp_path / "a.jsonl"
    papers.write_text(json.dumps({"title": "One", "abstract": "First sentence. Second sentence."}) + "\n", encoding="utf-8")
    with Store(tmp_path / "s", settings, create=True) as store:
        assert ingest(store, [papers]).added == 1
        (row,) = store.ledger.vectors([store.resolve("One").id])
        assert row.vector.shape == (16,) and row.rows.shape == (3, 16)
    with Store(tmp_path / "s") as other, pytest.raises(EmbedderError, match="made with"):
        other.embedder.embed_query("x")
    with pytest.raises(EmbedderError, match="cannot be loaded"):
        load_embedder(StoreSettings(embedder="nowhere.at.all:Thing"))
