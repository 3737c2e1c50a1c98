"""The formats there are, and which of them a file is."""

from __future__ import annotations

from store.errors import SettingsError
from store.parse.base import Parser
from store.parse.bibtex import BibtexParser
from store.parse.document import JsonParser
from store.parse.feed import FeedParser
from store.parse.fields import FieldMap
from store.parse.jsonl import JsonlParser
from store.parse.pairs import PairsParser
from store.parse.ris import RisParser
from store.parse.table import TableParser

FORMATS = ("feed", "pairs", "json", "jsonl", "csv", "tsv", "bibtex", "ris", "arxiv", "openalex")
ENDINGS = (".txt", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".bib", ".bibtex", ".ris")


def parser_for(format: str, names: FieldMap) -> Parser:
    """The parser of a format.

    Raises:
        SettingsError: no format has that name.
    """
    parsers: dict[str, Parser] = {
        "feed": FeedParser(),
        "pairs": PairsParser(),
        "json": JsonParser(names),
        "jsonl": JsonlParser("jsonl", names),
        "csv": TableParser("csv", names),
        "tsv": TableParser("tsv", names),
        "bibtex": BibtexParser(names),
        "ris": RisParser(names),
        "arxiv": JsonlParser("arxiv", names, "arxiv"),
        "openalex": JsonParser(names, "openalex", "openalex"),
    }
    if format not in parsers:
        raise SettingsError(f"--format {format!r} is not a format.", f"It is one of {', '.join(FORMATS)}.")
    return parsers[format]


def sniffed(head: str, ending: str, names: FieldMap) -> Parser:
    """The parser that a file's head and ending ask for; feed pages where none does."""
    order = ("jsonl", "json", "bibtex", "ris", "csv", "tsv", "pairs")
    parsers = [parser_for(format, names) for format in order]
    return next((parser for parser in parsers if parser.sniff(head, ending)), FeedParser())
