"""Shared fixtures: the real corpus where it is present, a small store everywhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.core import Assistant
from store.ingest import ingest
from store.store import Store

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "corpus"


@pytest.fixture(scope="session")
def corpus_files() -> list[Path]:
    """The four corpus files, from ASSISTANT_TEST_CORPUS or beside the checkout."""
    folder = Path(os.environ.get("ASSISTANT_TEST_CORPUS", _BESIDE))
    files = sorted(folder.glob("0*.txt"))
    if not files:
        pytest.skip(f"no corpus at {folder}; set ASSISTANT_TEST_CORPUS")
    return files


@pytest.fixture(scope="session")
def corpus_store(corpus_files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole corpus, ingested once."""
    path = tmp_path_factory.mktemp("corpus") / "store"
    with Store(path, create=True) as store:
        report = ingest(store, corpus_files)
        assert (report.provenances, report.entries, report.added) == (495, 485, 485)
        assert not report.rejected
    return path


@pytest.fixture(scope="session")
def corpus(corpus_store: Path) -> Iterator[Assistant]:
    """An assistant over the corpus."""
    assistant = Assistant(corpus_store)
    yield assistant
    assistant.close()
