"""The figures on 120 questions over the development corpus that four helpers wrote without knowing the program.

    python -m evals.new_questions --store STORE [--half read|unread] [--no-reader] [--verbose]

``evals/data/new_questions.jsonl`` names papers by ``file#n`` and evidence by sentence number (0 is the title); half of the questions of each hand and kind were not
looked at before the figures of November 2026 (``docs/results/ranking.md``) had been taken.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assistant.core import Assistant
from assistant.settings import Settings
from assistant.types import Answer
from evals.cases import read_rows
from evals.corpora import resolver
from evals.figures import half_covered, shown
from store.sentences import split_sentences

DATA = Path(__file__).resolve().parent / "data" / "new_questions.jsonl"
Figures = dict[str, list[float]]


def measure(assistant: Assistant, row: Mapping[str, Any], places: Mapping[str, str]) -> tuple[dict[str, float], Answer]:
    """Ask one question and judge the answer."""
    began = time.perf_counter()
    answer = assistant.ask(row["question"])
    kind, seconds = row["kind"], time.perf_counter() - began
    cited = list(dict.fromkeys(c.id for c in answer.citations))
    found = {f"seconds: {kind}": seconds}
    gold = [{places[name] for name in group} for group in row.get("gold", ())]
    abstained = float(answer.status == "abstained")
    if kind in ("which", "count"):
        maybe = {places[name] for group in row.get("maybe", ()) for name in group}
        groups = {next((n for n, group in enumerate(gold) if id in group), id) for id in cited if id not in maybe}
        right = sum(1 for one in groups if isinstance(one, int))
        found |= {"set F1": 2 * right / (len(groups) + len(gold)), "answerable refused": abstained}
        found[f"set F1, {row['words']} words"] = found["set F1"]
    elif kind == "fact":
        ranking = [hit.entry.id for hit in assistant.search(row["question"], 10)]
        quotes = [c.quote for c in answer.citations[:3]]
        found |= {
            "fact, gold first": float(ranking[:1] != [] and ranking[0] in gold[0]),
            "fact, MRR": next((1 / n for n, id in enumerate(ranking, 1) if id in gold[0]), 0.0),
            "fact, evidence in first three": float(any(half_covered(quote, _evidence(assistant, row, places)) for quote in quotes)),
            "answerable refused": abstained,
        }
    elif kind == "compare":
        sides = [{places[name] for group in side for name in group} for side in row["sides"]]
        found |= {"compare, both sides cited": float(all(side & set(cited) for side in sides)), "answerable refused": abstained}
    elif kind == "absent":
        found["absent topic refused"] = abstained
    else:
        found["detail told missing"] = abstained
        found["detail told missing, as not in the abstracts"] = float(answer.reason == "not-in-abstracts")
    return found, answer


def _evidence(assistant: Assistant, row: Mapping[str, Any], places: Mapping[str, str]) -> Sequence[str]:
    texts = []
    for name, numbers in row["evidence"].items():
        entry = assistant.store.resolve(places[name])
        spans = split_sentences(entry.abstract)
        texts += [entry.abstract[spans[n - 1].start : spans[n - 1].end] if n else entry.title or "" for n in numbers]
    return texts


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--half", choices=["read", "unread"])
    parser.add_argument("--no-reader", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="also print each question with what came back; do not, on the unread half")
    args = parser.parse_args()
    assistant = Assistant(args.store, options=Settings(reader=not args.no_reader))
    places = resolver(assistant.store)
    assistant.ask("what papers study grokking?")
    figures: Figures = {}
    for _, row in read_rows(DATA):
        if args.half in (None, row["half"]):
            found, answer = measure(assistant, row, places)
            for name, value in found.items():
                figures.setdefault(name, []).append(value)
            if args.verbose:
                values = ", ".join(f"{name} {value:.2f}" for name, value in found.items() if not name.startswith("seconds"))
                print(
                    f"{row['id']} {answer.mode} {answer.status} {answer.reason or ''} {answer.confidence:.2f}: {values} | {row['question']}"
                )
    for name in sorted(figures):
        if name.startswith("seconds"):
            print(f"{name} p50 {np.percentile(figures[name], 50):.3f}, p95 {np.percentile(figures[name], 95):.3f}")
        else:
            print(f"{name}: {shown(figures[name])}")
    assistant.close()


if __name__ == "__main__":
    main()
