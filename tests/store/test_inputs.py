"""Files, folders, patterns and standard input; formats found out or said; rejects corrected; what vanished pruned."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from assistant.faces.cli import run
from store.doctor import examine
from store.fakes import HashEmbedder
from store.ingest import IngestReport, forget, ingest
from store.parse import FieldMap, Reading, find_files, open_source, parse_file
from store.store import Store
from store.types import Record, Reject
from tests.store.damage import FORMS, Paper

BIBTEX = r"""
% Encoding: UTF-8
@string{nips = "Advances in Neural Information Processing Systems"}

@inproceedings{schr2020,
  title = {On {B}ayesian $\alpha$-nets},
  author = "Schr{\"o}dinger, Erwin and Garc{\'\i}a, Ana",
  booktitle = nips # " 33",
  year = 2020,
  abstract = {We study nets
     at 5\% cost -- in $O(n \log n)$ time.},
  keywords = {nets, Bayes},
  doi = {10.1000/abc\_1},
  url = {https://arxiv.org/abs/2001.00001v2},
}
@article{broken, title = {Unbalanced, year = 2019,
@misc(paren, title = {In parentheses}, abstract = {It is read too.})
"""
RIS = "TY  - JOUR\r\nTI  - A RIS paper\r\nAU  - Smith, John\r\nAU  - Doe, Jane\r\nPY  - 2019/03/01\r\nAB  - First part\r\n  goes on &amp; on.\r\nKW  - one\r\nKW  - two\r\nJO  - J. Tests\r\nDO  - 10.1234/abcd\r\nUR  - https://x.y/z\r\nER  - \r\n"
ARXIV = {
    "id": "0704.0001",
    "submitter": "P",
    "authors": "C. Bal\\'azs, E. L. Berger",
    "title": "Calculation of\n  prompt things",
    "journal-ref": "Phys.Rev.D76:013009,2007",
    "doi": "10.1103/PhysRevD.76.013009",
    "categories": "hep-ph cs.LG",
    "abstract": "  A calculation of $\\alpha_s$\nis presented.\n",
    "versions": [{"version": "v1", "created": "Mon, 2 Apr 2007 19:18:42 GMT"}],
    "update_date": "2008-11-26",
    "authors_parsed": [["Bal\\'azs", "C.", ""], ["Berger", "E. L.", ""]],
}
OPENALEX = {
    "id": "https://openalex.org/W123",
    "doi": "https://doi.org/10.5555/W",
    "display_name": "A work",
    "publication_year": 2018,
    "abstract_inverted_index": {"Big": [0], "world": [1, 3], "small": [2]},
    "authorships": [{"author": {"display_name": "Ann Bell"}}],
    "primary_location": {"landing_page_url": "https://example.org/w", "source": {"display_name": "Nature"}},
    "keywords": [{"display_name": "worlds"}],
}


def read(folder: Path, name: str, text: str, reading: Reading | None = None) -> list[Record]:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return [item for item in parse_file(path, reading) if isinstance(item, Record)]


def test_bibtex(tmp_path: Path) -> None:
    first, second = read(tmp_path, "library.bib.gz", BIBTEX)
    assert first == Record(
        5,
        "On Bayesian α-nets",
        "We study nets at 5% cost – in O(n log n) time.",
        ("Erwin Schrödinger", "Ana García"),
        2020,
        "Advances in Neural Information Processing Systems 33",
        "https://arxiv.org/abs/2001.00001v2",
        "10.1000/abc_1",
        "2001.00001",
        ("schr2020",),
        ("nets", "Bayes"),
    )
    assert (second.title, second.abstract) == ("In parentheses", "It is read too.")


def test_ris(tmp_path: Path) -> None:
    (record,) = read(tmp_path, "export.txt", RIS)
    assert record == Record(
        1,
        "A RIS paper",
        "First part goes on & on.",
        ("John Smith", "Jane Doe"),
        2019,
        "J. Tests",
        "https://x.y/z",
        "10.1234/abcd",
        keywords=("one", "two"),
    )


def test_arxiv_snapshot(tmp_path: Path) -> None:
    (record,) = read(tmp_path, "arxiv-metadata-oai-snapshot.json", json.dumps(ARXIV) + "\n")
    assert record == Record(
        1,
        "Calculation of prompt things",
        "A calculation of α_s is presented.",
        ("C. Balázs", "E. L. Berger"),
        2007,
        "Phys.Rev.D76:013009,2007",
        None,
        "10.1103/physrevd.76.013009",
        "0704.0001",
        keywords=("hep-ph", "cs.LG"),
    )


@pytest.mark.parametrize("wrapped", [False, True])
def test_openalex(tmp_path: Path, wrapped: bool) -> None:
    text = json.dumps({"meta": {"count": 1}, "results": [OPENALEX], "group_by": []}) if wrapped else json.dumps(OPENALEX)
    (record,) = read(tmp_path, "works.json" if wrapped else "works.jsonl", text + "\n")
    assert record == Record(
        1,
        "A work",
        "Big world small world",
        ("Ann Bell",),
        2018,
        "Nature",
        "https://example.org/w",
        "10.5555/w",
        aliases=("W123",),
        keywords=("worlds",),
    )


def test_tables_by_what_zotero_and_scopus_call_their_columns(tmp_path: Path) -> None:
    zotero = 'Key,Publication Year,Author,Title,Publication Title,DOI,Abstract Note,Manual Tags\nK1,2020,"Smith, J.; Doe, K.",One,J X,10.1234/a,"Two\nlines, with ""quotes""",x; y\n'
    (record,) = read(tmp_path, "zotero.csv", zotero)
    assert record == Record(
        2, "One", 'Two\nlines, with "quotes"', ("J. Smith", "K. Doe"), 2020, "J X", None, "10.1234/a", None, ("K1",), ("x", "y")
    )
    (record,) = read(tmp_path, "scopus.txt", "Authors;Title;Year;Source title;Abstract\nA B.;Two;2021;Proc;It works.\n")
    assert (record.title, record.year, record.venue, record.abstract) == ("Two", 2021, "Proc", "It works.")


def test_json_of_several_shapes(tmp_path: Path) -> None:
    csl = [
        {
            "title": "C",
            "abstract": "About C.",
            "author": [{"family": "F", "given": "G"}],
            "issued": {"date-parts": [[2015, 1]]},
            "container-title": "J",
        }
    ]
    (record,) = read(tmp_path, "csl.json", json.dumps(csl, indent=2))
    assert (record.authors, record.year, record.venue) == (("G F",), 2015, "J")
    assert [
        r.title
        for r in read(tmp_path, "ids.json", json.dumps({"a": {"title": "A", "abstract": "x"}, "b": {"title": "B", "abstract": "y"}}))
    ] == ["A", "B"]
    pretty = "\n".join(json.dumps({"title": t, "abstract": f"About {t}."}, indent=1) for t in "PQ")
    assert [(r.line, r.title) for r in read(tmp_path, "pretty", pretty)] == [(1, "P"), (5, "Q")]


def test_fields_by_another_name(tmp_path: Path) -> None:
    names = FieldMap.of(["title=paper_title", "abstract=body.text", "venue=where"])
    row = {"paper_title": "T", "body": {"text": "The abstract."}, "where": "ICML"}
    (record,) = read(tmp_path, "odd.jsonl", json.dumps(row), Reading(names=names))
    assert (record.title, record.abstract, record.venue) == ("T", "The abstract.", "ICML")
    (record,) = read(
        tmp_path, "odd.csv", "name of paper,what\nT,It is.\n", Reading(names=FieldMap.of(["title=name of paper", "abstract=what"]))
    )
    assert (record.title, record.abstract) == ("T", "It is.")


def test_every_format_is_found_out_and_may_be_said(tmp_path: Path) -> None:
    papers = [
        Paper(f"Paper {n} On Things", f"We look at {n} things closely. There are many of them in the world. It ends.") for n in range(3)
    ]
    for format, form in FORMS.items():
        path = tmp_path / f"papers-{format}"
        path.write_text(form.before + form.between.join(map(form.record, papers)) + form.after, encoding="utf-8")
        with open_source(path) as source:
            found = source.parser.name
        assert found == {"arxiv": "jsonl", "openalex": "jsonl", "tsv": "csv"}.get(format, format)
        for reading in (None, Reading(format)):
            records = [item for item in parse_file(path, reading) if isinstance(item, Record)]
            assert [(r.title, r.abstract) for r in records] == [(p.title, p.abstract) for p in papers], format


def test_the_same_paper_in_four_formats_is_one_entry(tmp_path: Path) -> None:
    about = "We study one thing in depth, and it works."
    texts = {
        "a.bib": f"@article{{k, title={{One Thing}}, abstract={{{about}}}, eprint={{2301.01234}}}}",
        "b.ris": f"TY  - JOUR\nTI  - One thing\nAB  - {about}\nDO  - 10.1234/one\nER  - \n",
        "c.csv": f'title,abstract,doi,url\nONE THING,"{about}",10.1234/ONE,https://arxiv.org/abs/2301.01234v3\n',
        "d.jsonl": json.dumps({"title": "One thing.", "abstract": about, "year": 2023}),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text + "\n", encoding="utf-8")
    with Store(tmp_path / "s", create=True, embedder=HashEmbedder()) as store:
        report = ingest(store, find_files([tmp_path]))
        (entry,) = store.ledger.entries().values()
        assert (report.added, report.provenances, len(entry.provenance)) == (1, 4, 4)
        assert (entry.id, entry.doi, entry.arxiv, entry.year) == ("2301.01234", "10.1234/one", "2301.01234", 2023)
        assert store.resolve("10.1234/one") == store.resolve("k") == entry


def row(n: int) -> dict[str, Any]:
    return {"title": f"Paper number {n}", "abstract": f"We study topic {n} at length. It works."}


def lines(path: Path, numbers: list[int]) -> Path:
    path.write_text("".join(json.dumps(row(n)) + "\n" for n in numbers), encoding="utf-8")
    return path


def counts(report: IngestReport) -> tuple[int, int, int, int]:
    return report.added, report.updated, report.unchanged, report.removed


def test_what_vanished_stays_until_it_is_pruned(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with Store(tmp_path / "s", create=True, embedder=HashEmbedder()) as store:
        ingest(store, [lines(path, list(range(8)))])
        # Papers 1 and 5 go, the others move up, one comes back later.
        report = ingest(store, [lines(path, [0, 2, 3, 4, 6, 7])])
        assert counts(report) == (0, 0, 6, 0) and report.files[0].vanished == 2
        assert str(store.resolve("Paper number 5").provenance[0]) == "a.jsonl#6"
        report = ingest(store, [lines(path, [0, 2, 3, 4, 6, 7, 5])])
        assert report.files[0].vanished == 1 and str(store.resolve("Paper number 5").provenance[0]) == "a.jsonl#7"
        assert counts(ingest(store, [path], prune=True, dry_run=True)) == (0, 0, 7, 1)
        assert counts(ingest(store, [path], prune=True)) == (0, 0, 7, 1)
        assert store.ledger.counts()["provenances"] == 7 and examine(store) == []


def test_what_is_rejected_is_not_pruned(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with Store(tmp_path / "s", create=True, embedder=HashEmbedder()) as store:
        ingest(store, [lines(path, [0, 1, 2])])
        path.write_text(json.dumps(row(0)) + "\n" + json.dumps(row(1))[:40] + "\n" + json.dumps(row(2)) + "\n", encoding="utf-8")
        report = ingest(store, [path], prune=True)
        assert counts(report) == (0, 0, 2, 0) and len(report.rejected) == 1
        assert store.resolve("Paper number 1")


def test_an_unchanged_file_is_not_read_again_unless_an_entry_of_it_was_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = lines(tmp_path / "a.jsonl", [0, 1, 2])
    with Store(tmp_path / "s", create=True, embedder=HashEmbedder()) as store:
        ingest(store, [path])
        with monkeypatch.context() as patch:
            patch.setattr("store.ingest.open_source", lambda *_: pytest.fail("the file was opened"))
            assert counts(ingest(store, [path])) == (0, 0, 3, 0)
        forget(store, "Paper number 1")
        assert counts(ingest(store, [path])) == (1, 0, 2, 0)
        # Read in another way it is another file.
        assert counts(ingest(store, [path], reading=Reading(names=FieldMap.of(["venue=title"])))) == (0, 3, 0, 0)


@pytest.mark.parametrize(
    ("name", "text", "wrong", "right"),
    [
        ("a.jsonl.gz", '{"title": "A", "abstract": "One."}\n{"title": "B", "abstract": "Two."\n', '"Two."', '"Two."}'),
        ("a.json", '[{"title": "A", "abstract": "One."}, {"title": "B, "abstract": "Two."}]', '"B,', '"B",'),
        ("a.csv", 'title,abstract\nA,One.\nB,"Two.\n', '"Two.', "Two."),
        ("a.bib", "@misc{a, title={A}, abstract={One.}}\n@misc{b, title={B}, abstract={Two.}\n", "{Two.}", "{Two.}}"),
        ("a.ris", "TY  - JOUR\nTI  - A\nAB  - One.\nER  - \nTY  - JOUR\nTI  - B\nNO  - Two.\nER  - \n", "NO  -", "AB  -"),
        ("a.txt", "Title: A\nAbstract: One.\n\nTitle: B\nAbstrct: Two.\n", "Abstrct", "Abstract"),
    ],
)
def test_rejects_are_corrected_and_read_again(tmp_path: Path, name: str, text: str, wrong: str, right: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    with Store(tmp_path / "s", create=True, embedder=HashEmbedder()) as store:
        report = ingest(store, [path], rejects=tmp_path / "rejects")
        assert (report.added, len(report.rejected)) == (1, 1), report
        kept = Path(report.files[0].rejects or "")
        assert kept == tmp_path / "rejects" / name.removesuffix(".gz")
        held = kept.read_text(encoding="utf-8")
        assert wrong in held
        kept.write_text(held.replace(wrong, right), encoding="utf-8")
        assert counts(ingest(store, [kept])) == (1, 0, 0, 0)
        assert store.resolve("B").abstract == "Two."


def test_rejects_keep_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / "latin.jsonl"
    bad = b'{"title": "Caf\xe9", "abstract": "It is good."}\n'
    path.write_bytes(bad + json.dumps(row(1)).encode() + b"\n")
    with Store(tmp_path / "s", create=True, embedder=HashEmbedder()) as store:
        report = ingest(store, [path], rejects=tmp_path / "rejects")
        assert report.added == 1 and "not UTF-8 (byte 0xE9)" in report.rejected[0].reason
        assert (tmp_path / "rejects" / "latin.jsonl").read_bytes() == bad


def cli(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    try:
        run(list(arguments))
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


def test_patterns_folders_and_standard_input(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(3):
        lines(tmp_path / "dumps" / f"part-{n}.jsonl" if n else tmp_path / "one.jsonl", [n]) if (tmp_path / "dumps").exists() or not (
            tmp_path / "dumps"
        ).mkdir() else None
    store = str(tmp_path / "s")
    code, out, _ = cli(capsys, "ingest", str(tmp_path / "dumps" / "part-*.jsonl"), "--store", store, "--json")
    assert code == 0 and [f["file"] for f in json.loads(out)["files"]] == ["part-1.jsonl", "part-2.jsonl"]
    piped = io.TextIOWrapper(io.BytesIO(json.dumps(row(7)).encode()))
    monkeypatch.setattr(sys, "stdin", piped)
    code, out, _ = cli(capsys, "ingest", "-", "--store", store, "--json")
    assert code == 0 and json.loads(out)["added"] == 1 and json.loads(out)["files"][0]["file"].startswith("stdin-")
    for bad in (["nothing-*.bib"], ["x.bib", "--format", "docx"], [str(tmp_path / "one.jsonl"), "--map", "colour=red"], ["-", "--prune"]):
        code, _, err = cli(capsys, "ingest", *bad, "--store", store)
        assert code == 2 and err.startswith("error: ") and "Traceback" not in err


def test_export_by_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    papers = tmp_path / "a.jsonl"
    papers.write_text(json.dumps({**row(1), "year": 2020}) + "\n" + json.dumps({**row(2), "year": 2024}) + "\n", encoding="utf-8")
    store = str(tmp_path / "s")
    assert cli(capsys, "ingest", str(papers), "--store", store)[0] == 0
    code, out, _ = cli(capsys, "export", str(tmp_path / "recent.bib"), "--store", store, "--year", "2023-")
    assert code == 0 and "1 entry" in out and (tmp_path / "recent.bib").read_text(encoding="utf-8").count("@misc{") == 1
    code, out, _ = cli(capsys, "export", "--format", "csv", "--store", store)
    assert code == 0 and len(out.strip().splitlines()) == 3
    code, _, err = cli(capsys, "export", str(tmp_path / "x.docx"), "--store", store)
    assert code == 2 and "names no format" in err


MACROS = """
@string{proc = "Proceedings of "}
@string{cvpr = proc # "CVPR"}
@string{nips = "NeurIPS"}
@comment{nips = old}
@article{a, title = {One}, abstract = {It is one.}, booktitle = cvpr}
@article(b, title = {Two}, abstract = {It is two.}, journal = nips)
@string{nips = "The new NeurIPS"}
@article{c, title = {Three}, abstract = {It is three.}, journal = nips}
@article{d, title = {Four}, journal = cvpr}
"""


def test_macros_that_name_macros(tmp_path: Path) -> None:
    path = tmp_path / "macros.bib"
    path.write_text(MACROS, encoding="utf-8")
    parsed = list(parse_file(path, Reading()))
    assert [item.venue for item in parsed if isinstance(item, Record)] == ["Proceedings of CVPR", "NeurIPS", "The new NeurIPS"]
    (reject,) = [item for item in parsed if isinstance(item, Reject)]
    assert reject.head.split("\n")[:2] == ['@string{proc = "Proceedings of "}', '@string{cvpr = proc # "CVPR"}']
