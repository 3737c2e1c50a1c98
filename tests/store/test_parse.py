"""Parsers: the forms of feed pages, JSON Lines, and files that cannot be read."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import InputFileError
from store.parse import parse_file
from store.types import Record, Reject

LONG = "We study one thing in depth. " * 12


def records(path: Path) -> list[Record]:
    return [item for item in parse_file(path) if isinstance(item, Record)]


def test_corpus_counts_and_no_banner(corpus_files: list[Path]) -> None:
    found = [records(path) for path in corpus_files]
    assert [len(r) for r in found] == [11, 297, 119, 68]
    texts = [t for r in found for record in r for t in (record.title or "", record.abstract)]
    for banner in ("Get trending papers", "Subscribe", "byAK", "Mar 11"):
        assert not any(banner in text for text in texts)
    assert all(record.title for r in found[1:] for record in r)
    assert found[1][0].title == "Quadratic models for understanding neural network dynamics"
    lines = [{" ".join(line.split()) for line in path.read_text(encoding="utf-8").splitlines()} for path in corpus_files]
    assert all(" ".join(record.abstract.split()) in held for r, held in zip(found, lines, strict=True) for record in r)


@pytest.mark.parametrize("separator", ["\n", "\n\n"])
def test_title_and_abstract_forms(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "page.txt"
    parts = ["Get trending papers in your email inbox!", "SubscribeFirst Title", LONG, "Is This a Title?", LONG + "Two."]
    path.write_text(separator.join(parts), encoding="utf-8")
    assert [(r.title, r.abstract) for r in records(path)] == [("First Title", LONG.strip()), ("Is This a Title?", LONG + "Two.")]


def test_a_title_at_the_end_is_a_reject(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    path.write_text(f"One Title\n{LONG}\nA Lonely Title\n", encoding="utf-8")
    assert parse_file(path)[-1] == Reject("page.txt", 3, 'no abstract follows "A Lonely Title"')


@given(st.lists(st.integers(min_value=2, max_value=9), min_size=1, max_size=8))
def test_any_number_of_pairs_comes_back(sizes: list[int]) -> None:
    from store.parse.feed import FeedParser

    pairs = [(f"Title number {n}", f"Abstract {n} says this. " * (12 * size)) for n, size in enumerate(sizes)]
    lines = [line for pair in pairs for line in pair]
    found = list(FeedParser().parse("x", enumerate(lines, start=1)))
    assert [(r.title, r.abstract) for r in found if isinstance(r, Record)] == [(t, a.strip()) for t, a in pairs]
    assert [r.line for r in found] == [2 * n + 1 for n in range(len(pairs))]


def test_jsonl_fields_and_rejects(tmp_path: Path) -> None:
    path = tmp_path / "dump.jsonl.gz"
    good = {
        "_id": "k1",
        "title": "T",
        "text": "An abstract.",
        "year": "2021-05-01",
        "authors": [{"name": "A B"}],
        "doi": "https://doi.org/10.1000/XyZ",
    }
    path.write_bytes(gzip.compress("\n".join([json.dumps(good), "{bad", "[1]", '{"title": "no text"}']).encode()))
    found = parse_file(path)
    assert found[0] == Record(1, "T", "An abstract.", ("A B",), 2021, doi="10.1000/xyz", aliases=("k1",))
    assert [(r.line, type(r)) for r in found[1:]] == [(2, Reject), (3, Reject), (4, Reject)]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("empty.txt", b"", "empty"),
        ("blank.txt", b"\n \n", "blank"),
        ("binary.txt", b"abc\x00\x01", "binary"),
        ("wide.txt", "text".encode("utf-16"), "UTF-16"),
        ("paper.pdf", b"%PDF-1.7 ...", "a PDF"),
        ("papers.zip", b"PK\x03\x04...", "a ZIP archive"),
    ],
)
def test_unreadable_files_say_what_and_what_to_do(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputFileError) as error:
        parse_file(path)
    assert name in error.value.message and words in error.value.message and error.value.fix
