"""Candidates are the same whichever way they are looked for."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

import store.retrieve as retrieval
from store.fakes import HashEmbedder
from store.ingest import ingest
from store.lexical import terms
from store.store import Store
from store.types import Filters

COUNT = 300


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("retrieval")
    rows = [
        {
            "title": f"On topic number {n}",
            "abstract": f"We study topic {n % 17} with care. Method {n * n} works for subject {n % 5}.{'' if n % 3 else ' Zebras matter.'}",
            "year": 2000 + n % 20,
            "venue": "ACL" if n % 3 else "ICML",
        }
        for n in range(COUNT)
    ]
    (folder / "papers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with Store(folder / "s", create=True, embedder=HashEmbedder()) as store:
        ingest(store, [folder / "papers.jsonl"])
    return folder / "s"


@pytest.mark.parametrize("filters", [Filters(years=(2005, 2012)), Filters(venue="acl"), Filters(venue="icml", years=(2015, None))])
@pytest.mark.parametrize("text", ["topic 7", "method for subject 3", "absent words", "On topic number 42"])
def test_a_filter_lets_through_the_same_whether_searched_exactly_or_in_wider_pools(
    made: Path, monkeypatch: pytest.MonkeyPatch, filters: Filters, text: str
) -> None:
    with Store(made, embedder=HashEmbedder()) as store:
        within = store.ledger.filter(filters)
        vector, weights = store.embedder.embed_query(text), dict(Counter(terms(text)))

        def ranked() -> list[tuple[str, float]]:
            found = retrieval.retrieve(store, vector, weights, pool=20, within=within)
            assert {c.id for c in found} <= within.ids and all(c.chunks for c in found)
            return [(c.id, round(c.dense, 4)) for c in found][:10]

        exact = ranked()
        # Pools as wide as the whole store, so that nothing is missed by chance.
        monkeypatch.setattr(retrieval, "_widened", lambda pool, count, passing: COUNT)
        monkeypatch.setattr(retrieval, "_is_narrow", lambda passing, wide: False)
        wide = ranked()
        assert [score for _, score in exact] == [score for _, score in wide]
        assert len(exact) == 10


def test_what_is_nearest_may_be_what_a_filter_keeps_out(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "_EXACT", 0)
    with Store(made, embedder=HashEmbedder()) as store:
        within = store.ledger.filter(Filters(venue="acl"))
        vector = store.embedder.embed_query("Zebras matter. Zebras matter. Zebras matter.")
        nearest = [id for id, _ in store.vectors.query(vector, 40)]
        assert not within.ids.intersection(nearest)
        found = retrieval.retrieve(store, vector, {"zebra": 1.0}, pool=20, within=within)
        assert len(found) == 20 and {c.id for c in found} <= within.ids
        exact = sorted(retrieval._cosines(store, sorted(within.ids), vector).values(), reverse=True)
        assert [c.dense for c in found] == pytest.approx(exact[:20], abs=1e-5)


def test_a_filter_that_lets_nothing_through_finds_nothing(made: Path) -> None:
    with Store(made, embedder=HashEmbedder()) as store:
        within = store.ledger.filter(Filters(years=(1900, 1901)))
        assert retrieval.retrieve(store, store.embedder.embed_query("topic"), {"topic": 1.0}, within=within) == []


def test_no_more_candidates_than_asked_for_and_the_best_of_them(made: Path) -> None:
    with Store(made, embedder=HashEmbedder()) as store:
        vector, weights = store.embedder.embed_query("topic 7"), {"topic": 1.0, "7": 2.0}
        whole = retrieval.retrieve(store, vector, weights)
        some = retrieval.retrieve(store, vector, weights, count=5)
        assert [c.id for c in some] == [c.id for c in whole][:5]


@pytest.mark.parametrize("few", [0, 10_000])
def test_scores_of_given_entries_do_not_depend_on_how_they_are_named_to_the_index(
    made: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    with Store(made, embedder=HashEmbedder()) as store:
        weights = {"topic": 1.0, "subject": 2.0, "3": 1.0}
        best = store.lexical.query(weights, 50)
        monkeypatch.setattr("store.lexical._FEW", few)
        again = store.lexical.score(weights, [id for id, _ in best])
        assert again == pytest.approx(dict(best), rel=1e-5)
        assert len(store.lexical.score(weights, [id for id, _ in best], 7)) == 7


def test_a_filter_that_is_remembered_notices_what_is_new(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "s")
    filters = Filters(years=(2050, None))
    with Store(tmp_path / "s", embedder=HashEmbedder()) as reader, Store(tmp_path / "s", embedder=HashEmbedder()) as writer:
        for store in (reader, writer):
            assert store.ledger.filter(filters) is store.ledger.filter(filters) and not store.ledger.filter(filters).ids
        new = tmp_path / "new.jsonl"
        new.write_text(json.dumps({"title": "To come", "abstract": "It is to come.", "year": 2051}) + "\n", encoding="utf-8")
        ingest(writer, [new])
        for store in (reader, writer):
            assert len(store.ledger.filter(filters).ids) == 1
        for year in range(2051, 2080):
            reader.ledger.filter(Filters(years=(year, None)))
        assert len(reader.ledger._filtered) == 8
