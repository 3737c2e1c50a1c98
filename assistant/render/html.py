"""An answer as one self-contained HTML page, each quote marked in its abstract."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import urlsplit

from assistant.core import SAMPLE_NOTE
from assistant.render.terminal import paragraphs, safe
from assistant.types import Answer, Citation
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
        near = "".join(
            f'<li>{_text(e.title or e.id)} <span class="where">{_text(_places(e.provenance))}</span></li>' for e in answer.nearest
        )
        body.append(f"<section><h2>Nearest entries</h2><ul>{near}</ul></section>")
    body += [f'<p class="note">{_text(note)}</p>' for note in answer.notes]
    body += [
        f'<p class="note">{number} entries have no {_text(field)} and were left out.</p>' for field, number in answer.lacking if number
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(answer.question)}</title><style>{_STYLE}</style></head>\n<body><main>\n"
        + "\n".join(body)
        + "\n</main></body></html>\n"
    )


def _source(cited: Sequence[Citation], entry: Entry, sample: bool) -> str:
    first = cited[0]
    title = _text(first.title or "Untitled")
    if entry.url and urlsplit(entry.url).scheme in ("http", "https"):
        title = f'<a href="{escape(safe(entry.url))}" rel="noopener noreferrer nofollow">{title}</a>'
    quotes = "".join(f"<blockquote>{_text(c.quote)}</blockquote>" for c in cited)
    return (
        f'<section id="source-{first.n}"><h2>[{first.n}] {title}</h2><p class="where">{_text(_places(first.provenance))}</p>{quotes}'
        f"<details><summary>{'The whole digest' if sample else 'The whole abstract'}</summary><p>{_marked(entry.abstract, cited)}</p></details></section>"
    )


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
