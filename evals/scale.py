"""How a store grows: ingest, disk, memory and answers at several sizes of one corpus, as a table and a plot.

    python -m evals.scale --corpus corpus.jsonl.gz --questions queries.jsonl --work FOLDER [--sizes 485 10000 100000]

For each size the first so many lines of the corpus are ingested in a process of their own, timed, its peak memory taken,
its guesses of the remaining time noted. With ``--kill`` that process gets SIGKILL after so many seconds and another goes on.
Before it, an ingest of the same file is begun, asked until it finds something, and thrown away. Then, in processes of their
own: cold questions, warm ones, filtered searches, the recall of the vector index against exact search, and doctor. A store
that is there already, whole, is only measured.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evals.timing import timed
from store.store import Store

_ASK = "from assistant.faces.entry import ask_main; ask_main()"
_WARM = 100
_CUT = 100


def ingest_here(store: Path, file: Path, notes: Path) -> None:
    """Ingest a file, noting what is said of the remaining time (run in a process of its own)."""
    from assistant.faces.progress import Pace
    from store.ingest import ingest

    began = time.monotonic()
    paces: dict[str, Pace] = {}
    said: list[tuple[str, float, int, int, float | None]] = []

    def progress(stage: str, done: int, total: int) -> None:
        pace = paces.setdefault(stage, Pace(total))
        pace.total = total
        now = time.monotonic()
        if said and said[-1][0] == stage and now - began - said[-1][1] < 0.5 and done != total:
            return
        pace.note(now, done)
        said.append((stage, now - began, done, total, pace.remaining))

    with Store(store, create=True) as opened:
        report = ingest(opened, [file], progress=progress)
    whole = time.monotonic() - began
    notes.write_text(json.dumps({"seconds": whole, "entries": report.entries, "said": said}), encoding="utf-8")


def first_found(store: Path, notes: Path) -> None:
    """Search until something is found (run in a process of its own, beside an ingest)."""
    from assistant.core import Assistant
    from store.errors import UserError

    while True:
        with contextlib.suppress(UserError):
            assistant = Assistant(store)
            found = assistant.search("neural network training")
            assistant.close()
            if found:
                break
        time.sleep(0.5)
    notes.write_text("{}")


def measure_here(store: Path, questions: Path, notes: Path) -> None:
    """Warm figures of a store (run in a process of its own)."""
    import resource

    import numpy as np

    from assistant.core import Assistant
    from store.types import Filters

    asked = _questions(questions)[:_WARM]
    assistant = Assistant(store)
    for text in asked[:3]:
        assistant.ask(text)
    answers = _times(lambda text: assistant.ask(text), asked)
    searches = _times(lambda text: assistant.search(text), asked)
    kinds = (
        Filters(years=(2019, 2020)),
        Filters(years=(2023, None)),
        Filters(venue="acl"),
        Filters(venue="cvpr"),
        Filters(venue="i", years=(2010, None)),
    )
    again = _times(lambda text: assistant.search(text, filters=kinds[len(text) % len(kinds)]), asked)
    places = {text: at for at, text in enumerate(asked)}

    def anew(text: str) -> Filters:
        """A filter like one of these that no question before had."""
        kind, shift = kinds[places[text] % len(kinds)], places[text] // len(kinds)
        return replace(kind, years=((kind.years or (None, None))[0] or 1980, 2030 + shift))

    first = _times(lambda text: assistant.search(text, filters=anew(text)), asked)
    ledger = assistant.store.ledger
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    owners: list[str] = []
    rows = []
    for id, vector in ledger.entry_vectors():
        owners.append(id)
        rows.append(vector)
    matrix = np.array(rows)
    shares = []
    for text in asked:
        vector = assistant.store.embedder.embed_query(text)
        best = {owners[at] for at in np.argsort(-(matrix @ vector), kind="stable")[:_CUT]}
        shares.append(len(best & {id for id, _ in assistant.store.vectors.query(vector, _CUT)}) / len(best))
    embedder, texts = assistant.store.embedder, [f"{e.title or ''}\n{e.abstract}" for e in ledger.sample_entries(200)]
    embedder.embed_query(texts[0])
    began = time.perf_counter()
    for text in texts:
        embedder.embed_query(text)
    bare = len(texts) / (time.perf_counter() - began)
    notes.write_text(
        json.dumps(
            {
                "ask": answers,
                "search": searches,
                "filtered": again,
                "filtered first": first,
                "memory": memory,
                "recall": statistics.mean(shares),
                "bare": bare,
            }
        ),
        encoding="utf-8",
    )


def _times(call: Any, texts: Sequence[str]) -> list[float]:
    times = []
    for text in texts:
        began = time.perf_counter()
        call(text)
        times.append(1000 * (time.perf_counter() - began))
    return sorted(times)


def _questions(path: Path) -> list[str]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [text for row in rows if (text := row.get("question") or row.get("query") or row.get("text"))]


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one size; times in seconds, memory and disk in MB, answers in milliseconds."""

    entries: int
    ingest: float
    rate: float
    bare: float
    ingest_memory: float
    found_after: float
    guesses: str
    disk: float
    cold: float
    cold_memory: float
    warm_memory: float
    ask_p50: float
    ask_p95: float
    search_p95: float
    filtered_p95: float
    first_p95: float
    recall: float
    doctor: float


def measure(corpus: Path, questions: Path, work: Path, size: int, runs: int, kill: float | None = None) -> Row:
    """Make, or find, the store of one size and take its figures."""
    work.mkdir(parents=True, exist_ok=True)
    store, lines, notes = work / f"store-{size}", work / f"first-{size}.jsonl", work / f"ingest-{size}.json"
    if not notes.exists():
        with gzip.open(corpus, "rt", encoding="utf-8") as whole, lines.open("w", encoding="utf-8") as part:
            part.writelines(itertools.islice(whole, size))
        found = _first_found(work / f"begun-{size}", lines)
        before = _killed(store, lines, notes, kill) if kill else None
        _, memory = timed(_code("ingest_here"), str(store), str(lines), str(notes))
        data = json.loads(notes.read_text()) | {"memory": memory, "found": found, "before": before}
        notes.write_text(json.dumps(data))
    made = json.loads(notes.read_text())
    warm = work / f"warm-{size}.json"
    timed(_code("measure_here"), str(store), str(questions), str(warm))
    figures = json.loads(warm.read_text())
    colds = [timed(_ASK, "what papers study grokking?", "--store", str(store)) for _ in range(runs + 1)][1:]
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", "from assistant.faces.entry import main; main()", "doctor", "--store", str(store)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    doctor = time.perf_counter() - began
    disk = sum(p.stat().st_size for p in store.rglob("*") if p.is_file()) / 1e6
    embedding = [said for said in made["said"] if said[0] == "embedding"]
    spent = made["seconds"] + (made["before"]["seconds"] if made.get("before") else 0.0)
    if made.get("before"):
        print(f"{size}: killed {made['before']}, then whole after {made['seconds']:.0f} s", file=sys.stderr)
    return Row(
        entries=made["entries"],
        ingest=spent,
        rate=made["entries"] / spent,
        bare=figures["bare"],
        ingest_memory=made["memory"],
        found_after=made["found"],
        guesses=_guesses(embedding),
        disk=disk,
        cold=statistics.median(seconds for seconds, _ in colds),
        cold_memory=max(memory for _, memory in colds),
        warm_memory=figures["memory"],
        ask_p50=_percentile(figures["ask"], 0.5),
        ask_p95=_percentile(figures["ask"], 0.95),
        search_p95=_percentile(figures["search"], 0.95),
        filtered_p95=_percentile(figures["filtered"], 0.95),
        first_p95=_percentile(figures["filtered first"], 0.95),
        recall=figures["recall"],
        doctor=doctor,
    )


def _guesses(said: Sequence[Sequence[Any]]) -> str:
    """Said over true remaining time, at a tenth, a quarter, half and three quarters of the embedding."""
    end = said[-1][1] if said else 0.0
    shares = []
    for part in (0.1, 0.25, 0.5, 0.75):
        at = next((one for one in said if one[2] >= part * one[3] and one[4] is not None), None)
        if at and end - at[1] > 1:
            shares.append(f"{at[4] / (end - at[1]):.2f}")
    return " ".join(shares) or "-"


def _percentile(ranked: Sequence[float], part: float) -> float:
    return ranked[min(len(ranked) - 1, int(part * len(ranked)))]


def _code(function: str) -> str:
    return f"import sys; from pathlib import Path; from evals import scale; scale.{function}(*map(Path, sys.argv[1:]))"


def _ingesting(store: Path, lines: Path, notes: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _code("ingest_here"), *map(str, (store, lines, notes))])


def _first_found(store: Path, lines: Path) -> float:
    """Seconds from the start of an ingest until a search beside it finds something."""
    shutil.rmtree(store, ignore_errors=True)
    began, found = time.monotonic(), store.with_suffix(".json")
    with _ingesting(store, lines, store.with_suffix(".notes")) as begun:
        try:
            subprocess.run([sys.executable, "-c", _code("first_found"), str(store), str(found)], check=True, timeout=600)
            seconds = time.monotonic() - began
        finally:
            begun.kill()
    shutil.rmtree(store)
    return seconds


def _killed(store: Path, lines: Path, notes: Path, after: float) -> dict[str, float]:
    """Kill an ingest after so many seconds; how far it came."""
    with _ingesting(store, lines, notes) as begun:
        time.sleep(after)
        if begun.poll() is not None:
            raise SystemExit(f"the ingest was over before it could be killed, after {after:g} s")
        begun.kill()
    with Store(store) as opened:
        counts = opened.ledger.counts()
        return {"seconds": after, "entries": counts["entries"], "embedded": len(opened.ledger.indexed_ids("chunk"))}


def table(rows: Sequence[Row]) -> str:
    """The figures as Markdown."""
    lines: list[tuple[str, Callable[[Row], str]]] = [
        ("entries", lambda r: f"{r.entries:,}"),
        ("ingest", lambda r: f"{r.ingest:,.0f} s"),
        ("entries a second (the bare model)", lambda r: f"{r.rate:.1f} ({r.bare:.1f})"),
        ("ratio to the bare model", lambda r: f"{r.rate / r.bare:.2f}"),
        ("peak memory of ingest", lambda r: f"{r.ingest_memory:,.0f} MB"),
        ("first search finds something after", lambda r: f"{r.found_after:.0f} s"),
        ("remaining time said / true, at 10, 25, 50, 75%", lambda r: r.guesses),
        ("disk", lambda r: f"{r.disk:,.0f} MB"),
        ("cold ask (peak memory)", lambda r: f"{r.cold:.2f} s ({r.cold_memory:,.0f} MB)"),
        ("warm ask p50 / p95", lambda r: f"{r.ask_p50:.0f} / {r.ask_p95:.0f} ms"),
        ("search p95", lambda r: f"{r.search_p95:.0f} ms"),
        ("filtered search p95 (with a filter not asked for before)", lambda r: f"{r.filtered_p95:.0f} ms ({r.first_p95:.0f} ms)"),
        ("memory of a warm process", lambda r: f"{r.warm_memory:,.0f} MB"),
        (f"recall@{_CUT} of the vector index", lambda r: f"{r.recall:.3f}"),
        ("doctor", lambda r: f"{r.doctor:.1f} s"),
    ]
    head, *rest = ([name, *(show(row) for row in rows)] for name, show in lines)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rest)) + "\n"


def plot(rows: Sequence[Row]) -> str:
    """How each grows, as an SVG: each figure over its own value at the smallest size, both axes logarithmic."""
    import math

    shown = {
        "ingest": [r.ingest for r in rows],
        "disk": [r.disk for r in rows],
        "ingest memory": [r.ingest_memory for r in rows],
        "cold ask": [r.cold for r in rows],
        "ask p95": [r.ask_p95 for r in rows],
        "filtered search p95": [r.filtered_p95 for r in rows],
        "doctor": [r.doctor for r in rows],
    }
    colours = ("#1b6ca8", "#c0392b", "#1e8449", "#8e44ad", "#b9770e", "#117a65", "#5d6d7e")
    width, height, left, right, top, bottom = 720, 420, 60, 190, 20, 46
    most = max(math.log10(max(v[-1] / v[0], 1.01)) for v in shown.values())
    least, span = math.log10(rows[0].entries), math.log10(rows[-1].entries / rows[0].entries) or 1.0

    def x(entries: int) -> float:
        return left + (math.log10(entries) - least) / span * (width - left - right)

    def y(share: float) -> float:
        return height - bottom - max(0.0, math.log10(share)) / most * (height - top - bottom)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for power in range(int(most) + 1):
        at = y(10**power)
        parts.append(
            f'<path d="M{left} {at:.1f}H{width - right}" stroke="#ddd"/><text x="{left - 8}" y="{at + 4:.1f}" text-anchor="end">x{10**power:,}</text>'
        )
    for row in rows:
        parts.append(f'<text x="{x(row.entries):.1f}" y="{height - bottom + 18}" text-anchor="middle">{row.entries:,}</text>')
    parts.append(f'<text x="{(left + width - right) / 2}" y="{height - 8}" text-anchor="middle">entries</text>')
    labels = sorted(((y(v[-1] / v[0]), name) for name, v in shown.items()), reverse=True)
    places: dict[str, float] = {}
    above = height - bottom + 16.0
    for at, name in labels:
        above = min(at + 4, above - 15)
        places[name] = above
    for (name, values), colour in zip(shown.items(), colours, strict=True):
        points = " ".join(f"{x(r.entries):.1f},{y(v / values[0]):.1f}" for r, v in zip(rows, values, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        grown = values[-1] / values[0]
        parts.append(
            f'<text x="{width - right + 10}" y="{places[name]:.1f}" fill="{colour}">{name} x{grown:,.{0 if grown >= 10 else 1}f}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a store at several sizes.")
    parser.add_argument("--corpus", type=Path, required=True, help="JSON Lines, compressed")
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder for stores and figures")
    parser.add_argument("--sizes", type=int, nargs="+", default=[485, 10_000, 100_000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--kill", type=float, help="seconds after which the ingest of the largest size is killed, once")
    args = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    largest = max(args.sizes)
    rows = [measure(args.corpus, args.questions, args.work, size, args.runs, args.kill if size == largest else None) for size in args.sizes]
    print(table(rows))
    if args.plot:
        args.plot.write_text(plot(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
