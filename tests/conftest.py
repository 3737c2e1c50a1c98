"""Shared fixtures: the real corpus where it is present, a small store everywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assistant.core import Assistant
from store.ingest import ingest
from store.store import Store

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "corpus"


@pytest.fixture(scope="session", autouse=True)
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of the user's own is read or written: settings, conversations, models."""
    home = tmp_path_factory.mktemp("nobody")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSISTANT_CONFIG", str(home / "config.toml"))
        patch.setenv("ASSISTANT_HISTORY_DIR", str(home / "conversations"))
        patch.delenv("ASSISTANT_LLM", raising=False)
        yield


@pytest.fixture(autouse=True)
def untried(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Doctor looks at an index in a process of its own first, which takes a second each time; tests marked ``trial`` let it, and those that hurt an index run doctor as a program."""
    if "trial" not in request.keywords:
        monkeypatch.setattr("store.doctor._ends_the_process", lambda store: None)


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


@pytest.fixture(scope="session")
def digest_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of the bundled sample."""
    from assistant.sample import sample_store

    path = tmp_path_factory.mktemp("digests") / "store"
    sample_store(path)
    return path


@pytest.fixture
def browser_dom(tmp_path: Path) -> Callable[[Path], str]:
    """The document that Chromium makes of a page."""
    if shutil.which("chromium") is None:
        pytest.skip("no chromium on this machine")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-sync",
    ]

    def dom(file: Path) -> str:
        command = ["chromium", *flags, f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=2000", "--dump-dom", file.as_uri()]
        return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout

    return dom
