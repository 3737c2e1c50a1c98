"""Results: what is kept of a run, and the table made of it."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from evals.cases import Case, DataError, Dataset
from evals.metrics import POOLED
from evals.metrics.scored import ScoredCase
from evals.runner import code_version
from evals.stats import Estimate, mean, statistic
from evals.systems import Outcome

_LIBRARIES = ("paper-assistant", "chromadb", "onnxruntime", "tantivy", "numpy", "ir-measures")
# Metrics of which less is better, for words such as "better" and "worse".
LESS = {
    "mis-citation",
    "refused: answerable",
    "AURC",
    "calibration error",
    "seconds p50",
    "seconds p95",
    "prompt tokens",
    "tokens",
    "calls",
    "cost",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: a metric over the cases of one kind, or over all (``kind`` empty)."""

    kind: str
    metric: str
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Result:
    """A run with everything needed to read it later.

    Args:
        name: data set and system.
        made: date and time (UTC), command, settings, versions, hashes of data and code.
        rows: the table.
        cases: what was asked, what came back and how it scored.
        unmeasured: kinds of cases that the system does not do, and how many.
    """

    name: str
    made: dict[str, Any]
    rows: tuple[Row, ...]
    cases: tuple[ScoredCase, ...]
    unmeasured: dict[str, int]


def make_result(dataset: Dataset, scored: Sequence[ScoredCase], settings: dict[str, Any], command: str) -> Result:
    """A result of a finished run."""
    missing: dict[str, int] = {}
    for one in scored:
        if one.outcome.status == "unsupported":
            missing[one.case.kind] = missing.get(one.case.kind, 0) + 1
    made = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "settings": settings,
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in _LIBRARIES}},
        "data": {"name": dataset.name, "digest": dataset.digest, "cases": len(scored)},
        "code": code_version(),
    }
    return Result(f"{dataset.name}-{settings['system']}", made, tuple(table(scored)), tuple(scored), missing)


def table(scored: Sequence[ScoredCase]) -> list[Row]:
    """Every metric by kind, then those of all cases together."""
    rows: list[Row] = []
    for kind in dict.fromkeys(s.case.kind for s in scored):
        of_kind = [s for s in scored if s.case.kind == kind]
        for metric in dict.fromkeys(name for s in of_kind for name in s.scores):
            rows.append(Row(kind, metric, mean([s.scores[metric] for s in of_kind if metric in s.scores])))
    for metric, measure in POOLED.items():
        if estimate := statistic(scored, measure):
            rows.append(Row("", metric, estimate))
    return rows


def save(result: Result, folder: Path) -> Path:
    """Write a result and say where."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = result.made["date"].replace(":", "").replace("+0000", "Z").replace("-", "")
    path = folder / f"{stamp}-{result.name}.json"
    path.write_text(json.dumps(as_json(result), ensure_ascii=False), encoding="utf-8")
    return path


def as_json(result: Result) -> dict[str, Any]:
    """Plain values for JSON."""
    return {
        "schema": 1,
        "name": result.name,
        "made": result.made,
        "table": [{"kind": r.kind, "metric": r.metric, **asdict(r.estimate)} for r in result.rows],
        "unmeasured": result.unmeasured,
        "cases": [case_as_json(s) for s in result.cases],
    }


def case_as_json(scored: ScoredCase) -> dict[str, Any]:
    """A case, its gold, what came back and its scores as plain values."""
    return {
        "case": scored.case.model_dump(mode="json", exclude_defaults=True),
        "gold": [sorted(g) for g in scored.gold],
        "maybe": sorted(scored.maybe),
        "themes": [sorted(t) for t in scored.themes],
        "outcome": scored.outcome.as_json(),
        "scores": scored.scores,
        "counts": scored.counts,
    }


def read(path: Path) -> Result:
    """A result as :func:`save` wrote it.

    Raises:
        DataError: the file is not a result.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        rows = tuple(Row(r["kind"], r["metric"], Estimate(r["value"], r["low"], r["high"], r["n"])) for r in data["table"])
        cases = tuple(
            ScoredCase(
                Case.model_validate(c["case"]),
                Outcome.from_json(c["outcome"]),
                tuple(frozenset(g) for g in c["gold"]),
                frozenset(c["maybe"]),
                c["scores"],
                {name: tuple(values) for name, values in c["counts"].items()},
                tuple(frozenset(t) for t in c["themes"]),
            )
            for c in data["cases"]
        )
        return Result(data["name"], data["made"], rows, cases, data["unmeasured"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a result of an evaluation ({error}).", "Results are listed by: assistant eval list") from None


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
