"""What a model's answers come to: sentences kept, repaired, replaced and removed; and a file to read them in.

    python -m evals.writing --store STORE --questions dev.jsonl --llm MODEL [--out FILE]

    python -m evals.writing --store STORE --questions dev.jsonl --paraphrases

``--paraphrases`` has a script write instead: the labelled points of topic and comparison questions, people's wording, each with the keys of its evidence where that was shown. What it writes is right, so all
of it should be kept.

``--out`` gets a line for each sentence shown that is not a quote, with the sentences it cites, to be read and labelled by a person
(``supported``: true or false); such a file given as ``--labels`` yields the share supported.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from assistant.answering.sources import plain
from assistant.core import Assistant
from assistant.fakes import ScriptedModel
from assistant.llm import Message, ModelSettings
from assistant.settings import Settings
from evals.cases import DataError, read_rows
from evals.figures import shown

_KEYED = re.compile(r"^\[(k[0-9a-f]+)\] (.+)$", re.MULTILINE)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Measure a model's answers.")
    parser.add_argument("--store", type=Path)
    parser.add_argument("--questions", type=Path)
    parser.add_argument("--llm")
    parser.add_argument("--timeout", type=float, default=120.0)
    parser.add_argument("--max-tokens", type=int, default=ModelSettings().llm_max_tokens)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--paraphrases", action="store_true")
    args = parser.parse_args()
    if args.labels:
        report_labels(args.labels)
        return
    if args.paraphrases and args.store and args.questions:
        report_paraphrases(args.store, args.questions)
        return
    if not (args.store and args.questions and args.llm):
        raise DataError("--store, --questions and --llm go together.", "Or give --labels FILE, or --paraphrases for --llm.")
    settings = Settings(llm=args.llm, llm_timeout=args.timeout, llm_max_tokens=args.max_tokens)
    assistant = Assistant(args.store, options=settings)
    counts: Counter[str] = Counter()
    why: Counter[str] = Counter()
    lines = []
    for number, (_, row) in enumerate(read_rows(args.questions), start=1):
        if "question" not in row:
            continue
        answer = assistant.ask(row["question"])
        print(f"{number} {row['id']} {answer.usage.calls}", file=sys.stderr)
        counts["questions"] += 1
        if answer.model is None:
            counts["no model asked, or it failed"] += 1
            continue
        counts["prompt tokens"] += answer.usage.prompt_tokens
        counts["completion tokens"] += answer.usage.completion_tokens
        counts["calls"] += answer.usage.calls
        counts["asked of the model"] += 1
        written = [claim for claim in answer.claims if claim.support != "quoted"]
        counts["answered in the model's words"] += bool(written)
        counts["shown: verified"] += sum(c.support == "verified" for c in written)
        counts["shown: repaired"] += sum(c.support == "repaired" for c in written)
        counts["replaced by a quote"] += sum("quoted instead" in r.why for r in answer.removed)
        counts["removed"] += sum("quoted instead" not in r.why for r in answer.removed)
        counts["unknown citations"] += len(answer.unknown)
        why.update(r.why for r in answer.removed)
        for claim in written:
            cited = [c.quote for c in answer.citations if c.n in claim.citations]
            lines.append(
                {"id": row["id"], "sentence": claim.text, "support": claim.support, "score": round(claim.score, 3), "cited": cited}
            )
    print("\n".join(f"{name}: {count}" for name, count in counts.items()))
    print("why not shown:", "; ".join(f"{count} x {text}" for text, count in why.most_common(12)))
    if args.out:
        args.out.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def report_paraphrases(store: Path, questions: Path) -> None:
    """Print the share kept of a writer's sentences that paraphrase rightly and cite the right keys, and why the others were not."""
    assistant = Assistant(store, model=ScriptedModel(""))
    kept: list[float] = []
    shown_as: Counter[str] = Counter()
    for _, row in read_rows(questions):
        points = [(p.get("statement") or p.get("point"), p["evidence"]) for name in ("keypoints", "points") for p in row.get(name) or []]
        if not points:
            continue
        wrote: list[str] = []
        assistant.model = ScriptedModel(lambda messages, points=points, wrote=wrote: _paraphrased(messages, points, wrote))  # type: ignore[misc]
        answer = assistant.ask(row["question"])
        for sentence in wrote:
            claim = next((c for c in answer.claims if c.support != "quoted" and c.text.strip(" .") == sentence.strip(" .")), None)
            kept.append(float(claim is not None))
            shown_as[claim.support if claim else "not shown"] += 1
        for removed in answer.removed:
            print(f"{row['id']}: {removed.text} ({removed.why})")
    print(f"kept: {shown(kept)}; {dict(shown_as)}")


def _paraphrased(messages: Sequence[Message], points: Sequence[tuple[str, Sequence[str] | str]], wrote: list[str]) -> str:
    keys = {" ".join(text.split()): key for key, text in _KEYED.findall(messages[-1].content)}
    lines = []
    for statement, evidence in points:
        texts = [evidence] if isinstance(evidence, str) else evidence
        cited = [keys[plain(text)] for text in texts if plain(text) in keys]
        if len(cited) == len(texts):
            wrote.append(statement)
            lines.append(f"{statement.rstrip('.')} [{', '.join(cited)}].")
    return " ".join(lines)


def report_labels(path: Path) -> None:
    """Print the share of sentences that a reader found supported, by how they came to be shown."""
    rows = [row for _, row in read_rows(path)]
    for support in ("verified", "repaired"):
        values = [float(row["supported"]) for row in rows if row["support"] == support and "supported" in row]
        if values:
            print(f"{support}, supported:", shown(values))
    values = [float(row["supported"]) for row in rows if "supported" in row]
    print("all, supported:", shown(values) if values else "nothing is labelled")


if __name__ == "__main__":
    main()
