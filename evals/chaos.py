"""Kill a writer again and again, and see what is left: nothing may be lost or doubled, and doctor must mend every store.

    python -m evals.chaos --kills 300 [--seed 1]

Each round takes a store through an ingest of edited files, a prune, a repair of a damaged index, or an embedding anew, in a
process that gets SIGKILL at a random moment. What is left is checked against what the files say; the same is run again
to its end and checked again, entry by entry, in both indexes. Processes are forked, so that they start at once.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from store.doctor import examine, repair
from store.fakes import HashEmbedder
from store.ingest import ingest
from store.reembed import reembed
from store.settings import StoreSettings
from store.store import Store

_PAPERS = 240
_SETTINGS = StoreSettings(batch=16, lock_timeout=30)
Papers = Mapping[str, str]


def _opened(path: Path, embedder: str) -> Store:
    return Store(path, _SETTINGS, create=True, embedder=HashEmbedder(embedder))


def _write(path: Path, papers: Papers) -> None:
    part = path.with_suffix(".part")
    part.write_text("".join(json.dumps({"title": title, "abstract": text}) + "\n" for title, text in papers.items()), encoding="utf-8")
    part.replace(path)


def _edited(papers: Papers, chance: random.Random) -> dict[str, str]:
    """A file a week later: some papers gone, some edited, some new, some moved."""
    kept = [
        (t, text if chance.random() > 0.2 else f"{text} Edited {chance.random():.6f}.")
        for t, text in papers.items()
        if chance.random() > 0.1
    ]
    new = [_paper(chance.getrandbits(40)) for _ in range(_PAPERS - len(kept))]
    if chance.random() < 0.3:
        chance.shuffle(kept)
    at = chance.randrange(len(kept) + 1)
    return dict([*kept[:at], *new, *kept[at:]])


def _paper(number: int) -> tuple[str, str]:
    return (
        f"A study of subject {number}",
        f"We look at subject {number} closely. It has {number % 97} sides and {number % 13} corners. All is well.",
    )


def _damage(path: Path, chance: random.Random) -> None:
    """Delete, truncate or overwrite a file, or a folder, of an index."""
    folders = [p for p in path.iterdir() if p.is_dir() and p.name.startswith(("chroma", "tantivy"))]
    files = [p for folder in folders for p in folder.rglob("*") if p.is_file() and not p.name.endswith("lock")]
    kind = chance.choice(("folder", "delete", "truncate", "overwrite"))
    if kind == "folder" or not files:
        shutil.rmtree(chance.choice(folders))
        return
    file = chance.choice(files)
    if kind == "delete":
        file.unlink()
        return
    data = bytearray(file.read_bytes())
    if kind == "truncate":
        del data[chance.randrange(len(data) + 1) :]
    for _ in range(64 if data and kind == "overwrite" else 0):
        data[chance.randrange(len(data))] = chance.randrange(256)
    file.write_bytes(data)


def _forked(work: Callable[[], None]) -> int:
    """Run something in a process of its own; its number."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _ended(child: int) -> int:
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def check(path: Path, embedder: str, papers: Papers, *, whole: bool) -> None:
    """Compare a store with what its file says.

    Args:
        papers: title to abstract, as they must be.
        whole: nothing else may be there, and both indexes must hold all of it; else no more than nothing lost.
    """
    with _opened(path, embedder) as store:
        held = [(entry.title, entry.abstract) for entry in store.ledger.entries().values()]
        assert len({title for title, _ in held}) == len(held), "an entry is there twice"
        if not whole:
            missing = set(papers) - {title for title, _ in held}
            assert not missing, f"{len(missing)} entries are lost"
            return
        assert dict(held) == dict(papers), "the entries are not those of the file"
        findings = examine(store)
        assert not findings, findings
        assert store.vectors.count() == store.lexical.count() == len(papers), "an index holds more or less"


def run(kills: int, seed: int) -> dict[str, int]:
    """Kill so often.

    Returns:
        Rounds by what was killed, and how many of them ended in the work, not before or after it.
    """
    chance = random.Random(seed)
    counts: dict[str, int] = {"killed in the work": 0}
    took = dict.fromkeys(("ingest", "prune", "repair", "reembed"), 1.0)
    with tempfile.TemporaryDirectory() as scratch:
        store, file = Path(scratch) / "store", Path(scratch) / "papers.jsonl"
        papers: dict[str, str] = dict(_paper(n) for n in range(_PAPERS))
        held, embedder = dict(papers), "hash"
        _write(file, papers)
        for number in range(kills):
            kind = "ingest" if number == 0 else chance.choice(list(took))
            before, old = dict(held), embedder
            if kind in ("ingest", "prune"):
                papers = _edited(papers, chance) if number else papers
                _write(file, papers)
                held = dict(papers) if kind == "prune" else {**held, **papers}
            elif kind == "reembed":
                embedder = f"hash-{number}"
            else:
                _damage(store, chance)

            def work(kind: str = kind, old: str = old, new: str = embedder) -> None:
                with _opened(store, old) as opened:
                    if kind in ("ingest", "prune"):
                        ingest(opened, [file], prune=kind == "prune")
                    elif kind == "repair":
                        repair(opened, examine(opened))
                    elif opened.ledger.meta("embedder") != new:
                        reembed(opened, HashEmbedder(new))

            child = _forked(work)
            time.sleep(chance.uniform(0, took[kind] * 1.1))
            os.kill(child, signal.SIGKILL)
            killed = _ended(child) == -signal.SIGKILL
            counts["killed in the work"] += killed
            counts[kind] = counts.get(kind, 0) + 1
            after = embedder if _made_with(store) == embedder else old
            # Papers that both the file before and the file after have must be there whatever happened.
            safe = {title: text for title, text in before.items() if title in held} if number else {}
            assert _ended(_forked(partial(check, store, after, safe, whole=False))) == 0, (number, kind)
            began = time.monotonic()

            def again(kind: str = kind, after: str = after, new: str = embedder) -> None:
                with _opened(store, after) as opened:
                    if kind == "repair":
                        repair(opened, examine(opened))
                    elif kind == "reembed":
                        if after != new:
                            reembed(opened, HashEmbedder(new))
                    else:
                        ingest(opened, [file], prune=kind == "prune")

            assert _ended(_forked(again)) == 0, (number, kind)
            took[kind] = 0.7 * took[kind] + 0.3 * (time.monotonic() - began)
            assert _ended(_forked(partial(check, store, embedder, held, whole=True))) == 0, (number, kind)
            if (number + 1) % 25 == 0:
                print(f"{number + 1} kills", flush=True)
    return counts


def _made_with(store: Path) -> str | None:
    import sqlite3
    from contextlib import closing

    try:
        with closing(sqlite3.connect(f"file:{store / 'ledger.sqlite3'}?mode=ro", uri=True)) as db:
            row = db.execute("SELECT value FROM meta WHERE key='embedder'").fetchone()
    except sqlite3.Error:
        return None
    return row[0] if row else None


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill writers and check what is left.")
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    # Imported before forking, so that every child is quick; nothing is opened before.
    for name in ("chromadb", "tantivy"):
        importlib.import_module(name)
    counts = run(args.kills, args.seed)
    print(f"{args.kills} kills: nothing lost, nothing doubled, every store mended. {counts}")


if __name__ == "__main__":
    main()
