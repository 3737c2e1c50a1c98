"""Answers as chat tools show them: text in Markdown with [n], its sources, and where in the text each is first cited."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from assistant.answering.checked import Checked
from assistant.core import SAMPLE_NOTE
from assistant.faces.addresses import address
from assistant.render.export import markdown_text
from assistant.types import Answer, Citation, Claim


@dataclass
class Writer:
    """Writes an answer bit by bit; numbers are those of the finished answer.

    Args:
        base: address of this server, for papers that have none of their own.
        footer: whether a list of sources follows.
    """

    base: str
    footer: bool
    text: str = ""
    _numbers: dict[str, int] = field(default_factory=dict)
    _held: list[Checked] = field(default_factory=list)
    _written: int = 0

    def escape(self, text: str) -> str:
        """Text of a paper or a model, in which nothing is markup."""
        return markdown_text(text)

    def add(self, one: Checked) -> str:
        """The text of a sentence that was found to hold; quotes wait until the model's own words have begun."""
        self._held.append(one)
        if one.support == "quoted" and not self._written:
            return ""
        waiting, self._held = self._held, []
        self._written += len(waiting)
        return self._put("".join(self._sentence(w.text, [s.entry.id for s in w.sources], w.support == "quoted") for w in waiting))

    def finish(self, answer: Answer) -> str:
        """What is left of the answer after the sentences that were written."""
        parts = []
        if not self._written:
            parts += [f"*{SAMPLE_NOTE}*\n\n"] if answer.store == "sample" else []
            parts += [f"*Understood as: {self.escape(answer.understood)}*\n\n"] if answer.understood else []
            parts += [f"{answer.headline}\n\n"] if answer.headline else []
            self._numbers = {}
        by_number: dict[int, Citation] = {}
        for citation in answer.citations:
            by_number.setdefault(citation.n, citation)
            self._numbers.setdefault(citation.id, citation.n)
        for claim in answer.claims[self._written :]:
            parts.append(self._claim(claim, by_number))
        if answer.status == "abstained" and answer.nearest:
            parts.append("Closest papers:\n\n" + "".join(f"- {self.escape(e.label)}\n" for e in answer.nearest))
        parts += [f"\n\n*{self.escape(note)}*" for note in answer.notes]
        if self.footer and answer.citations:
            rows = "".join(f"[{n}] {self.shown(c)}\n" for n, c in sorted(by_number.items()))
            parts.append(f"\n\n**Sources**\n\n{rows}")
        return self._put("".join(parts))

    def shown(self, citation: Citation) -> str:
        """A source in the footer: its title, linked where the paper has an address of its own."""
        title = self.escape(citation.title or "Untitled")
        where = self.escape(", ".join(map(str, citation.provenance)))
        url = address(citation.url)
        return f"[{title}](<{url}>) ({where})  " if url and not re.search(r"[<>\s]", url) else f"{title} ({where})  "

    def annotations(self, answer: Answer) -> list[dict[str, Any]]:
        """One ``url_citation`` a source, in order, at the first mark of it in the text."""
        rows = []
        for n, citation in {c.n: c for c in reversed(answer.citations)}.items():
            mark = f"[{n}]"
            at = max(0, self.text.find(mark))
            title = citation.title or "Untitled"
            rows.append((n, {"start_index": at, "end_index": at + len(mark), "url": source_url(citation, self.base), "title": title}))
        return [{"type": "url_citation", "url_citation": row} for _, row in sorted(rows, key=lambda x: x[0])]

    def _put(self, text: str) -> str:
        self.text += text
        return text

    def _sentence(self, text: str, ids: Sequence[str], quoted: bool) -> str:
        for id in ids:
            self._numbers.setdefault(id, len(self._numbers) + 1)
        marks = "".join(f" [{n}]" for n in dict.fromkeys(self._numbers[id] for id in ids))
        body = self.escape(text)
        if quoted:
            return f"\n\n> “{body}”{marks}\n\n"
        stop = body[-1:] if body[-1:] in ".!?" else "."
        return f"{body.rstrip('.!?')}{marks}{stop} "

    def _claim(self, claim: Claim, by_number: dict[int, Citation]) -> str:
        marks = "".join(f" [{n}]" for n in claim.citations)
        if claim.support != "quoted":
            return self._sentence(claim.text, [by_number[n].id for n in claim.citations], False)
        title = by_number[claim.citations[0]].title
        lead = f"{self.escape(title)}:\n" if title else ""
        return f"{lead}\n> “{self.escape(claim.text)}”{marks}\n\n"


def source_url(citation: Citation, base: str) -> str:
    """A paper's own address, else the page of it that this server has."""
    return address(citation.url) or f"{base}/paper/{quote(citation.id, safe='')}"


def pieces(text: str) -> Iterator[str]:
    """A text in lines, as it is streamed."""
    yield from text.splitlines(keepends=True)
