"""What a reviewer found: each of these once lost, doubled or garbled somebody's papers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from store.embed.remote import by_path
from store.errors import EmbedderError, InputFileError
from store.export import exported
from store.fakes import HashEmbedder
from store.ingest import forget, ingest
from store.parse import Reading, parse_file
from store.parse.markup import plain
from store.store import Store
from store.types import Record


def lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def records(folder: Path, name: str, text: str, format: str = "") -> list[Record]:
    (folder / name).write_text(text, encoding="utf-8")
    return [item for item in parse_file(folder / name, Reading(format)) if isinstance(item, Record)]


def titles(store: Store) -> dict[str, str | None]:
    return {id: entry.title for id, entry in store.ledger.entries().items()}


def test_a_file_of_rejects_is_never_written_over(tmp_path: Path) -> None:
    kept = tmp_path / "rejects"
    with Store(tmp_path / "s", create=True, embedder=HashEmbedder()) as store:
        library = tmp_path / "library.bib"
        library.write_text("@misc{a, title={A}, abstract={One.}}\n@misc{b, title={B}}\n@misc{c, title={C}}\n", encoding="utf-8")
        assert ingest(store, [library], rejects=kept).files[0].rejects == str(kept / "library.bib")
        # Corrected by half: the file is read while what is still wrong goes elsewhere.
        half = "@misc{b, title={B}}\n@misc{c, title={C}, abstract={Three.}}\n"
        (kept / "library.bib").write_text(half, encoding="utf-8")
        report = ingest(store, [kept / "library.bib"], rejects=kept)
        assert report.added == 1 and report.files[0].rejects == str(kept / "library-2.bib")
        assert (kept / "library.bib").read_text(encoding="utf-8") == half
        # Read again, the first file does not write over what was corrected; the same rejects are one file.
        third = ingest(store, [library], rejects=kept).files[0].rejects
        assert third == str(kept / "library-3.bib") == ingest(store, [library], rejects=kept).files[0].rejects
        nothing = lines(kept / "none.jsonl", {"title": "no abstract"})
        assert ingest(store, [nothing], rejects=kept).errors and nothing.exists()
        assert not list(kept.glob(".*"))


@pytest.mark.parametrize(
    ("source", "readable"),
    [
        ("For 1 < p we prove bounds. Important. It is sharp if q > 2.", "For 1 < p we prove bounds. Important. It is sharp if q > 2."),
        ("n < p and m > q", "n < p and m > q"),
        ("if a <b and c> d", "if a <b and c> d"),
        ("&lt;i&gt;E. coli&lt;/i&gt; grows", "E. coli grows"),
        ('<span class="x">Text</span> of <a href="http://x">it</a>', "Text of it"),
    ],
)
def test_comparisons_are_no_tags(source: str, readable: str) -> None:
    assert plain(source) == readable


def test_a_corrected_doi_takes_a_paper_out_of_another(tmp_path: Path) -> None:
    a, b = {"title": "A", "abstract": "On ants."}, {"title": "B", "abstract": "On bees."}
    with Store(tmp_path / "s", create=True, embedder=HashEmbedder()) as store:
        path = lines(tmp_path / "x.jsonl", {**a, "doi": "10.1000/b"}, {**b, "doi": "10.1000/b"})
        ingest(store, [path])
        assert len(titles(store)) == 1
        ingest(store, [lines(path, {**a, "doi": "10.1000/a"}, {**b, "doi": "10.1000/b"})])
        assert titles(store) == {"10.1000/a": "A", "10.1000/b": "B"}
    with Store(tmp_path / "t", create=True, embedder=HashEmbedder()) as store:
        ingest(store, [lines(path, {**a, "doi": "10.1000/b"})])
        ingest(store, [lines(path, {**a, "doi": "10.1000/a"})])
        ingest(store, [lines(tmp_path / "y.jsonl", {**b, "doi": "10.1000/b"})])
        assert sorted(t or "" for t in titles(store).values()) == ["A", "B"]


def test_papers_of_one_title_with_dois_of_their_own_stay_apart(tmp_path: Path) -> None:
    bees = {"title": "Editorial", "abstract": "This issue is about bees and what they build.", "doi": "10.1000/1"}
    cars = {"title": "Editorial", "abstract": "We speak of cars in cities, noise, and speed limits.", "doi": "10.1000/2"}
    printed = {"title": "Editorial", "abstract": "This issue is about bees and what they build together.", "doi": "10.2000/1"}
    with Store(tmp_path / "s", create=True, embedder=HashEmbedder()) as store:
        ingest(store, [lines(tmp_path / "x.jsonl", bees, cars, printed)])
        assert set(titles(store)) == {"10.1000/1", "10.1000/2"}
    empty = lines(tmp_path / "e.jsonl", {"title": "Erratum", "abstract": "[No abstract available]"}, {"title": "N", "abstract": "None"})
    assert not [item for item in parse_file(empty) if isinstance(item, Record)]


def test_records_that_show_two_entries_to_be_one_join_them_and_an_export_keeps_them(tmp_path: Path) -> None:
    preprint = {"title": "T preprint", "abstract": "P.", "arxiv": "2301.01234"}
    journal = {"title": "T journal", "abstract": "J.", "doi": "10.1000/j"}
    both = {"title": "T journal", "abstract": "J2.", "doi": "10.1000/j", "arxiv": "2301.01234"}
    with Store(tmp_path / "s", create=True, embedder=HashEmbedder()) as store:
        report = ingest(store, [lines(tmp_path / "x.jsonl", preprint, journal, both)])
        assert set(titles(store)) == {"2301.01234"} and report.entries == 1
        assert store.resolve("10.1000/j").id == "2301.01234" and store.resolve("T preprint").abstract == "J2."
        other = lines(tmp_path / "o.jsonl", {"title": "Other", "abstract": "O."})
        ingest(store, [other])
        whole = tmp_path / "all.jsonl"
        whole.write_text("".join(exported(store.ledger.each_entry(), "jsonl")), encoding="utf-8")
        held = titles(store)
    with Store(tmp_path / "t", create=True, embedder=HashEmbedder()) as store:
        ingest(store, [whole])
        assert titles(store) == held


def test_another_file_of_the_same_name_is_another_file(tmp_path: Path) -> None:
    rows = [{"title": f"Paper {n}", "abstract": f"About {n}."} for n in range(4)]
    with Store(tmp_path / "s", create=True, embedder=HashEmbedder()) as store:
        ingest(store, [lines(tmp_path / "a" / "refs.jsonl", *rows)])
        (tmp_path / "a").rename(tmp_path / "c")
        report = ingest(store, [lines(tmp_path / "b" / "refs.jsonl", {"title": "New", "abstract": "It is."})], prune=True)
        assert (report.added, report.removed, report.entries) == (1, 0, 5)
        # The same bytes in another place are the same file.
        assert ingest(store, [tmp_path / "c" / "refs.jsonl"]).provenances == 5


def test_bibtex_as_web_of_science_and_mendeley_write_it(tmp_path: Path) -> None:
    text = (
        "@article{x, Title = {{T}}, Abstract = {{A b.}}, Author = {Smith, John}, DOI = {{10.1038/nature12373}}}\n"
        "@article{y, title = {U}, abstract = {C.}, author = {Doe, Jane and others}, doi = {10.1007/978-3-319-24574-4{\\_}28}, url = {http://x.org/978-4{\\_}28}}\n"
    )
    first, second = records(tmp_path, "x.bib", text)
    assert (first.doi, first.authors) == ("10.1038/nature12373", ("John Smith",))
    assert (second.doi, second.url, second.authors) == ("10.1007/978-3-319-24574-4_28", "http://x.org/978-4_28", ("Jane Doe",))


def test_one_author_is_one_person(tmp_path: Path) -> None:
    table = 'Title,Author,Abstract Note,Year\nT,"Smith, John",A b.,2020.0\nU,"Ann Bell, Bob Hall",C d.,2021\n'
    first, second = records(tmp_path, "x.csv", table)
    assert (first.authors, first.year) == (("John Smith",), 2020) and second.authors == ("Ann Bell", "Bob Hall")


def test_pages_of_json(tmp_path: Path) -> None:
    pages = (
        json.dumps({"results": [{"title": "T", "abstract": "A."}], "meta": {"n": 1}}) + "\n" + json.dumps({"results": [{"title": "none"}]})
    )
    (tmp_path / "pages.json").write_text(pages, encoding="utf-8")
    assert [type(item).__name__ for item in parse_file(tmp_path / "pages.json")] == ["Record", "Reject"]
    work = {"id": "https://openalex.org/W1", "display_name": "W", "abstract_inverted_index": {"Hello": [0]}}
    assert [r.title for r in records(tmp_path, "api.json", json.dumps({"meta": {}, "results": [work]}, indent=1), "openalex")] == ["W"]
    assert [r.title for r in records(tmp_path, "inner.json", json.dumps([{"title": "T", "abstract": "A b.", "data": [{"url": "x"}]}]))] == [
        "T"
    ]
    crossref = {"status": "ok", "message": {"total": 1, "items": [{"title": ["C"], "abstract": "<jats:p>D.</jats:p>", "DOI": "10.1000/c"}]}}
    assert [(r.title, r.abstract, r.doi) for r in records(tmp_path, "crossref.json", json.dumps(crossref))] == [("C", "D.", "10.1000/c")]


def test_lines_of_an_abstract_that_look_like_tags(tmp_path: Path) -> None:
    text = "TY  - JOUR\nTI  - T\nAB  - Outcomes in\nER - positive breast cancer\nUS - China ties\nAB  - Second part.\nER  - \n"
    (record,) = records(tmp_path, "x.ris", text)
    assert record.abstract == "Outcomes in ER - positive breast cancer US - China ties Second part."
    loose = "TY - JOUR\nTI - T\nAB - It is loose.\nER -\n"
    assert [r.abstract for r in records(tmp_path, "loose.ris", loose)] == ["It is loose."]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("x.nbib", b"PMID- 22345678\nTI  - Other.\n", "PubMed"),
        ("savedrecs.txt", b"FN Clarivate Analytics Web of Science\nPT J\n", "Web of Science"),
        ("x.enw", b"%0 Journal Article\n%T T\n", "EndNote"),
        (
            "x.bib",
            "@misc{a, title={Название статьи}, abstract={Мы показываем, что это так и есть на самом деле.}}".encode("cp1251"),
            "not UTF-8",
        ),
        ("mac.csv", b"title,abstract\rT,It is.\r", "old Macs"),
    ],
)
def test_files_that_are_not_read_say_so(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputFileError, match=words) as error:
        parse_file(tmp_path / name)
    assert error.value.fix


def test_excel_says_what_divides_its_cells(tmp_path: Path) -> None:
    assert [r.title for r in records(tmp_path, "x.csv", "sep=;\ntitle;abstract\nT;It is.\n")] == ["T"]


def test_nothing_is_sent_without_being_asked(tmp_path: Path) -> None:
    class Paid(HashEmbedder):
        place = "https://example.org"
        sent = 0

        def embed_chunks(self, chunks: Any) -> Any:
            self.sent += len(chunks)
            return super().embed_chunks(chunks)

    from store.doctor import examine, repair

    embedder = Paid("paid")
    with Store(tmp_path / "s", create=True, embedder=embedder) as store:
        ingest(
            store, [lines(tmp_path / "x.jsonl", *({"title": f"T{n}", "abstract": f"A {n}."} for n in range(5)))], approve=lambda cost: False
        )
        forget(store, "T0")
        repair(store, examine(store))
        assert embedder.sent == 0 and store.lexical.count() == 4
        repair(store, examine(store), approve=lambda cost: True)
        assert embedder.sent == 4 and examine(store) == []


def test_keys_in_options_are_not_shown() -> None:
    with pytest.raises(EmbedderError) as error:
        by_path("tests.store.test_review:Telling", {"api_key": "sk-SECRET-1"}, None)
    assert "SECRET" not in str(error.value) and "***" in str(error.value)


class Telling:
    """An embedding whose errors show its key."""

    def __init__(self, api_key: str) -> None:
        raise ValueError(f"Incorrect API key provided: {api_key}")


def test_a_folder_of_the_users_own_is_left_alone(tmp_path: Path) -> None:
    with Store(tmp_path / "s", create=True, embedder=HashEmbedder()) as store:
        ingest(store, [lines(tmp_path / "x.jsonl", {"title": "T", "abstract": "A."})])
        (tmp_path / "s" / "chroma.bak").mkdir()
        assert store.new_place()[0].name == "chroma.1"
        assert (tmp_path / "s" / "chroma.bak").exists()
