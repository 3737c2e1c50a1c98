"""What is exported and ingested again is the same, in every format; and markup becomes readable text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.doctor import examine
from store.export import FORMATS, exported
from store.ingest import ingest
from store.parse.base import clean
from store.parse.fields import AS_NAMED
from store.parse.formats import parser_for
from store.parse.markup import escape_latex, plain, plain_latex
from store.store import Store
from store.types import Entry, Record

_CHARS = st.one_of(
    st.sampled_from([*"\\{}$%&#_^~\"'`-@,;:<>[]()=+ \n", "\\alpha", "&amp;", "$x^2$", "<p>", " and ", "--", "''", "\\'e", "é", "∀", "𝒪"]),
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Co"]),
)
_TEXT = st.lists(_CHARS, min_size=1, max_size=60).map(lambda parts: clean("".join(parts)))
_WORDS = _TEXT.map(lambda text: " ".join(text.split())).filter(bool)


def entries() -> st.SearchStrategy[Entry]:
    return st.builds(
        Entry,
        id=_WORDS,
        title=st.none() | _WORDS,
        abstract=_TEXT.filter(bool),
        authors=st.lists(_WORDS, max_size=4).map(tuple),
        year=st.none() | st.integers(min_value=1500, max_value=2099),
        venue=st.none() | _TEXT.filter(bool),
        url=st.none() | st.sampled_from(["https://example.org/a_b?c=%20&d=1#e", "http://x.y/~z"]),
        doi=st.none() | st.sampled_from(["10.1000/x_y(z)", "10.48550/arxiv.2301.01234"]),
        arxiv=st.none() | st.sampled_from(["2301.01234", "hep-ph/9901001"]),
        aliases=st.lists(_WORDS, max_size=3, unique=True).map(tuple),
        keywords=st.lists(_WORDS, max_size=3, unique=True).map(tuple),
    )


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=120, deadline=None)
@given(found=st.lists(entries(), min_size=1, max_size=3))
def test_an_export_reads_back_as_it_was(format: str, found: list[Entry]) -> None:
    text = "".join(exported(found, format))
    back = list(parser_for(format, AS_NAMED).parse("x", enumerate(text.split("\n"), start=1)))
    assert len(back) == len(found)
    for record, entry in zip(back, found, strict=True):
        assert isinstance(record, Record), record
        aliases = tuple(alias for alias in entry.aliases if alias != entry.id)
        assert record == Record(
            record.line,
            entry.title,
            entry.abstract,
            entry.authors,
            entry.year,
            entry.venue,
            entry.url,
            entry.doi,
            entry.arxiv,
            aliases,
            entry.keywords,
            entry.id,
        )


@given(_TEXT)
def test_escaped_latex_reads_back(text: str) -> None:
    assert plain_latex(escape_latex(text)) == text


@given(st.text())
def test_markup_is_taken_out_of_anything(text: str) -> None:
    assert isinstance(plain(text), str) and isinstance(plain_latex(text), str)


@pytest.mark.parametrize(
    ("source", "readable"),
    [
        (r"Schr\"odinger, {\'E}tienne and Jos\'{e}", "Schrödinger, Étienne and José"),
        (r"in $O(n \log n)$ time", "in O(n log n) time"),
        (r"$\alpha_s$ at 5\% costs \$5", "α_s at 5% costs $5"),
        (r"it costs $5 and $10", "it costs $5 and $10"),
        (r"\emph{very {\bf good}} \textbf{bold}", "very good bold"),
        (r"a \ourmethod{} of ours", r"a \ourmethod of ours"),
        ("AT&amp;T &eacute; &#8211; R&D", "AT&T é – R&D"),
        ("<jats:p>H<sub>2</sub>O at 10<sup>-3</sup> <i>in vivo</i></jats:p>", "H2O at 10^-3 in vivo"),
        ("p < 0.05 and q > 1", "p < 0.05 and q > 1"),
        ("{1, 2} sets stay, and 50% too", "{1, 2} sets stay, and 50% too"),
    ],
)
def test_markup_becomes_readable(source: str, readable: str) -> None:
    assert plain(source) == readable


def test_latex_groups_ties_and_dashes() -> None:
    assert plain_latex(r"A {T}itle~of {LaTeX} -- ``quoted'' --- end") == "A Title of LaTeX – “quoted” — end"


@pytest.mark.parametrize("format", FORMATS)
def test_a_store_comes_back_from_its_export(tmp_path: Path, format: str, corpus_files: list[Path]) -> None:
    with Store(tmp_path / "s", create=True) as store:
        ingest(store, corpus_files[:1])
        held = store.ledger.entries()
        path = tmp_path / f"all.{'bib' if format == 'bibtex' else format}"
        path.write_text("".join(exported(held.values(), format)), encoding="utf-8")
        assert ingest(store, [path]).added == 0
    with Store(tmp_path / "t", create=True) as other:
        assert ingest(other, [path]).added == len(held)
        again = other.ledger.entries()
        assert {id: (e.title, e.abstract) for id, e in again.items()} == {id: (e.title, e.abstract) for id, e in held.items()}
        assert examine(other) == []
