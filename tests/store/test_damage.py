"""Damaged files of every format: no traceback, and no good record lost.

pytest -m long tests/store/test_damage.py      # more than 10,000 files
"""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.errors import InputFileError
from store.parse import FORMATS, Reading, parse_file
from store.types import Record, Reject
from tests.store.damage import DAMAGE, FORMS, Paper, file_of, papers

_QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))
_CASE = st.tuples(
    papers(),
    st.integers(0, 99),
    st.sampled_from(sorted(DAMAGE)),
    st.integers(0, 10_000),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


def check(format: str, case: tuple[list[Paper], int, str, int, bool, bool, bool, bool]) -> None:
    found, at, damage, seed, crlf, bom, packed, forced = case
    at %= len(found)
    form = FORMS[format]
    data = file_of(form, found, at, damage, seed, crlf=crlf, bom=bom)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"papers.{form.ending}{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(data, 1) if packed else data)
        items = parse_file(path, Reading(format) if forced else None)
    read = {(item.title, item.abstract) for item in items if isinstance(item, Record)}
    good = {(p.title, p.abstract) for n, p in enumerate(found) if n != at or damage == "none"}
    # A record that loses its end may take the beginning of the next with it where nothing marks a beginning.
    if format == "feed" and damage != "none":
        good = {(t, a) for t, a in good if t != found[min(at + 1, len(found) - 1)].title}
    # What stands without a label after a labelled abstract is taken for its next paragraph.
    if format == "pairs":
        read = {(t, next((p.abstract for p in found if p.title == t and a.startswith(p.abstract)), a)) for t, a in read}
    assert good <= read, (damage, sorted(good - read)[:1], [i for i in items if isinstance(i, Reject)][:2])
    assert all(isinstance(item, Record) or (item.line >= 1 and item.reason) for item in items)
    for item in items:
        if isinstance(item, Record):
            assert "\x1b" not in item.abstract and not any(0x10FE00 <= ord(c) <= 0x10FF01 for c in f"{item.title}{item.abstract}")


@pytest.mark.parametrize("format", FORMATS)
@settings(_QUIET, max_examples=40)
@given(case=_CASE)
def test_no_good_record_is_lost(format: str, case: tuple[list[Paper], int, str, int, bool, bool, bool, bool]) -> None:
    check(format, case)


@pytest.mark.long
@pytest.mark.parametrize("format", FORMATS)
@settings(_QUIET, max_examples=1100)
@given(case=_CASE)
def test_no_good_record_is_lost_in_ten_thousand_files(format: str, case: tuple[list[Paper], int, str, int, bool, bool, bool, bool]) -> None:
    check(format, case)


@pytest.mark.parametrize("format", FORMATS)
@settings(_QUIET, max_examples=50)
@given(data=st.one_of(st.binary(max_size=400), st.text(alphabet='{}[]",:@\n\tTYERAB -=abc\\', max_size=400).map(str.encode)))
def test_anything_at_all_is_read_or_refused(format: str, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(data)
        for reading in (Reading(format), Reading()):
            try:
                items = parse_file(path, reading)
            except InputFileError as error:
                assert error.message and error.fix
                continue
            assert all(isinstance(item, Record) or item.reason for item in items)


def test_a_compressed_file_that_breaks_off_keeps_what_came(tmp_path: Path) -> None:
    lines = "".join(FORMS["jsonl"].record(Paper(f"Paper {n}", f"The abstract of {n} says {n * n}.")) + "\n" for n in range(3000))
    path = tmp_path / "cut.jsonl.gz"
    whole = gzip.compress(lines.encode())
    path.write_bytes(whole[: len(whole) // 2])
    items = parse_file(path)
    assert sum(isinstance(item, Record) for item in items) > 500
    assert [item.reason for item in items if isinstance(item, Reject)] == ["the compressed file is cut short or damaged here"]
