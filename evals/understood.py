"""How questions of hands that nothing was fitted on are understood: kind, conditions, order.

    python -m evals.understood --eval ../shared/eval [--part choose|report] [--verbose]

``report``: hand d and half of hand c of ``evals/data/query_labels.jsonl``, which were not read; ``choose``: the other half of c and hand 3 of query_kinds. A condition is
right where it names the same years, the same names (folded) or the same phrases (by their stems); questions that have none, and in which none was found, are not counted.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assistant.query.constraints import fold, read_constraints
from assistant.query.understanding import query_model, wanted_kind
from evals.cases import read_rows
from evals.figures import shown
from evals.training.query_data import LABELS
from store.lexical import terms

# Kinds that are answered alike.
_ALIKE = {"related": "list", "definition": "fact", "yesno": "fact", "twosided": "fact", "summary": "fact"}


def rows(folder: Path, part: str) -> list[dict[str, Any]]:
    """The questions of a part."""
    own = [row for _, row in read_rows(LABELS)]
    c = [row for row in own if row["hand"] == "c"]
    if part == "choose":
        return [*c[::2], *(row for _, row in read_rows(folder / "query_kinds" / "q3.jsonl"))]
    return [*c[1::2], *(row for row in own if row["hand"] == "d")]


def stems(phrases: Sequence[str]) -> set[str]:
    """Phrases by their stems."""
    return {" ".join(sorted(set(terms(phrase)))) for phrase in phrases} - {""}


def names(text: str | None) -> set[str]:
    """The words of one or more names."""
    return {word for word in fold(text or "") if word not in ("or", "and", "et", "al")}


def measure(row: dict[str, Any]) -> dict[str, float]:
    """What is right of one question."""
    reading = query_model().read(row["q"])
    kind = wanted_kind(reading)
    found = read_constraints(row["q"], reading)
    right = {"kind": float(kind == row["kind"]), "way of answering": float(_ALIKE.get(kind, kind) == _ALIKE.get(row["kind"], row["kind"]))}
    years = row["years"]
    last = int(years.split()[-1]) if isinstance(years, str) and years.split()[-1].isdigit() else None
    span = tuple(years) if isinstance(years, list) else None
    pairs: dict[str, tuple[Any, Any]] = {
        "years": ((span, last), (found.years, found.last)),
        "author": (names(row["author"]), names(" ".join(found.authors))),
        "venue": (names(row["venue"]), names(" ".join(found.venues))),
        "order": (row["sort"] or "none", found.sort),
        "exclude": (stems(row["exclude"]), stems(found.exclude)),
        "any": (stems(row["any"]), stems(found.any_of)),
        "all": (stems(row["all"]), stems(found.all_of)),
    }
    empty = {"years": (None, None), "order": "none"}
    if row["kind"] in ("list", "count", "summary"):
        for name, (wanted, got) in pairs.items():
            if wanted != empty.get(name, set()) or got != empty.get(name, set()):
                right[f"{name} exactly right"] = float(wanted == got)
        conditions = ("years", "author", "venue", "order")
        if any(pairs[name][0] != empty.get(name, set()) for name in conditions):
            right["all conditions on records right, where there are any"] = float(
                all(pairs[name][0] == pairs[name][1] for name in conditions)
            )
        else:
            right["no condition on records found where there is none"] = float(all(pairs[name][0] == pairs[name][1] for name in conditions))
    return right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eval", type=Path, required=True, help="the folder of labelled sets")
    parser.add_argument("--part", choices=["choose", "report"], default="choose")
    parser.add_argument("--verbose", action="store_true", help="print what went wrong; not for the part that nobody reads")
    args = parser.parse_args()
    figures: dict[str, list[float]] = {}
    for row in rows(args.eval, args.part):
        right = measure(row)
        for name, value in right.items():
            figures.setdefault(name, []).append(value)
        if args.verbose and args.part == "choose" and not all(right.values()):
            print([name for name, value in right.items() if not value], row["q"])
    for name, values in figures.items():
        print(f"{name}: {shown(values)}")


if __name__ == "__main__":
    main()
