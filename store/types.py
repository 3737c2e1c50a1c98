"""Values passed between the stages of the corpus side. Frozen, without I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Span(NamedTuple):
    """A range of Unicode code points in an abstract, end exclusive."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a record was read: base name of the file, its place in it (from 1) and the line it starts on (from 1)."""

    file: str
    ordinal: int
    line: int

    def __str__(self) -> str:
        return f"{self.file}#{self.ordinal}"


@dataclass(frozen=True, slots=True)
class Record:
    """One paper as one file has it; ``id`` only where an export of ours names the entry's."""

    line: int
    title: str | None
    abstract: str
    authors: tuple[str, ...] = ()
    year: int | None = None
    venue: str | None = None
    url: str | None = None
    doi: str | None = None
    arxiv: str | None = None
    aliases: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """A part of a file that is not a paper, and why.

    ``raw`` is that part as the file has it, and ``head`` what must stand before it in a file of its own (a table's first
    line), so that it can be corrected and read again.
    """

    file: str
    line: int
    reason: str
    raw: str = field(default="", compare=False, repr=False)
    head: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """One paper of the corpus.

    ``id`` is fixed at first sight: DOI, else arXiv id without version, else a slug with a hash.
    """

    id: str
    title: str | None
    abstract: str
    authors: tuple[str, ...] = ()
    year: int | None = None
    venue: str | None = None
    url: str | None = None
    doi: str | None = None
    arxiv: str | None = None
    aliases: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    provenance: tuple[Provenance, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of an abstract that the embedder reads in one pass, with the title before it.

    ``sentences`` are spans in the whole abstract, not in the chunk.
    """

    id: str
    entry_id: str
    ordinal: int
    title: str | None
    span: Span
    text: str
    sentences: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries a question is about. An entry without the field does not match.

    Args:
        years: first and last year, inclusive; ``None`` for an open end.
        author: part of an author's name, in any case.
        venue: part of the venue's name, in any case.
        source: base name of a file the entry was read from; ``*`` and ``?`` match as in a shell.
    """

    years: tuple[int | None, int | None] | None = None
    author: str | None = None
    venue: str | None = None
    source: str | None = None

    def __bool__(self) -> bool:
        return any((self.years, self.author, self.venue, self.source))


@dataclass(frozen=True, slots=True)
class Filtered:
    """What a filter let through: entry ids, and how many entries lacked each field asked for."""

    ids: frozenset[str]
    lacking: dict[str, int] = field(default_factory=dict)
