"""Several processes on one store: killed writers, a reader beside a writer, a Chroma server."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assistant.core import Assistant
from store.doctor import examine
from store.errors import StoreError
from store.ingest import ingest
from store.settings import StoreSettings
from store.store import Store

COUNT = 60
SETTINGS = StoreSettings(batch=4)
WRITER = """
import sys
from pathlib import Path
from store.ingest import ingest
from store.settings import StoreSettings
from store.store import Store
with Store(Path(sys.argv[1]), StoreSettings(batch=4), create=True) as store:
    ingest(store, [Path(sys.argv[2])], progress=lambda stage, done, total: print(done, flush=True))
"""


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    path = tmp_path / "papers.jsonl"
    rows = [{"title": f"On topic number {n}", "abstract": f"We study topic {n}. The method {n} works."} for n in range(COUNT)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def start_writer(store: Path, papers: Path, until: int) -> subprocess.Popen[str]:
    """A writing process that has embedded so many entries."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(store), str(papers)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= until:
            break
    return process


@pytest.mark.parametrize("until", [1, 6, 13, 30, COUNT])
def test_a_killed_writer_loses_nothing(tmp_path: Path, papers: Path, until: int) -> None:
    process = start_writer(tmp_path / "s", papers, until)
    process.kill()
    process.wait()
    with Store(tmp_path / "s", SETTINGS) as store:
        assert store.ledger.counts()["entries"] == COUNT
        report = ingest(store, [papers])
        assert (report.added, report.updated, report.unchanged) == (0, 0, COUNT)
        assert examine(store) == []
        assert store.vectors.count() == store.lexical.count() == COUNT


def test_a_reader_beside_a_writer_sees_what_was_added(tmp_path: Path, papers: Path) -> None:
    first = tmp_path / "first.jsonl"
    first.write_text(json.dumps({"title": "Zebra stripes", "abstract": "Stripes of zebras confuse flies."}) + "\n", encoding="utf-8")
    with Store(tmp_path / "s", SETTINGS, create=True) as store:
        ingest(store, [first])
    reader = Assistant(tmp_path / "s")
    assert reader.search("zebra stripes")[0].entry.title == "Zebra stripes"
    process = start_writer(tmp_path / "s", papers, 10)
    while process.poll() is None:
        assert reader.search("zebra stripes")[0].entry.title == "Zebra stripes"
    assert process.returncode == 0
    assert reader.search("On topic number 59")[0].entry.title == "On topic number 59"
    assert reader.store.vectors.count() == COUNT + 1
    reader.close()


def test_ctrl_c_keeps_what_was_done(tmp_path: Path) -> None:
    papers = tmp_path / "many.jsonl"
    rows = [{"title": f"Paper {n}", "abstract": f"Topic {n}. " + "It works well in many cases. " * 40} for n in range(400)]
    papers.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    command = [
        sys.executable,
        "-c",
        "from assistant.faces.entry import main; main()",
        "ingest",
        str(papers),
        "--store",
        str(tmp_path / "s"),
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(StoreError), Store(tmp_path / "s") as store:
            if store.ledger.counts()["entries"]:
                break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors and "kept" in errors
    with Store(tmp_path / "s") as store:
        assert store.ledger.counts()["entries"] == 400
        assert "waiting" in {finding.part for finding in examine(store)}
