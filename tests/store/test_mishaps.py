"""Stores that were hurt: damaged and deleted indexes, other embedders, older and newer formats, full disks, two writers at once."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from assistant.core import Assistant
from store import schema
from store.doctor import examine, repair
from store.embed.base import ChunkEmbedding
from store.errors import EmbedderError, IndexDamagedError, StoreBusyError, StoreError
from store.fakes import HashEmbedder
from store.indexing import index_lexical
from store.ingest import ingest
from store.lexical import LexicalIndex
from store.reembed import reembed
from store.retrieve import retrieve
from store.settings import BUILTIN_EMBEDDER, RETIRED_EMBEDDERS, StoreSettings
from store.store import Store
from store.types import Chunk
from store.vectors import VectorIndex

COUNT = 40
OLD = Path(__file__).parent / "data" / "format1.sql"


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    path = tmp_path / "papers.jsonl"
    rows = [
        {"title": f"On topic number {n}", "abstract": f"We study topic {n} with care. Method {n * n} works well."} for n in range(COUNT)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def made(tmp_path: Path, papers: Path) -> Path:
    """A whole store."""
    with Store(tmp_path / "s", create=True, embedder=HashEmbedder()) as store:
        ingest(store, [papers])
    return tmp_path / "s"


def delete(path: Path, chance: random.Random) -> None:
    path.unlink()


def truncate(path: Path, chance: random.Random) -> None:
    os.truncate(path, chance.randrange(path.stat().st_size + 1))


def overwrite(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(max(8, len(data) // 50)):
        if data:
            data[chance.randrange(len(data))] = chance.randrange(256)
    path.write_bytes(data)


# A damaged index can end the process that reads it, so each is looked at in one of its own.
MEND = """
import sys
from pathlib import Path
from store.doctor import examine, repair
from store.fakes import HashEmbedder
from store.store import Store
with Store(Path(sys.argv[1]), embedder=HashEmbedder()) as store:
    found = examine(store)
    if found:
        repair(store, found)
    assert examine(store) == [], examine(store)
    assert store.vectors.count() == store.lexical.count() == int(sys.argv[2])
    print(",".join(sorted({finding.part for finding in found})))
"""


@pytest.mark.parametrize("what", [delete, truncate, overwrite])
@pytest.mark.parametrize("part", ["chroma", "tantivy"])
def test_every_file_of_an_index_may_be_hurt(made: Path, tmp_path: Path, part: str, what: Callable[[Path, random.Random], None]) -> None:
    files = sorted(p.relative_to(made) for p in made.rglob("*") if p.is_file() and p.relative_to(made).parts[0].startswith(part))
    files = [p for p in files if not p.name.endswith("lock")]
    assert files
    chance = random.Random(f"{part}{what.__name__}")
    for number, file in enumerate(chance.sample(files, min(2, len(files)))):
        hurt = tmp_path / f"hurt-{number}"
        shutil.copytree(made, hurt)
        what(hurt / file, chance)
        done = subprocess.run([sys.executable, "-c", MEND, str(hurt), str(COUNT)], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, (file, done.stderr[-2000:])


def hurt_schema(store: Path) -> None:
    # Chroma's native part aborts where what SQLite says of its schema is no UTF-8.
    with sqlite3.connect(store / "chroma" / "chroma.sqlite3") as db:
        db.execute("PRAGMA writable_schema=1")
        db.execute("UPDATE sqlite_master SET sql = CAST(CAST(sql AS BLOB) || x'20be' AS TEXT) WHERE name = 'collections'")
    db.close()


def test_an_index_that_would_end_the_program_is_named_and_mended(made: Path) -> None:
    hurt_schema(made)
    with pytest.raises(IndexDamagedError, match="cannot be used"):
        VectorIndex(made / "chroma")
    done = subprocess.run([sys.executable, "-c", MEND, str(made), str(COUNT)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "vector"


@pytest.mark.trial
def test_an_index_that_does_end_the_program_is_named(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.doctor._TRIAL", "import os; os.abort()")
    with Store(made, embedder=HashEmbedder()) as store:
        (finding,) = examine(store)
        assert finding.part == "vector" and "ends the program (SIGABRT)" in finding.text


@pytest.mark.parametrize("part", ["chroma", "tantivy2"])
def test_a_deleted_index_is_named_and_rebuilt_without_embedding(made: Path, part: str) -> None:
    shutil.rmtree(made / part)
    reader = Assistant(made)
    reader.store.use_embedder(HashEmbedder())
    with pytest.raises(StoreError, match="holds 0 of 40") as error:
        reader.search("topic number 7")
    assert "assistant doctor --repair" in error.value.fix
    reader.close()

    class Refusing(HashEmbedder):
        def embed_chunks(self, chunks: Sequence[Chunk]) -> Iterator[ChunkEmbedding]:
            raise AssertionError("vectors are in the ledger")

    with Store(made, embedder=Refusing()) as store:
        findings = examine(store)
        assert {finding.part for finding in findings} == {"vector" if part == "chroma" else "lexical"}
        repair(store, findings)
        assert examine(store) == []


@pytest.mark.parametrize("kind", ["lexical", "vector"])
def test_an_index_that_takes_nothing_more_is_made_anew(made: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As a kill in the middle of a commit leaves tantivy: a file is there that it is about to write.
    broken = made / ("tantivy2" if kind == "lexical" else "chroma")
    name = "store.lexical.LexicalIndex.write" if kind == "lexical" else "store.vectors.VectorIndex.upsert"
    real = LexicalIndex.write if kind == "lexical" else VectorIndex.upsert
    places: list[Path] = []

    def write(self: object, *rows: object) -> None:
        place = store.lexical_path if kind == "lexical" else store.vector_path
        places.append(place)
        if place == broken:
            raise IndexDamagedError("It cannot be used.", "Rebuild it.")
        real(self, *rows)  # type: ignore[arg-type]

    monkeypatch.setattr(name, write)
    more = tmp_path / "more.jsonl"
    more.write_text(json.dumps({"title": "One more", "abstract": "It comes late."}) + "\n", encoding="utf-8")
    with Store(made, embedder=HashEmbedder()) as store:
        assert ingest(store, [more]).added == 1
        assert len(set(places)) == 2 and not broken.exists() and examine(store) == []
        assert store.vectors.count() == store.lexical.count() == COUNT + 1


def test_a_transaction_cut_short_leaves_the_last_whole_one(made: Path) -> None:
    code = (
        "import sqlite3, sys, os\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('PRAGMA cache_size=5'); db.execute('BEGIN IMMEDIATE')\n"
        "db.execute('DELETE FROM chunks'); db.execute(\"UPDATE entries SET title='gone', abstract=abstract || abstract\")\n"
        "os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(made / "ledger.sqlite3")], check=False)
    assert done.returncode == 9
    with Store(made, embedder=HashEmbedder()) as store:
        assert examine(store) == [] and store.resolve("On topic number 7")


def test_a_damaged_ledger_is_said_to_be_so_and_nothing_is_changed(made: Path, tmp_path: Path) -> None:
    data = bytearray((made / "ledger.sqlite3").read_bytes())
    start = 2 * schema.PAGE
    data[start : start + 20_000] = os.urandom(20_000)
    (made / "ledger.sqlite3").write_bytes(data)
    try:
        with Store(made, embedder=HashEmbedder()) as store:
            findings = examine(store)
            assert findings[0].part == "ledger"
            with pytest.raises(StoreError, match="ledger is damaged"):
                repair(store, findings)
    except StoreError as error:
        assert "ledger" in error.message and error.fix


def test_an_older_store_is_migrated_after_a_copy(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    with sqlite3.connect(folder / "ledger.sqlite3") as db:
        db.executescript(OLD.read_text(encoding="utf-8"))
    db.close()
    said: list[str] = []
    with Store(folder, notify=said.append) as store:
        assert len(said) == 1 and "ledger.format1.sqlite3" in said[0]
        assert store.ledger.meta("format") == str(schema.FORMAT) and store.ledger.meta("embedder") == RETIRED_EMBEDDERS[0]
        with pytest.raises(EmbedderError, match="an earlier version made this store") as error:
            _ = store.embedder
        assert "assistant reembed" in error.value.fix
        held = store.ledger.entries()
        assert len(held) == 3 and all(entry.keywords == () for entry in held.values())
        assert {str(p) for entry in held.values() for p in entry.provenance} == {"three.jsonl#1", "three.jsonl#2", "three.jsonl#3"}
        # The indexes were left behind on purpose: they come back from the ledger.
        repair(store, examine(store))
        assert examine(store) == [] and store.ledger.meta("embedder") == BUILTIN_EMBEDDER
        from store.types import Filters

        assert len(store.ledger.filter(Filters(author="NOETHER")).ids) == 1 and len(store.ledger.filter(Filters(venue="icml")).ids) == 1
        three = tmp_path / "three.jsonl"
        rows = [json.loads(line) for line in (Path(__file__).parent / "data" / "three.jsonl").read_text(encoding="utf-8").splitlines()]
        three.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        report = ingest(store, [three])
        assert (report.added, report.updated, report.unchanged) == (0, 0, 3)
    with Store(folder, notify=said.append):
        assert len(said) == 1
    with sqlite3.connect(folder / "ledger.format1.sqlite3") as db:
        assert db.execute("SELECT value FROM meta WHERE key='format'").fetchone() == ("1",)
    db.close()


def test_terms_are_made_for_a_store_that_has_none(made: Path) -> None:
    with Store(made, embedder=HashEmbedder()) as store:
        ids = sorted(store.ledger.entries())
        before = [row.terms for row in store.ledger.vectors(ids)]
    with sqlite3.connect(made / "ledger.sqlite3") as db:
        db.execute("ALTER TABLE chunks DROP COLUMN terms")
        db.execute("UPDATE meta SET value='2' WHERE key='format'")
    db.close()
    with Store(made, embedder=HashEmbedder()) as store:
        assert all(before) and [row.terms for row in store.ledger.vectors(ids)] == before
        assert examine(store) == [] and (made / "ledger.format2.sqlite3").exists()
        assert reembed(store, HashEmbedder("other")) == COUNT


def test_a_newer_store_is_refused_and_left_alone(made: Path) -> None:
    with sqlite3.connect(made / "ledger.sqlite3") as db:
        db.execute("UPDATE meta SET value='99' WHERE key='format'")
    db.close()
    before = {p: p.stat().st_mtime_ns for p in made.rglob("*") if p.is_file()}
    with pytest.raises(StoreError, match="format 99") as error:
        Store(made)
    assert "update the program" in error.value.fix
    assert {p: p.stat().st_mtime_ns for p in before} == before


READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'


def read_only(store: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command that sees a folder as if on a disk that takes no writing."""
    tried = ["unshare", "-rm", "sh", "-c", READ_ONLY, "sh", str(store)]
    if shutil.which("unshare") is None or subprocess.run([*tried, "true"], check=False, capture_output=True).returncode:
        pytest.skip("needs a mount of its own, which this system does not let be made")
    return subprocess.run([*tried, *command], capture_output=True, text=True, timeout=120)


def test_a_read_only_disk_is_said_to_be_so_and_nothing_is_lost(made: Path, papers: Path) -> None:
    before = {p: p.read_bytes() for p in made.rglob("*") if p.is_file()}
    program = [sys.executable, "-c", "from assistant.faces.entry import main; main()"]
    for command in (["ingest", str(papers)], ["search", "topic"], ["doctor", "--repair"], ["forget", papers.name], ["reembed"]):
        done = read_only(made, *program, *command, "--store", str(made))
        assert done.returncode == 2, (command, done.stdout, done.stderr)
        assert "cannot be" in done.stderr and "Traceback" not in done.stderr
    assert {p: p.read_bytes() for p in made.rglob("*") if p.is_file()} == before
    with Store(made, embedder=HashEmbedder()) as store:
        assert examine(store) == []


FILL = """
import resource, signal, sys
from pathlib import Path
from store.errors import StoreError
from store.fakes import HashEmbedder
from store.ingest import ingest
from store.store import Store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    with Store(Path(sys.argv[1]), create=True, embedder=HashEmbedder()) as store:
        ingest(store, [Path(sys.argv[2])])
except StoreError as error:
    print(error)
    sys.exit(2)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs limits on files")
def test_a_full_disk_loses_nothing(made: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.jsonl"
    rows = [{"title": f"On another topic {n}", "abstract": f"Something else {n}. " * 60} for n in range(300)]
    more.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    limits = [300_000, 700_000, 1_200_000]
    for limit in limits:
        done = subprocess.run([sys.executable, "-c", FILL, str(made), str(more), str(limit)], capture_output=True, text=True, timeout=120)
        assert done.returncode == 2, (limit, done.stdout, done.stderr[-1500:])
        assert "cannot be" in done.stdout and "Traceback" not in done.stderr
        with sqlite3.connect(made / "ledger.sqlite3") as db:
            assert db.execute("SELECT count(*) FROM entries WHERE title LIKE 'On topic%'").fetchone() == (COUNT,)
        db.close()
    with Store(made, embedder=HashEmbedder()) as store:
        assert ingest(store, [more]).entries == COUNT + 300
        assert examine(store) == []


def test_a_second_writer_is_told_then_refused(made: Path, papers: Path) -> None:
    said: list[str] = []
    with Store(made, embedder=HashEmbedder()) as one:
        two = Store(made, StoreSettings(lock_timeout=0.2), embedder=HashEmbedder(), notify=said.append)
        with one.writing(), pytest.raises(StoreBusyError, match=str(os.getpid())):
            ingest(two, [papers])
        assert len(said) == 1 and "Waiting for another process" in said[0]
        two.close()
        patient = Store(made, StoreSettings(lock_timeout=20), embedder=HashEmbedder(), notify=said.append)
        with one.writing():
            thread = threading.Thread(target=lambda: ingest(patient, [papers]))
            thread.start()
            time.sleep(0.3)
            assert thread.is_alive()
        thread.join(timeout=20)
        assert not thread.is_alive() and len(said) == 2
        patient.close()


def test_what_is_not_embedded_yet_is_found_by_its_words(tmp_path: Path, papers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(tmp_path / "s", create=True, embedder=HashEmbedder()) as store:
        with monkeypatch.context() as patch:
            patch.setattr("store.ingest.index_pending", lambda store, progress=None, send=False: index_lexical(store))
            ingest(store, [papers])
        assert store.vectors.count() == 0 and store.lexical.count() == COUNT
        found = retrieve(store, store.embedder.embed_query("On topic number 7"), {"topic": 1.0, "7": 3.0})
        assert store.resolve("On topic number 7").id == found[0].id
        assert {f.part for f in examine(store)} == {"waiting"}
        ingest(store, [papers])
        assert examine(store) == []


class Failing(HashEmbedder):
    """Embeds so many chunks, then fails."""

    def __init__(self, name: str, left: int) -> None:
        super().__init__(name, 32)
        self.left = left
        self.done = 0

    def embed_chunks(self, chunks: Sequence[Chunk]) -> Iterator[ChunkEmbedding]:
        for made in super().embed_chunks(chunks):
            if self.done >= self.left:
                raise EmbedderError("The embedder is away.", "Try again.")
            self.done += 1
            yield made


def test_another_embedder_takes_over_only_when_it_is_whole(made: Path, papers: Path) -> None:
    with Store(made, StoreSettings(batch=8), embedder=HashEmbedder()) as store:
        old = store.vector_path
        with pytest.raises(EmbedderError):
            reembed(store, Failing("other", 20))
        # The old vectors answer still, and what was embedded is kept.
        assert store.ledger.meta("embedder") == "hash" and store.vectors.count() == COUNT
        assert retrieve(store, store.embedder.embed_query("topic 7"), {"topic": 1.0})
        assert [f.part for f in examine(store)] == ["embedder"]
        rows = (
            papers.read_text(encoding="utf-8").replace("Method 9 works", "Method nine works")
            + json.dumps({"title": "New", "abstract": "It is new."})
            + "\n"
        )
        papers.write_text(rows, encoding="utf-8")
        assert ingest(store, [papers]).added == 1
        again = Failing("other", 1000)
        assert reembed(store, again) == COUNT + 1 - 15 and again.done == COUNT + 1 - 15
        assert store.ledger.meta("embedder") == "other" and store.vectors.count() == COUNT + 1
        assert len(store.ledger.vectors([store.resolve("New").id])[0].vector) == 32
        assert not old.exists() and examine(store) == []
    with Store(made, embedder=HashEmbedder()) as wrong, pytest.raises(EmbedderError, match="made with the embedder other"):
        wrong.embedder.embed_query("x")


def test_what_is_refused_does_not_keep_the_rest_from_being_mended(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.doctor.load_embedder", lambda settings: HashEmbedder("other"))
    with Store(made, StoreSettings(batch=8), embedder=HashEmbedder()) as store:
        with pytest.raises(EmbedderError):
            reembed(store, Failing("other", 20))
        shutil.rmtree(store.lexical_path)
        found = examine(store)
        assert {f.part for f in found} == {"embedder", "lexical"}
        repair(store, found, approve=lambda cost: False)
        assert {f.part for f in examine(store)} == {"embedder"} and store.ledger.meta("embedder") == "hash"


def test_changing_the_embedder_says_what_it_costs_and_may_be_declined(made: Path) -> None:
    costs: list[str] = []

    def decline(cost: object) -> bool:
        costs.append(str(cost))
        return False

    paid = HashEmbedder("paid")
    paid.place, paid.price = "https://api.example.org/v1", 0.5  # type: ignore[misc]
    with Store(made, embedder=HashEmbedder()) as store:
        with pytest.raises(StoreError, match="Nothing was embedded"):
            reembed(store, HashEmbedder("other"), approve=decline)
        with pytest.raises(StoreError, match="Nothing was embedded"):
            reembed(store, paid, approve=decline)
        assert store.ledger.meta("next_embedder") is None and examine(store) == []
    assert "40 entries" in costs[0] and "on this machine" in costs[0]
    assert "sent to https://api.example.org/v1, about $" in costs[1]
