"""How long things take, against the least that the libraries underneath would take; and what the vector index misses.

    python -m evals.timing --store STORE --questions dev.jsonl --files corpus/*.txt [--runs 9]

``cold``: the wall time of a process that answers one question, and of one that imports chromadb, opens the same store and
runs one query, in turn. ``batch``: seconds a question once everything is loaded. ``ingest``: entries a second into a new
store, against a bare loop that embeds the same texts and does nothing else, in turn. ``vector index``: the share of the 100
nearest chunks, by exact search, that it finds for the questions.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from assistant.core import Assistant
from store.chunk import chunk_entry
from store.ingest import ingest
from store.store import Store
from store.vectors import COLLECTION

_ASK = "from assistant.faces.entry import ask_main; ask_main()"
_QUERY = """
import sys, chromadb
from chromadb.config import Settings
client = chromadb.PersistentClient(sys.argv[1], settings=Settings(anonymized_telemetry=False))
client.get_collection(sys.argv[2], embedding_function=None).query(query_embeddings=[[0.05] * 384], n_results=10)
"""


def timed(code: str, *arguments: str) -> tuple[float, float]:
    """Run Python code in a process of its own.

    Returns:
        Wall seconds, and its peak memory in MB.
    """
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"a timed process ended with {process.returncode}")
    return seconds, usage.ru_maxrss / 1024


def cold(path: Path, question: str, runs: int) -> None:
    """Print the cold figures; the first run of each only warms the disk."""
    with Store(path) as store:
        folder = str(store.vector_path)
    ours, theirs = [], []
    for _ in range(runs + 1):
        ours.append(timed(_ASK, question, "--store", str(path)))
        theirs.append(timed(_QUERY, folder, COLLECTION))
    ask, query = (statistics.median(seconds for seconds, _ in times[1:]) for times in (ours, theirs))
    memory = max(megabytes for _, megabytes in ours)
    print(f"cold: ask {ask:.2f} s, chromadb alone {query:.2f} s, ratio {ask / query:.2f} (median of {runs}); peak {memory:.0f} MB")


def batch(path: Path, questions: Sequence[str]) -> None:
    """Print seconds a question, after one that loads everything."""
    assistant = Assistant(path)
    assistant.ask(questions[0])
    times = []
    for question in questions:
        began = time.perf_counter()
        assistant.ask(question)
        times.append(1000 * (time.perf_counter() - began))
    ranked = sorted(times)
    print(
        f"batch: mean {statistics.mean(times):.0f} ms, p50 {ranked[len(ranked) // 2]:.0f}, "
        f"p95 {ranked[int(0.95 * len(ranked))]:.0f} ms over {len(times)} questions"
    )
    assistant.close()


def rates(files: Sequence[Path], runs: int) -> None:
    """Print entries a second of an ingest and of a bare embedding loop."""
    shares = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder, Store(Path(folder), create=True) as store:
            store.embedder.embed_query("warm")
            began = time.perf_counter()
            entries = ingest(store, files).entries
            ours = time.perf_counter() - began
            texts = [
                f"{c.title or ''}\n{c.text}"
                for e in store.ledger.entries().values()
                for c in chunk_entry(e, store.embedder.count, store.embedder.limit)
            ]
            began = time.perf_counter()
            for text in texts:
                store.embedder.embed_query(text)
            bare = time.perf_counter() - began
        shares.append((bare / ours, entries / ours, entries / bare))
    share, rate, least = sorted(shares)[len(shares) // 2]
    print(f"ingest: {rate:.1f} entries/s, bare embedding {least:.1f}/s, {100 * share:.0f}% of its rate (median of {runs})")


def recall(path: Path, questions: Sequence[str], cut: int = 100) -> None:
    """Print the recall of the vector index against exact search."""
    with Store(path) as store:
        rows = list(store.ledger.vectors(list(store.ledger.entries())))
        matrix = np.array([row.vector for row in rows])
        shares = []
        for question in questions:
            vector = store.embedder.embed_query(question)
            best = {rows[at].entry for at in np.argsort(-(matrix @ vector), kind="stable")[:cut]}
            shares.append(len(best & {id for id, _ in store.vectors.query(vector, cut)}) / len(best))
    print(f"vector index: recall@{cut} {statistics.mean(shares):.3f} over {len(shares)} questions, {len(rows)} chunks")


def main() -> None:
    parser = argparse.ArgumentParser(description="Time answers and ingest.")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--questions", type=Path, help="JSON Lines with a question (or claim, or text) each")
    parser.add_argument("--files", type=Path, nargs="*", default=[], help="files for the ingest figure")
    parser.add_argument("--runs", type=int, default=9)
    args = parser.parse_args()
    cold(args.store, "what papers study grokking?", args.runs)
    if args.questions:
        rows = [json.loads(line) for line in args.questions.read_text(encoding="utf-8").splitlines()]
        questions = [text for row in rows if (text := row.get("question") or row.get("claim") or row.get("text"))]
        batch(args.store, questions)
        recall(args.store, questions)
    if args.files:
        rates(args.files, max(1, args.runs // 3))


if __name__ == "__main__":
    main()
