"""Conditions, logic, spelling, records, definitions and debates, over two libraries of 150 abstracts with made-up authors.

    python -m evals.library --eval ../shared/eval --hand g [--store DIR] [--no-reader] [--verbose]

``evals/data/library_g.jsonl`` and ``library_h.jsonl`` name abstracts of ml_corpus and give them authors; ``library_questions_*.jsonl`` are 80 questions on
each, by two helpers who knew nothing of the program, with every paper that belongs. Hand g may be looked at; of hand h only totals were seen.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assistant.core import Assistant
from assistant.settings import Settings
from assistant.types import Answer
from evals.cases import read_rows
from evals.figures import half_covered, shown
from evals.training.prepare import ml_documents
from store.sentences import split_sentences

DATA = Path(__file__).resolve().parent / "data"
_NEAR = 1


def write_library(folder: Path, hand: str, target: Path) -> None:
    """Write a library as JSON Lines that can be ingested.

    Args:
        folder: the labelled sets, for ml_corpus.
        hand: ``g`` or ``h``.
        target: the file to write.
    """
    texts = ml_documents(folder)
    with target.open("w", encoding="utf-8") as file:
        for _, row in read_rows(DATA / f"library_{hand}.jsonl"):
            title, abstract = texts[row["id"]]
            file.write(json.dumps({**row, "title": title, "abstract": abstract}, ensure_ascii=False) + "\n")


def f1(found: Sequence[str], relevant: set[str], borderline: set[str]) -> float:
    """F measure of a set; borderline papers count neither way."""
    counted = [id for id in found if id not in borderline]
    hits = sum(id in relevant for id in counted)
    return 2 * hits / (len(counted) + len(relevant)) if counted or relevant else 1.0


def measure(assistant: Assistant, row: Mapping[str, Any], names: Mapping[str, str]) -> tuple[dict[str, float], Answer]:
    """Ask one question and judge the answer."""
    answer = assistant.ask(row["question"])
    kind = row["kind"]
    cited = [names.get(id, id) for id in dict.fromkeys(c.id for c in answer.citations)]
    relevant, borderline = set(row["gold"]), set(row.get("maybe", ()))
    score = f1(cited, relevant, borderline)
    found: dict[str, float] = {}
    if kind == "negation":
        found["negation: F1"] = score
        wrong = set(row.get("not", ()))
        found["negation: share of what is shown that is excluded"] = sum(id in wrong for id in cited) / len(cited) if cited else 0.0
    elif kind in ("or", "and"):
        found["or and and: F1"] = score
        found[f"{kind}: F1"] = score
    elif kind == "count":
        number = next((int(word) for word in answer.headline.replace(",", "").split() if word.isdigit()), 0)
        found["count: within one"] = float(abs(number - len(relevant)) <= _NEAR)
        found["count: within one, or said to be about"] = float(abs(number - len(relevant)) <= _NEAR or "bout" in answer.headline)
        found["count: F1"] = score
    elif kind == "constraint":
        found["constraint: F1"] = score
        found["constraint: exactly right"] = float(set(cited) - borderline == relevant)
    elif kind == "metadata":
        found["record: right"] = float(
            all(part.strip().casefold() in answer.text.casefold() for part in str(row.get("answer", "")).split(","))
        )
    elif kind == "twosided":
        found["two-sided: both sides cited"] = float(all(set(side) & set(cited) for side in row["sides"]))
    elif kind == "definition":
        found["definition: first"] = _defines_first(assistant, row, answer, names)
    elif kind == "typo":
        clean = assistant.ask(row["clean"])
        of_clean = f1([names.get(id, id) for id in dict.fromkeys(c.id for c in clean.citations)], relevant, borderline)
        found |= {"typo: F1": score, "typo: F1 of the clean question": of_clean}
    return found, answer


def _defines_first(assistant: Assistant, row: Mapping[str, Any], answer: Answer, names: Mapping[str, str]) -> float:
    """Whether the first quote covers a sentence that defines."""
    if not answer.citations:
        return 0.0
    first = answer.citations[0]
    numbers = row["evidence"].get(names.get(first.id, first.id), ())
    abstract = assistant.entry(first.id).abstract
    spans = split_sentences(abstract)
    return float(any(half_covered(first.quote, [abstract[spans[n - 1].start : spans[n - 1].end]]) for n in numbers if 0 < n <= len(spans)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eval", type=Path, required=True, help="the folder of labelled sets")
    parser.add_argument("--hand", choices=["g", "h"], required=True)
    parser.add_argument("--store", type=Path, help="keep the store here, or use the one that is here")
    parser.add_argument("--no-reader", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="print every question")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        store = args.store or Path(work) / "store"
        if not store.exists():
            from store.ingest import ingest
            from store.store import Store

            write_library(args.eval, args.hand, Path(work) / f"library_{args.hand}.jsonl")
            with Store(store, create=True) as opened:
                ingest(opened, [Path(work) / f"library_{args.hand}.jsonl"])
        assistant = Assistant(store, options=Settings(reader=not args.no_reader))
        texts = ml_documents(args.eval)
        by_title = {texts[row["id"]][0]: row["id"] for _, row in read_rows(DATA / f"library_{args.hand}.jsonl")}
        names = {entry.id: by_title[entry.title or ""] for entry in assistant.store.ledger.entries().values()}
        figures: dict[str, list[float]] = {}
        for _, row in read_rows(DATA / f"library_questions_{args.hand}.jsonl"):
            found, answer = measure(assistant, row, names)
            for name, value in found.items():
                figures.setdefault(name, []).append(value)
            if args.verbose:
                print(
                    {n: round(v, 2) for n, v in found.items()},
                    row["question"],
                    "|",
                    answer.kind,
                    answer.constraints,
                    answer.headline[:100],
                    "|",
                    *answer.notes,
                )
        for name, values in sorted(figures.items()):
            print(f"{name}: {shown(values)}")


if __name__ == "__main__":
    main()
