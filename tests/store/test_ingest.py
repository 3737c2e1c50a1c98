"""Ingest: idempotent, deduplicating, and nothing lost whatever happens."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from store.doctor import examine, repair
from store.errors import NotFoundError, StoreBusyError
from store.ingest import IngestReport, forget, ingest
from store.settings import StoreSettings
from store.store import Store


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def row(n: int, text: str = "") -> dict[str, Any]:
    return {"title": f"Paper number {n}", "abstract": text or f"We study topic {n} at length. It works."}


def counts(report: IngestReport) -> tuple[int, int, int, int]:
    return report.added, report.updated, report.unchanged, report.removed


def test_life_of_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [row(n) for n in range(6)])
    with Store(tmp_path / "s", create=True) as store:
        assert counts(ingest(store, [path], dry_run=True)) == (6, 0, 0, 0)
        assert store.ledger.counts()["entries"] == 0
        assert counts(ingest(store, [path])) == (6, 0, 0, 0)
        assert counts(ingest(store, [path])) == (0, 0, 6, 0)
        id = store.resolve("Paper number 3").id
        write(path, [row(0), row(1), row(2), row(3, "Edited."), row(4)])
        report = ingest(store, [path])
        assert counts(report) == (0, 1, 4, 0) and report.files[0].vanished == 1
        assert store.resolve("Paper number 5").provenance
        assert counts(ingest(store, [path], prune=True)) == (0, 0, 5, 1)
        assert store.resolve("a.jsonl#4").id == id and store.resolve(id).abstract == "Edited."
        assert examine(store) == []
        other = write(tmp_path / "b.jsonl", [row(3, "Edited."), row(9)])
        assert counts(ingest(store, [other])) == (1, 0, 1, 0)
        assert [str(p) for p in store.resolve(id).provenance] == ["a.jsonl#4", "b.jsonl#1"]
        assert forget(store, "a.jsonl")[1:] == (5, 4)
        assert store.ledger.counts()["entries"] == 2 and examine(store) == []
        with pytest.raises(NotFoundError):
            forget(store, "a.jsonl")


def test_a_file_cut_short_takes_nothing_away(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [row(n) for n in range(30)])
    with Store(tmp_path / "s", create=True) as store:
        ingest(store, [path])
        whole = path.read_text(encoding="utf-8")
        for text in (whole[: len(whole) // 3], "", "\n".join(whole.splitlines()[:4])):
            path.write_text(text, encoding="utf-8")
            report = ingest(store, [path])
            assert report.rejected or report.errors or report.files[0].vanished == 26
            assert store.ledger.counts()["entries"] == 30


def test_a_crash_between_ledger_and_index_is_finished_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.jsonl", [row(n) for n in range(5)])
    with Store(tmp_path / "s", StoreSettings(batch=2), create=True) as store:
        with monkeypatch.context() as patch:
            patch.setattr("store.lexical.LexicalIndex.write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                ingest(store, [path])
        assert {f.part for f in examine(store)} == {"waiting"}
        assert counts(ingest(store, [path])) == (0, 0, 5, 0)
        assert examine(store) == []


def test_doctor_finds_and_repairs_each_index(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [row(n) for n in range(5)])
    with Store(tmp_path / "s", create=True) as store:
        ingest(store, [path])
        store.vectors.delete([f"{store.resolve('a.jsonl#1').id}#0"])
        store.lexical.write([], [store.resolve("a.jsonl#2").id])
        findings = examine(store)
        assert {f.part for f in findings} == {"vector", "lexical"}
        repair(store, findings)
        assert examine(store) == []
    shutil.rmtree(tmp_path / "s" / "tantivy2.1", ignore_errors=True)
    with Store(tmp_path / "s") as store:
        repair(store, examine(store))
        assert examine(store) == []


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [row(1)])
    with Store(tmp_path / "s", create=True) as one, Store(tmp_path / "s", StoreSettings(lock_timeout=0)) as two:
        with one.writing(), pytest.raises(StoreBusyError):
            ingest(two, [path])
        assert counts(ingest(two, [path])) == (1, 0, 0, 0)
        assert one.vectors.count() == 1


def test_a_copy_cut_short_under_another_name_takes_nothing_away(tmp_path: Path) -> None:
    whole = {"title": "A paper", "abstract": "The first sentence. The second sentence."}
    cut = {"title": "A paper", "abstract": "The first sentence."}
    full, short = write(tmp_path / "full.jsonl", [whole]), write(tmp_path / "cut.jsonl", [cut])
    with Store(tmp_path / "s", create=True) as store:
        ingest(store, [full])
        assert counts(ingest(store, [short])) == (0, 0, 1, 0)
        assert store.resolve("A paper").abstract == whole["abstract"]


def test_forgetting_a_file_gives_back_what_the_others_say(tmp_path: Path) -> None:
    one = write(tmp_path / "one.jsonl", [{"title": "A paper", "abstract": "It was so."}])
    two = write(tmp_path / "two.jsonl", [{"title": "A paper", "abstract": "It is otherwise."}])
    with Store(tmp_path / "s", create=True) as store:
        ingest(store, [one])
        ingest(store, [two])
        assert store.resolve("A paper").abstract == "It is otherwise."
        assert forget(store, "two.jsonl")[1:] == (1, 0)
        assert store.resolve("A paper").abstract == "It was so." and examine(store) == []


def test_a_name_that_several_files_have_is_not_forgotten_by_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    files = [write(tmp_path / folder / "p.jsonl", [row(n)]) for n, folder in enumerate("ab")]
    with Store(tmp_path / "s", create=True) as store:
        ingest(store, files)
        with pytest.raises(NotFoundError, match="2 files"):
            forget(store, "p.jsonl")
        assert forget(store, str(files[0]))[1:] == (1, 1)
        assert store.ledger.counts()["entries"] == 1
