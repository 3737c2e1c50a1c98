"""Files of every format with good records and one that is damaged, as interrupted downloads and other programs leave them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

_WORDS = [
    "graph",
    "neural",
    "survey",
    "of",
    "methods",
    "for",
    "large",
    "models",
    "with",
    "sparse",
    "data",
    "in",
    "practice",
    "and",
    "theory",
    "we",
    "show",
    "results",
    "on",
    "tasks",
]


@dataclass(frozen=True)
class Paper:
    """One record of a generated file."""

    title: str
    abstract: str


def papers() -> st.SearchStrategy[list[Paper]]:
    """Papers with different titles, and abstracts that every format can hold as they stand."""

    def made(seeds: list[list[int]]) -> list[Paper]:
        found = []
        for n, seed in enumerate(seeds):
            words = [_WORDS[s % len(_WORDS)] for s in seed]
            title = f"Paper {n} {' '.join(words[:5]).title()}"
            sentence = " ".join(words).capitalize()
            found.append(Paper(title, f"{sentence} in number {n}. " * 6 + f"It ends with study {n}."))
        return found

    return st.lists(st.lists(st.integers(0, 999), min_size=6, max_size=14), min_size=3, max_size=6).map(made)


def _jsonl(paper: Paper) -> str:
    return json.dumps({"title": paper.title, "abstract": paper.abstract, "year": 2020})


def _openalex(paper: Paper) -> str:
    index: dict[str, list[int]] = {}
    for at, word in enumerate(paper.abstract.split()):
        index.setdefault(word, []).append(at)
    return json.dumps({"id": "https://openalex.org/W1", "display_name": paper.title, "abstract_inverted_index": index})


def _arxiv(paper: Paper) -> str:
    row = {"submitter": "x", "title": paper.title, "abstract": f"  {paper.abstract}\n", "categories": "cs.LG", "versions": []}
    return json.dumps(row)


def _csv(paper: Paper, delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerow(["2020", paper.title, paper.abstract])
    return out.getvalue().rstrip("\r\n")


def _bibtex(paper: Paper) -> str:
    return f"@article{{k,\n  title = {{{paper.title}}},\n  year = 2020,\n  abstract = {{{paper.abstract}}}\n}}"


def _ris(paper: Paper) -> str:
    return f"TY  - JOUR\nTI  - {paper.title}\nPY  - 2020\nAB  - {paper.abstract}\nER  - "


@dataclass(frozen=True)
class Form:
    """How a format writes a file: what stands before, between and after its records."""

    ending: str
    record: Callable[[Paper], str]
    before: str = ""
    between: str = "\n"
    after: str = "\n"


FORMS = {
    "feed": Form("txt", lambda p: f"{p.title}\n\n{p.abstract}", "Get trending papers in your email inbox!\n\n", "\n\n"),
    "pairs": Form("txt", lambda p: f"Title: {p.title}\nAbstract: {p.abstract}", between="\n\n"),
    "json": Form("json", _jsonl, "[", ",\n", "]\n"),
    "jsonl": Form("jsonl", _jsonl),
    "csv": Form("csv", _csv, "Year,Title,Abstract\n"),
    "tsv": Form("tsv", lambda p: _csv(p, "\t"), "Year\tTitle\tAbstract\n"),
    "bibtex": Form("bib", _bibtex, "% Encoding: UTF-8\n", "\n\n"),
    "ris": Form("ris", _ris, between="\n\n"),
    "arxiv": Form("json", _arxiv),
    "openalex": Form("jsonl", _openalex),
}

# What happens to a record's bytes; the seed says where.
DAMAGE: dict[str, Callable[[bytes, int], bytes]] = {
    "none": lambda raw, seed: raw,
    "cut short": lambda raw, seed: raw[: max(1, seed % len(raw))],
    "a piece is missing": lambda raw, seed: raw[: seed % len(raw)] + raw[seed % len(raw) + 7 :],
    "latin-1": lambda raw, seed: raw[: seed % len(raw)] + b"caf\xe9 na\xefve" + raw[seed % len(raw) :],
    "zero bytes": lambda raw, seed: raw[: seed % len(raw)] + b"\x00\x00" + raw[seed % len(raw) :],
    "a stray quote": lambda raw, seed: raw[: seed % len(raw)] + b'"' + raw[seed % len(raw) :],
    "a stray brace": lambda raw, seed: raw[: seed % len(raw)] + (b"{" if seed % 2 else b"}") + raw[seed % len(raw) :],
    "control characters": lambda raw, seed: raw[: seed % len(raw)] + b"\x1b[31m\x07" + raw[seed % len(raw) :],
    "something else": lambda raw, seed: b"HTTP/1.1 502 Bad Gateway",
}


def file_of(form: Form, found: list[Paper], at: int, damage: str, seed: int, *, crlf: bool, bom: bool) -> bytes:
    """A file whose record ``at`` is damaged."""
    parts = [form.record(paper).encode() for paper in found]
    parts[at] = DAMAGE[damage](parts[at], seed)
    data = form.before.encode() + form.between.encode().join(parts) + form.after.encode()
    data = data.replace(b"\n", b"\r\n") if crlf else data
    return b"\xef\xbb\xbf" + data if bom else data
