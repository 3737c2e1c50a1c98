"""An answer or a summary as one self-contained HTML page, each quote marked in its abstract."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import urlsplit

from assistant.core import SAMPLE_NOTE
from assistant.render.summary import by_paper, sections, sentence
from assistant.render.terminal import paragraphs, safe
from assistant.topics.summarize import coverage_line
from assistant.types import Answer, Citation, Claim, Summary
from store.types import Entry

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #888; --mark: #ffe58a; --on-mark: #1a1a1a; }
@media (prefers-color-scheme: dark) { :root { --mark: #7a6200; --on-mark: #fff; } }
* { box-sizing: border-box; }
body { font: 1rem/1.55 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; line-height: 1.3; margin: 0 0 .5rem; }
h2 { font-size: 1rem; margin: 0; }
.note, .where { color: var(--soft); font-size: .85rem; margin: .1rem 0; }
.head { font-weight: 600; }
section { border-top: 1px solid var(--line); padding: 1rem 0; }
blockquote { margin: .6rem 0; padding-left: .8rem; border-left: 3px solid var(--mark); }
summary { cursor: pointer; color: var(--soft); font-size: .9rem; }
section > h2 { margin-bottom: .4rem; }
h3 { font-size: .95rem; font-weight: 600; margin: 1rem 0 .2rem; }
.quote { margin: .6rem 0; padding-left: .8rem; border-left: 3px solid var(--mark); }
.quote summary { color: inherit; font-size: 1rem; list-style: none; }
.quote summary::-webkit-details-marker { display: none; }
.quote summary::after { content: " +"; color: var(--soft); }
.quote[open] summary::after { content: " \2212"; }
.quote p { font-size: .92rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; min-width: 44rem; }
th, td { border: 1px solid var(--line); padding: .4rem .5rem; text-align: left; vertical-align: top; font-weight: normal; }
thead th { font-weight: 600; }
@media (min-width: 64rem) { .wide { width: 60rem; margin-left: -7rem; } }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } .quote summary::after { content: ""; } .quote, tr, li { break-inside: avoid; } .wide { width: auto; margin: 0; } .scroll { overflow: visible; } table { min-width: 0; } }
mark { background: var(--mark); color: var(--on-mark); padding: 0 .1em; }
"""
# The page runs nothing and fetches nothing, whatever a title or an abstract holds.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(answer: Answer, entries: Mapping[str, Entry]) -> str:
    """An answer as an HTML page.

    Args:
        answer: what to show.
        entries: the entries it cites, by id.
    """
    sample = answer.store == "sample"
    rows: dict[int, list[Citation]] = {}
    for citation in answer.citations:
        rows.setdefault(citation.n, []).append(citation)
    body = [f"<h1>{_text(answer.question)}</h1>"]
    body += [f'<p class="note">{_text(SAMPLE_NOTE)}</p>'] if sample else []
    body += [f'<p class="note">Understood as: {_text(answer.understood)}</p>'] if answer.understood else []
    body += [f'<p class="head">{_text(answer.headline)}</p>'] if answer.headline else []
    if any(claim.support != "quoted" for claim in answer.claims):
        body += [f"<p>{_linked(paragraph)}</p>" for paragraph in paragraphs(answer)]
    body += [_source(cited, entries[cited[0].id], sample) for cited in rows.values()]
    if answer.status == "abstained" and answer.nearest:
        near = "".join(f'<li>{_text(e.label)} <span class="where">{_text(_places(e.provenance))}</span></li>' for e in answer.nearest)
        body.append(f"<section><h2>Closest</h2><ul>{near}</ul></section>")
    body += [f'<p class="note">{_text(note)}</p>' for note in answer.notes]
    body += [
        f'<p class="note">{number} entries have no {_text(field)} and were left out.</p>' for field, number in answer.lacking if number
    ]
    return document(answer.question, body)


def entry_page(entry: Entry, sample: bool = False) -> str:
    """A page of one entry.

    Args:
        entry: what to show.
        sample: whether it is of the bundled sample.
    """
    facts = "; ".join(filter(None, (", ".join(entry.authors), str(entry.year or ""), entry.venue or "")))
    body = [f"<h1>{_title_of(entry, entry.title)}</h1>", f'<p class="note">{_text(facts)}</p>' if facts else ""]
    body += [f'<p class="note">{_text(SAMPLE_NOTE)}</p>'] if sample else []
    body += [f"<p>{_text(entry.abstract)}</p>", f'<p class="where">{_text(entry.id)} · {_text(_places(entry.provenance))}</p>']
    return document(entry.title or entry.id, body)


def summary_page(made: Summary, entries: Mapping[str, Entry]) -> str:
    """A summary as an HTML page: each quote opens in place in its abstract, and the page prints well.

    Args:
        made: what to show.
        entries: the entries it cites, by id.
    """
    sample = made.store == "sample"
    numbers = {c.n: c for c in made.citations}
    body = [f"<h1>{_text(made.topic)}</h1>"]
    body += [f'<p class="note">{_text(SAMPLE_NOTE)}</p>'] if sample else []
    body.append(f'<p class="head">{_text(made.headline)}</p>')
    for title, claims in sections(made):
        shown = []
        for n, said in by_paper(claims):
            if n is None:
                shown.append(f"<p>{_linked(' '.join(map(sentence, said)))}</p>")
                continue
            shown.append(
                f'<h3><a href="#source-{n}">[{n}]</a> {_text(numbers[n].title or f"Untitled, {_places(numbers[n].provenance)}")}</h3>'
            )
            shown += [_opening(claim, made, entries, sample) for claim in said]
        body.append(f"<section><h2>{_text(title)}</h2>{''.join(shown)}</section>")
    if made.table:
        of = {c.id: c.n for c in made.citations}
        heads = "".join(f'<th scope="col">{name}</th>' for name in ("Paper", "Problem", "Approach", "Finding"))
        rows = "".join(
            f'<tr><th scope="row"><a href="#source-{of[r.id]}">[{of[r.id]}]</a> {_text(r.title or "Untitled")}</th>'
            + "".join(f"<td>{_text(cell or '')}</td>" for cell in (r.problem, r.approach, r.finding))
            + "</tr>"
            for r in made.table
        )
        body.append(
            f'<section class="wide"><h2>Papers</h2><div class="scroll" tabindex="0" role="region" aria-label="Papers"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>'
        )
    if numbers:
        items = "".join(
            f'<li id="source-{n}" value="{n}">{_title_of(entries[c.id], c.title)} <span class="where">{_text(_places(c.provenance))}</span></li>'
            for n, c in sorted(numbers.items())
        )
        body.append(f"<section><h2>Sources</h2><ol>{items}</ol></section>")
        body.append(f'<p class="note">{_text(coverage_line(made))}</p>')
    if made.status == "abstained" and made.nearest:
        near = "".join(f'<li>{_text(e.title or e.id)} <span class="where">{_text(_places(e.provenance))}</span></li>' for e in made.nearest)
        body.append(f"<section><h2>Closest</h2><ul>{near}</ul></section>")
    body += [f'<p class="note">{_text(note)}</p>' for note in made.notes]
    body += [f'<p class="note">{number} entries have no {_text(field)} and were left out.</p>' for field, number in made.lacking if number]
    return document(made.topic, body)


def _opening(claim: Claim, made: Summary, entries: Mapping[str, Entry], sample: bool) -> str:
    """A quote that opens to its abstract, where it is marked."""
    n = claim.citations[0]
    citation = next(c for c in made.citations if c.n == n and c.quote == claim.text)
    return (
        f'<details class="quote"><summary>“{_text(claim.text)}”</summary>'
        f'<p class="where">In the whole {"digest" if sample else "abstract"}:</p><p>{_marked(entries[citation.id].abstract, [citation])}</p></details>'
    )


def document(title: str, body: Sequence[str], style: str = "") -> str:
    """A page that runs nothing and fetches nothing.

    Args:
        title: of the page, plain.
        body: its parts, as HTML.
        style: rules besides the common ones.
    """
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{_STYLE}{style}</style></head>\n<body><main>\n"
        + "\n".join(body)
        + "\n</main></body></html>\n"
    )


def _source(cited: Sequence[Citation], entry: Entry, sample: bool) -> str:
    first = cited[0]
    title = _title_of(entry, first.title)
    quotes = "".join(f"<blockquote>{_text(c.quote)}</blockquote>" for c in cited)
    return (
        f'<section id="source-{first.n}"><h2>[{first.n}] {title}</h2><p class="where">{_text(_places(first.provenance))}</p>{quotes}'
        f"<details><summary>{'The whole digest' if sample else 'The whole abstract'}</summary><p>{_marked(entry.abstract, cited)}</p></details></section>"
    )


def _title_of(entry: Entry, title: str | None) -> str:
    """A title, linked where the entry has an address."""
    text = _text(title or "Untitled")
    if entry.url and urlsplit(entry.url).scheme in ("http", "https"):
        return f'<a href="{escape(safe(entry.url))}" rel="noopener noreferrer nofollow">{text}</a>'
    return text


def _marked(abstract: str, cited: Sequence[Citation]) -> str:
    parts, at = [], 0
    for start, end in sorted((c.start, c.end) for c in cited if c.field == "abstract"):
        if start >= at:
            parts += [_inner(abstract[at:start]), f"<mark>{_inner(abstract[start:end])}</mark>"]
            at = end
    return "".join([*parts, _inner(abstract[at:])])


def _inner(text: str) -> str:
    """Escaped text that keeps the white space at its ends."""
    lead, tail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :] if text.strip() else ""
    return f"{' ' if lead else ''}{_text(text)}{' ' if tail else ''}"


def _linked(text: str) -> str:
    """Text whose [n] lead to their source on the page."""
    return re.sub(r"\[(\d+)\]", r'<a href="#source-\1">[\1]</a>', _text(text))


def _places(provenance: Sequence[object]) -> str:
    return ", ".join(map(str, provenance))


def _text(text: str) -> str:
    return escape(safe(text))
