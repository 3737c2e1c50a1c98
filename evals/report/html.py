"""A result as one self-contained HTML page: figures with plots, and every case to open, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from textwrap import shorten

from assistant.render.terminal import safe
from evals.metrics.cases import half
from evals.metrics.pooled import risk_coverage
from evals.metrics.scored import ScoredCase
from evals.report.text import ALL, interval, number
from evals.results import Result, Row

# The score that says how well a case of each kind went, for ordering and the first glance.
MAIN = {
    "which": "set F1",
    "fact": "evidence in first 3",
    "compare": "points covered",
    "retrieval": "nDCG@10",
    "rationale": "rationale F1",
    "topic": "member recall",
    "followup": "evidence in first 3",
}
_SHOWN = 400
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #767676; --good: #2a7d4f; --bad: #b3392f; --bar: #4a78b8; --band: #4a78b855; }
@media (prefers-color-scheme: dark) { :root { --soft: #9a9a9a; --good: #62c28d; --bad: #ef8379; --bar: #86aee0; --band: #86aee055; } }
* { box-sizing: border-box; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem 1rem 4rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: .2rem 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.soft { color: var(--soft); font-size: .85rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { text-align: left; padding: .2rem .5rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: middle; }
td.n { white-space: nowrap; } svg { display: block; max-width: 100%; height: auto; }
details { border-bottom: 1px solid var(--line); padding: .35rem 0; } summary { cursor: pointer; }
details details { border: 0; padding-left: .6rem; }
.score { display: inline-block; min-width: 3.2rem; font-variant-numeric: tabular-nums; font-weight: 600; }
.bad { color: var(--bad); } .good { color: var(--good); }
dl { display: grid; grid-template-columns: minmax(5rem, 8rem) 1fr; gap: .2rem .8rem; margin: .5rem 0 .8rem; font-size: .92rem; } dt { color: var(--soft); } dd { margin: 0; }
pre { white-space: pre-wrap; font: inherit; margin: 0; } ul { margin: 0; padding-left: 1.1rem; }
.fix { border-left: 3px solid var(--bad); padding-left: 1.6rem; } th { white-space: nowrap; }
@media (max-width: 40rem) { .wide { display: none; } dl { grid-template-columns: 1fr; } dt { margin-top: .3rem; } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(result: Result) -> str:
    """The page."""
    made = result.made
    body = [
        f"<h1>{_text(result.name)}</h1>",
        f'<p class="soft">{made["data"]["cases"]} cases, {_text(made["date"])}. <code>{_text(made["command"])}</code></p>',
        _weakest(result.cases),
        *_tables(result),
        _curve(result.cases),
        *_cases(result.cases),
        f'<p class="soft">Code {_text(made["code"])}, data {_text(made["data"]["digest"])}; '
        + _text(", ".join(f"{k} {v}" for k, v in {**made["versions"], **made["settings"]}.items()))
        + "</p>",
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(result.name)}</title><style>{_STYLE}</style></head>\n<body><main>\n" + "\n".join(body) + "\n</main></body></html>\n"
    )


def quality(scored: ScoredCase) -> float | None:
    """How well a case went, 0 to 1; None where nothing was measured."""
    if scored.outcome.status == "unsupported":
        return None
    if scored.case.kind == "unanswerable":
        return (
            scored.scores.get("premise denied", 0.0) if scored.case.why == "false-premise" else float(scored.outcome.status == "abstained")
        )
    return scored.scores.get(MAIN.get(scored.case.kind, ""))


def _weakest(cases: Sequence[ScoredCase]) -> str:
    """What to fix first: for each kind, how many cases failed, and the worst of them."""
    items = []
    for kind in dict.fromkeys(s.case.kind for s in cases):
        rated = sorted(((q, s) for s in cases if s.case.kind == kind and (q := quality(s)) is not None), key=lambda x: x[0])
        poor = [s for q, s in rated if q < 0.5]
        if poor:
            links = "; ".join(
                f'<a href="#case-{_text(s.case.id)}">{_text(shorten(s.case.asked, 80, placeholder=" ..."))}</a>' for s in poor[:3]
            )
            items.append(f"<li><strong>{_text(kind)}</strong>: {len(poor)} of {len(rated)} below .5, for example {links}</li>")
    return f'<h2>What to fix first</h2><ul class="fix">{"".join(items)}</ul>' if items else "<h2>No case is below .5</h2>"


def _tables(result: Result) -> list[str]:
    parts = []
    for kind in dict.fromkeys(row.kind for row in result.rows):
        rows = [row for row in result.rows if row.kind == kind]
        cells = "".join(
            f'<tr><td>{_text(r.metric)}</td><td class="n">{number(r.estimate.value)}</td><td class="n wide">{interval(r.estimate)}</td>'
            f'<td>{_whisker(r)}</td><td class="n">{r.estimate.n}</td></tr>'
            for r in rows
        )
        head = '<tr><th>metric</th><th>value</th><th class="wide">95% interval</th><th></th><th>n</th></tr>'
        parts.append(f"<h2>{_text(kind or ALL)}</h2><table>{head}{cells}</table>")
    parts += [f'<p class="soft">Not measured: {count} of kind {_text(kind)}.</p>' for kind, count in result.unmeasured.items()]
    return parts


def _whisker(row: Row) -> str:
    """A bar from 0 to 1 with the interval over it; nothing for metrics that are not shares."""
    low, high = row.estimate.low, row.estimate.high
    if low is None or high is None or high > 1 or low < 0 or row.metric.startswith(("seconds", "tokens", "cost")):
        return ""
    value = row.estimate.value
    return (
        f'<svg viewBox="-5 0 170 14" width="170" height="14" role="img" aria-label="{_text(row.metric)} {number(value)} {interval(row.estimate)}">'
        f'<rect x="0" y="6" width="160" height="2" fill="var(--line)"/>'
        f'<rect x="{160 * low:.1f}" y="3" width="{max(1.0, 160 * (high - low)):.1f}" height="8" fill="var(--band)"/>'
        f'<circle cx="{160 * value:.1f}" cy="7" r="4" fill="var(--bar)"/></svg>'
    )


def _curve(cases: Sequence[ScoredCase]) -> str:
    points = risk_coverage(cases)
    if not points or not any(risk for _, risk in points):
        return ""
    top = max(risk for _, risk in points)
    path = " ".join(f"{40 + 270 * c:.1f},{150 - 130 * r / top:.1f}" for c, r in points)
    return (
        "<h2>Risk and coverage</h2>"
        '<p class="soft">Answering the surest questions first: the share of the answered that cannot be answered, by the share answered.</p>'
        '<svg viewBox="0 0 330 180" width="520" role="img" aria-label="risk-coverage curve">'
        '<line x1="40" y1="150" x2="310" y2="150" stroke="var(--soft)"/><line x1="40" y1="20" x2="40" y2="150" stroke="var(--soft)"/>'
        f'<polyline points="{path}" fill="none" stroke="var(--bar)" stroke-width="2"/>'
        f'<g font-size="10" fill="var(--soft)"><text x="36" y="24" text-anchor="end">{top:.2f}</text><text x="36" y="153" text-anchor="end">0</text>'
        '<text x="40" y="165">0</text><text x="310" y="165" text-anchor="end">1 answered</text></g></svg>'
    )


def _cases(cases: Sequence[ScoredCase]) -> list[str]:
    parts = []
    for kind in dict.fromkeys(s.case.kind for s in cases):
        rated = sorted(((q, s) for s in cases if s.case.kind == kind and (q := quality(s)) is not None), key=lambda x: x[0])
        if rated:
            parts.append(f"<h2>Cases: {_text(kind)}, the worst first</h2>")
            parts += [_case(value, scored) for value, scored in rated[:_SHOWN]]
            if len(rated) > _SHOWN:
                parts.append(f'<p class="soft">{len(rated) - _SHOWN} better ones are not shown.</p>')
    return parts


def _case(value: float, scored: ScoredCase) -> str:
    case, outcome = scored.case, scored.outcome
    returned = outcome.returned or ()
    missed = [sorted(group)[0] for group in scored.gold if not group & set(returned)] if outcome.returned is not None else []
    wrong = [id for id in returned if id not in scored.maybe and not any(id in group for group in scored.gold)]
    evidence = [e for point in (*case.points, *case.keypoints) for e in point.evidence] or list(case.evidence)
    unquoted = [e for e in evidence if outcome.quotes is not None and not any(half(q.quote, e) for q in outcome.quotes)]
    pairs = [
        ("kind", f"{case.kind} {case.why}".strip()),
        ("answer", f"{outcome.status}{', ' + outcome.reason if outcome.reason else ''}\n{outcome.text}"),
        ("wanted", case.answer),
        ("criterion", case.criterion),
        ("gold", [sorted(group)[0] for group in scored.gold]),
        ("missed", missed),
        ("not in gold" if case.kind in ("which", "compare") else "", wrong),
        ("gold evidence", evidence),
        ("not quoted", unquoted),
        ("quotes", [f"{q.quote} ({q.id})" for q in outcome.quotes or ()]),
        ("ranked first", list(outcome.ranking[:10])),
        ("scores", ", ".join(f"{k} {number(v)}" for k, v in scored.scores.items())),
        ("took", f"{outcome.seconds:.3f} s"),
    ]
    rows = "".join(f"<dt>{_text(name)}</dt><dd>{_value(held)}</dd>" for name, held in pairs if name and held)
    mark = "good" if value >= 0.5 else "bad"
    return f'<details id="case-{_text(case.id)}"><summary><span class="score {mark}">{number(value)}</span> {_text(case.asked)}</summary><dl>{rows}</dl></details>'


def _value(held: str | Sequence[str]) -> str:
    if isinstance(held, str):
        return f"<pre>{'<br>'.join(_text(line) for line in held.splitlines())}</pre>"
    return f"<ul>{''.join(f'<li>{_text(item)}</li>' for item in held)}</ul>"


def _text(text: str) -> str:
    return escape(safe(text))
