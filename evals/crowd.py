"""Writers and readers on one store at once, each a process of its own: nothing may fail, and what is written is soon seen.

    python -m evals.crowd [--seconds 180] [--writers 2] [--readers 4]

A writer ingests one small file after another and notes when each is done; a reader, which keeps its store open all the
while, searches for every paper that is noted until it finds it. At the end the store is examined.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from store.doctor import examine
from store.ingest import ingest
from store.settings import StoreSettings
from store.store import Store

_PAPERS = 3
# Between a file and the next; without it six processes measure how two cores are shared.
_PAUSE = 1.0


def write_here(folder: Path, number: str, seconds: str) -> None:
    """Ingest files until the time is up, noting titles and when they were committed (run in a process of its own)."""
    while not (folder / "go").exists():
        time.sleep(0.01)
    noted = (folder / f"written-{number}").open("a", encoding="utf-8", buffering=1)
    errors: list[str] = []
    end, count = time.monotonic() + float(seconds), 0
    with Store(folder / "store", StoreSettings(lock_timeout=60), create=True) as store:
        while time.monotonic() < end:
            titles = [f"Writer {number} on subject {count + n} of its own" for n in range(_PAPERS)]
            file = folder / f"writer-{number}-{count}.jsonl"
            rows = [{"title": title, "abstract": f"{title} is looked at here. It is a fine subject, as others are."} for title in titles]
            file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            try:
                report = ingest(store, [file])
                if report.added != _PAPERS:
                    errors.append(f"{file.name}: {report.added} added")
            except Exception as error:
                errors.append(f"{file.name}: {type(error).__name__}: {error}")
                continue
            now = time.time()
            for title in titles:
                noted.write(json.dumps([title, now]) + "\n")
            count += _PAPERS
            time.sleep(_PAUSE)
    (folder / f"writer-{number}.json").write_text(json.dumps({"count": count, "errors": errors}), encoding="utf-8")


def read_here(folder: Path, number: str, seconds: str) -> None:
    """Search for what is noted until all of it was found (run in a process of its own)."""
    from store.lexical import terms
    from store.retrieve import retrieve

    store = Store(folder / "store")

    def titles(text: str) -> list[str | None]:
        """Titles that both indexes give; a whole search would measure how fast sentences are scored."""
        found = retrieve(store, store.embedder.embed_query(text), dict(Counter(terms(text))), pool=10)[:10]
        return [entry.title for entry in store.ledger.entries([candidate.id for candidate in found]).values()]

    titles("the first subject")
    (folder / f"ready-{number}").touch()
    end = time.monotonic() + float(seconds) + 60
    stop, errors, delays, seen = False, list[str](), list[float](), set[str]()
    while time.monotonic() < end:
        stop = (folder / "stop").exists()
        noted = [
            json.loads(line)
            for path in folder.glob("written-*")
            for line in path.read_text(encoding="utf-8").splitlines()
            if line.endswith("]")
        ]
        new = [(title, at) for title, at in noted if title not in seen]
        if not new:
            if stop:
                break
            time.sleep(0.05)
            continue
        for title, at in new:
            try:
                found = titles(title)
            except Exception as error:
                errors.append(f"{title}: {type(error).__name__}: {error}")
                seen.add(title)
                continue
            if title in found:
                seen.add(title)
                delays.append(time.time() - at)
            elif time.time() - at > 10:
                errors.append(f"{title}: not found {time.time() - at:.1f} s after it was committed")
                seen.add(title)
    data = {"seen": len(seen), "errors": errors, "delays": delays}
    (folder / f"reader-{number}.json").write_text(json.dumps(data), encoding="utf-8")


def _start(function: str, folder: Path, number: int, seconds: float) -> subprocess.Popen[bytes]:
    code = f"import sys; from pathlib import Path; from evals import crowd; crowd.{function}(Path(sys.argv[1]), *sys.argv[2:])"
    return subprocess.Popen([sys.executable, "-c", code, str(folder), str(number), str(seconds)])


def run(seconds: float, writers: int, readers: int) -> list[str]:
    """Let them work for so long and print the figures.

    Returns:
        Everything that went wrong.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        first = folder / "first.jsonl"
        first.write_text(json.dumps({"title": "The first subject", "abstract": "It was here before the others."}) + "\n", encoding="utf-8")
        with Store(folder / "store", create=True) as store:
            ingest(store, [first])
        writing = [_start("write_here", folder, n, seconds) for n in range(writers)]
        reading = [_start("read_here", folder, n, seconds) for n in range(readers)]
        while len(list(folder.glob("ready-*"))) < readers:
            time.sleep(0.05)
        (folder / "go").touch()
        codes = [process.wait() for process in writing]
        (folder / "stop").touch()
        codes += [process.wait() for process in reading]
        wrong = [f"a process ended with {code}" for code in codes if code]
        written = [json.loads((folder / f"writer-{n}.json").read_text()) for n in range(writers)]
        read = [json.loads((folder / f"reader-{n}.json").read_text()) for n in range(readers)]
        wrong += [error for one in (*written, *read) for error in one["errors"]]
        count = sum(one["count"] for one in written)
        wrong += [f"a reader saw {one['seen']} of {count}" for one in read if one["seen"] != count]
        delays = sorted(delay for one in read for delay in one["delays"])
        with Store(folder / "store") as store:
            wrong += [f"{finding.part}: {finding.text}" for finding in examine(store)]
            held = store.ledger.counts()["entries"]
        wrong += [f"the store holds {held} of {count}"] if held != count + 1 else []
        print(
            f"{writers} writers, {readers} readers, {seconds:g} s: {count} entries written, each seen by every reader; seen after p50 "
            f"{statistics.median(delays):.2f} s, p95 {delays[int(0.95 * len(delays))]:.2f} s, at most {delays[-1]:.2f} s; {len(wrong)} errors"
        )
        return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description="Write and read one store at once.")
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--writers", type=int, default=2)
    parser.add_argument("--readers", type=int, default=4)
    args = parser.parse_args()
    wrong = run(args.seconds, args.writers, args.readers)
    for error in wrong[:20]:
        print(f"  {error}")
    if wrong:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
