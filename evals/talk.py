"""Whether questions in conversations are left alone or written out as they are meant.

    python -m evals.talk --eval ../shared/eval [--half 0|1] [--hand unseen] [--verbose]

Conversations of ``../shared/eval/conversations`` and ``evals/data/conversations.jsonl``, every second one by first question (``--half 1`` is the one that was
not looked at). A follow-up counts as resolved where the papers it is about are named or the search keeps to them, and, where it refers to a topic, an answer or a
set that is searched again, where ours holds two thirds of the conversation's words that are in the question as a person wrote it out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assistant.query.analyzer import Mode, content_terms
from assistant.query.rewriting import Standalone, Turn, rewrite_standalone
from evals.cases import read_rows
from evals.figures import shown
from evals.training.query_data import CONVERSATIONS

_ENOUGH = 2 / 3


def turns_of(row: dict[str, Any]) -> list[Turn]:
    """What was said before the last question, each question as it was understood; papers have their titles for ids."""
    found: list[Turn] = []
    for turn in row["turns"][:-1]:
        cited = tuple(turn.get("cited", ()))
        mode: Mode = "list" if len(cited) > 1 else "answer"
        found.append(Turn(rewrite_standalone(turn["q"], found).text, mode, cited, "", turn["q"], cited))
    return found


def rows_of(path: Path, half: int | None, hand: str | None) -> Iterator[dict[str, Any]]:
    """Conversations of a file."""
    firsts: dict[str, int] = {}
    for _, row in read_rows(path):
        number = firsts.setdefault(row["turns"][0]["q"], len(firsts))
        if (half is None or number % 2 == half) and (hand is None or row.get("hand") == hand):
            yield row


def is_resolved(row: dict[str, Any], found: Standalone) -> bool:
    """Whether a follow-up was understood as it was meant."""
    last = row["turns"][-2].get("cited", [])
    papers = row.get("papers") or []
    if row["refers"] == "set" and (found.within == frozenset(last) or all(title in found.text for title in papers or last)):
        return True
    if row["refers"] == "paper" and papers:
        return papers[0] in found.text or found.within == frozenset(papers)
    # Words that the person who wrote the question out added of their own are not asked for.
    said = " ".join(" ".join((turn["q"], *turn.get("cited", ()))) for turn in row["turns"])
    wanted = set(content_terms(row["resolved"])) & set(content_terms(said))
    return len(wanted & set(content_terms(found.text))) >= _ENOUGH * len(wanted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eval", type=Path, required=True, help="the folder of labelled sets")
    parser.add_argument("--half", type=int, choices=[0, 1])
    parser.add_argument(
        "--hand",
        help="only this hand's of evals/data/conversations.jsonl; shared: only the shared ones; unseen: these and hand f, which were not all trained on",
    )
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    rows = [
        row
        for row in rows_of(CONVERSATIONS, args.half, None)
        if args.hand in (None, row["hand"]) or (args.hand == "unseen" and row["hand"] == "f")
    ]
    if args.hand in (None, "unseen", "shared"):
        rows += rows_of(args.eval / "conversations" / "conversations.jsonl", args.half, None)
    figures: dict[str, list[float]] = {}
    for row in rows:
        asked = row["turns"][-1]["q"]
        found = rewrite_standalone(asked, turns_of(row))
        if row["standalone"]:
            name, right = "standing alone, left alone", found == Standalone(" ".join(asked.split()))
        else:
            name, right = f"follow-up resolved ({row['refers']})", is_resolved(row, found)
            figures.setdefault("follow-up resolved", []).append(float(right))
            figures.setdefault("follow-up told from the rest", []).append(float(found != Standalone(" ".join(asked.split()))))
        figures.setdefault(name, []).append(float(right))
        if args.verbose and not right:
            print(name, "|", row["turns"][-2]["q"], "|", asked, "->", found.text, "|", row["resolved"])
    for name, values in sorted(figures.items()):
        print(f"{name}: {shown(values)}")


if __name__ == "__main__":
    main()
