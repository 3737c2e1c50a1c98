"""Answers, and what they cite, in formats for other programs."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping

from assistant.core import SAMPLE_NOTE
from assistant.render.terminal import paragraphs, safe
from assistant.types import Answer, Summary
from store.types import Entry

_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|!])")
# What a reader of Markdown may make a link of by itself.
_AUTOLINK = re.compile(r"(?<=\w)(?:://|@)|(?<=www)\.", re.IGNORECASE)
# Marks such as [1] stay as they are.
_MARKDOWN_TEXT = re.compile(r"([\\`*_<>#|!]|\[(?!\d+\])|(?<!\d)\])")
_LATEX = {"\\": r"\textbackslash{}", **{c: f"\\{c}" for c in "&%$#_{}"}, "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def markdown_text(text: str) -> str:
    """Text on one line as Markdown: nothing in it can become markup."""
    return _AUTOLINK.sub(r"\\\g<0>", _MARKDOWN.sub(r"\\\1", safe(text)))


def markdown(answer: Answer) -> str:
    """An answer as Markdown; nothing in a title or quote can become markup."""
    plain = markdown_text
    lines = [f"# {plain(answer.question)}", ""]
    if answer.store == "sample":
        lines += [f"*{SAMPLE_NOTE}*", ""]
    if answer.understood:
        lines += [f"*Understood as: {plain(answer.understood)}*", ""]
    if answer.headline:
        lines += [plain(answer.headline), ""]
    if answer.status == "abstained":
        lines += ["Closest:", "", *(f"- {plain(e.label)}" for e in answer.nearest)]
    if any(claim.support != "quoted" for claim in answer.claims):
        lines += [
            line for paragraph in paragraphs(answer) for line in (_AUTOLINK.sub(r"\\\g<0>", _MARKDOWN_TEXT.sub(r"\\\1", paragraph)), "")
        ]
    for citation in answer.citations:
        places = ", ".join(plain(str(p)) for p in citation.provenance)
        lines += [f"**[{citation.n}] {plain(citation.title or 'Untitled')}** ({places})", "", f"> {plain(citation.quote)}", ""]
    lines += [plain(note) for note in answer.notes]
    return "\n".join(lines).rstrip() + "\n"


def bibtex(answer: Answer | Summary, entries: Mapping[str, Entry]) -> str:
    """BibTeX of the entries an answer or a summary cites, each once, in order of citation."""

    def field(name: str, value: str) -> str:
        return f"  {name} = {{{''.join(_LATEX.get(c, c) for c in safe(value))}}},"

    blocks = []
    for id in dict.fromkeys(c.id for c in answer.citations):
        entry = entries[id]
        rows = [field("title", entry.title or entry.abstract[:60] + "...")]
        rows += [field("author", " and ".join(entry.authors))] if entry.authors else []
        rows += [field("year", str(entry.year))] if entry.year else []
        rows += [field("howpublished", entry.venue)] if entry.venue else []
        rows += [field("doi", entry.doi)] if entry.doi else []
        rows += [field("eprint", entry.arxiv)] if entry.arxiv else []
        rows += [field("note", SAMPLE_NOTE)] if answer.store == "sample" else []
        key = re.sub(r"[^A-Za-z0-9:.-]", "-", id)
        blocks.append("\n".join([f"@misc{{{key},", *rows, "}"]))
    return "\n\n".join(blocks) + ("\n" if blocks else "")


def table(answer: Answer) -> str:
    """CSV of the citations: n, id, title, source, quote, note. Cells that a spreadsheet would run are quoted with '."""

    def cell(text: str) -> str:
        shown = safe(text)
        return f"'{shown}" if shown[:1] in ("=", "+", "-", "@") else shown

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["n", "id", "title", "source", "quote", "note"])
    note = SAMPLE_NOTE if answer.store == "sample" else ""
    for c in answer.citations:
        writer.writerow([c.n, cell(c.id), cell(c.title or ""), "; ".join(map(str, c.provenance)), cell(c.quote), note])
    return out.getvalue()
