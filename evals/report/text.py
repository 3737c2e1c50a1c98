"""A result's table for a terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from evals.compare import Compared
from evals.metrics.scored import ScoredCase
from evals.results import Result, Row
from evals.stats import Estimate

ALL = "all"
_QUOTES = 6


def number(value: float) -> str:
    """A figure in three decimals, or in whole numbers where it is large."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}"


def interval(estimate: Estimate) -> str:
    """The 95% interval in brackets; empty where there is none."""
    return "" if estimate.low is None or estimate.high is None else f"[{number(estimate.low)}, {number(estimate.high)}]"


def _cells(row: Row) -> tuple[str, str, str, str, str]:
    return row.kind or ALL, row.metric, number(row.estimate.value), interval(row.estimate), str(row.estimate.n)


def terminal(result: Result) -> str:
    """The table in aligned columns."""
    rows = [("kind", "metric", "value", "95% interval", "n"), *map(_cells, result.rows)]
    lines = [_title(result), "", *_aligned(rows)]
    lines += [
        f"not measured: {count} of kind {kind}, which {result.made['settings']['system']} does not do"
        for kind, count in result.unmeasured.items()
    ]
    return "\n".join(lines) + "\n"


def markdown(result: Result) -> str:
    """The table as Markdown."""
    made = result.made
    lines = [f"# {_title(result)}", "", f"`{made['command']}`", "", "| kind | metric | value | 95% interval | n |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(_cells(row))} |" for row in result.rows]
    lines += ["", *(f"Not measured: {count} of kind {kind}." for kind, count in result.unmeasured.items())]
    lines += ["", f"Code {made['code']}, data {made['data']['digest']}; {', '.join(f'{k} {v}' for k, v in made['versions'].items())}."]
    return "\n".join(lines) + "\n"


def differences(compared: Sequence[Compared], before: str, after: str) -> str:
    """What changed between two results, in aligned columns; a star marks what stands out from noise."""
    rows: list[tuple[str, ...]] = [("kind", "metric", "before", "after", "difference", "95% interval", "p", "n", "")]
    for one in compared:
        d = one.difference
        rows.append(
            (
                one.kind or ALL,
                one.metric,
                number(one.before),
                number(one.after),
                f"{d.value:+.3f}",
                f"[{d.low:+.3f}, {d.high:+.3f}]",
                f"{d.p:.3f}",
                str(d.n),
                one.verdict,
            )
        )
    return "\n".join([f"{before} -> {after}", "", *_aligned(rows)]) + "\n"


def cases_as_text(cases: Sequence[ScoredCase]) -> str:
    """What was asked, wanted and given, case by case."""
    return "\n".join(map(_case, cases))


def _case(one: ScoredCase) -> str:
    case, outcome = one.case, one.outcome
    lines = [f"{case.kind} {case.id}: {case.asked}", "  " + ", ".join(f"{name} {number(value)}" for name, value in one.scores.items())]
    places = {id: place for place, id in enumerate(outcome.ranking, start=1)}
    for group in one.gold:
        place = min((places[id] for id in group if id in places), default=None)
        cited = outcome.returned is not None and any(id in group for id in outcome.returned)
        lines.append(f"  gold {' = '.join(sorted(group))}" + f" (rank {place or 'none'})" * bool(places) + " cited" * cited)
    lines += [f"  first {id}" for id in outcome.ranking[:3]]
    lines += [f"  wanted: {text}" for text in (*case.evidence, *(p.point for p in case.points))]
    lines += [f"  quoted {q.id}: {' '.join(q.quote.split())}" for q in (outcome.quotes or ())[:_QUOTES]]
    if outcome.status != "answered" or outcome.reason:
        lines.append(f"  {outcome.status}: {outcome.reason}")
    return "\n".join(lines) + "\n"


def _title(result: Result) -> str:
    made = result.made
    return f"{result.name}: {made['data']['cases']} cases, {made['date']}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
