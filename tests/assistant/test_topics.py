"""The map of a corpus, and related entries."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.core import Assistant
from assistant.faces.cli import run as cli
from assistant.render.atlas import markdown, page, render, render_related
from assistant.topics.atlas import KEPT, Atlas
from assistant.types import Near
from store.errors import NotFoundError, StoreError
from store.ingest import ingest
from store.store import Store
from store.types import Filters


@pytest.fixture
def copied(digest_store: Path, tmp_path: Path) -> Path:
    path = tmp_path / "store"
    shutil.copytree(digest_store, path)
    (path / KEPT).unlink(missing_ok=True)
    return path


def adds_up(assistant: Assistant, made: Atlas) -> None:
    assert sum(theme.size for theme in made.themes) == made.entries
    assert [theme.n for theme in made.themes] == list(range(1, len(made.themes) + 1))
    assert all(theme.name and theme.papers for theme in made.themes)
    for paper in [*(p for theme in made.themes for p in theme.papers), *made.outliers]:
        assert assistant.store.resolve(paper.id).title == paper.title
    for place in made.places:
        assert 0 <= place.x <= 1 and 0 <= place.y <= 1 and 1 <= place.theme <= len(made.themes)


def test_a_map_of_the_sample(copied: Path) -> None:
    assistant = Assistant(copied)
    made = assistant.topics()
    adds_up(assistant, made)
    assert made.entries == 60 and 3 <= len(made.themes) <= 8 and not made.places
    again = assistant.topics()
    assert replace(again, seconds=0) == replace(made, seconds=0)
    anew = assistant.topics(fresh=True)
    assert replace(anew, seconds=0) == replace(made, seconds=0)
    drawn = assistant.topics(picture=True)
    assert len(drawn.places) == 60 and drawn.themes == made.themes


def test_themes_and_places_stay_when_a_few_papers_come(copied: Path, tmp_path: Path) -> None:
    before = Assistant(copied).topics(picture=True)
    file = tmp_path / "more.jsonl"
    file.write_text(
        json.dumps(
            {
                "title": "Pruning attention heads",
                "abstract": "We prune attention heads of trained transformers and find that few are needed.",
            }
        )
        + "\n"
    )
    with Store(copied) as store:
        ingest(store, [file])
    assistant = Assistant(copied)
    after = assistant.topics(picture=True)
    adds_up(assistant, after)
    assert [t.name for t in after.themes] == [t.name for t in before.themes] and after.entries == before.entries + 1
    spots = {p.id: (p.x, p.y) for p in before.places}
    kept = {p.id: (p.x, p.y) for p in after.places if p.id in spots}
    assert kept == spots and len(after.places) == len(spots) + 1


def test_a_damaged_or_unwritable_map_is_drawn_again(copied: Path) -> None:
    assistant = Assistant(copied)
    made = replace(assistant.topics(), seconds=0)
    for damage in ("{", "[]", '{"format": 1}', (copied / KEPT).read_text()[:100]):
        (copied / KEPT).write_text(damage, encoding="utf-8")
        assert replace(assistant.topics(), seconds=0) == made
    (copied / KEPT).unlink()
    (copied / KEPT).mkdir()
    assert replace(assistant.topics(), seconds=0) == made


def test_one_looks_into_a_theme(copied: Path) -> None:
    assistant = Assistant(copied)
    whole = assistant.topics()
    inside = assistant.topics(theme=1)
    adds_up(assistant, inside)
    assert inside.within == whole.themes[0].name and inside.entries == whole.themes[0].size
    for number in (0, len(whole.themes) + 1):
        with pytest.raises(NotFoundError, match="no theme"):
            assistant.topics(theme=number)


def test_a_filtered_map_is_not_kept(copied: Path) -> None:
    assistant = Assistant(copied)
    with pytest.raises(StoreError, match="No entry"):
        assistant.topics(Filters(years=(1800, 1801)))
    assistant.topics(Filters(source="*"))
    assert not (copied / KEPT).exists()


def test_a_refused_topic_names_the_nearest_themes(copied: Path) -> None:
    assistant = Assistant(copied)
    made = assistant.summarize("medieval falconry")
    names = {theme.name for theme in assistant.topics().themes}
    assert made.reason == "no-topic" and any(name in made.notes[0] for name in names)


def test_the_map_of_the_real_corpus(corpus: Assistant) -> None:
    made = corpus.topics(fresh=True)
    adds_up(corpus, made)
    assert made.entries == 485 and 8 <= len(made.themes) <= 16
    words = " ".join(theme.name for theme in made.themes).lower()
    assert "graph" in words and "language" in words


HOSTILE = '<script>alert(1)</script> "onload=1 \x1b[31m [x](http://evil.example)'


def test_the_page_runs_nothing(copied: Path, tmp_path: Path, browser_dom: Callable[[Path], str]) -> None:
    made = Assistant(copied).topics(picture=True)
    bad = replace(
        made,
        themes=tuple(
            replace(t, name=HOSTILE, phrases=(HOSTILE,), papers=tuple(Near(p.id, HOSTILE, p.provenance) for p in t.papers))
            for t in made.themes
        ),
        places=tuple(replace(p, title=HOSTILE, id=HOSTILE) for p in made.places),
        outliers=(Near("x", HOSTILE, ()),),
    )
    file = tmp_path / "map.html"
    file.write_text(page(bad), encoding="utf-8")
    dom = browser_dom(file)
    assert dom.count('class="dot"') >= 60 and "<script" not in dom and "alert(1)" in dom and "default-src 'none'" in dom
    assert "\x1b" not in render(bad) and "\x1b[31m" not in render(bad, color=True) and not re.search(r"(?<!\\)\](?=\()", markdown(bad))
    assert all(f'id="theme-{t.n}"' in dom for t in made.themes)


def test_related_entries(copied: Path) -> None:
    assistant = Assistant(copied)
    made = assistant.related("The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural Networks", 5)
    assert len(made.hits) == 5 and made.entry.id not in {hit.id for hit in made.hits}
    scores = [hit.similarity for hit in made.hits]
    assert scores == sorted(scores, reverse=True) and not any(hit.duplicate for hit in made.hits)
    assert "Rethinking the Value of Network Pruning" in {hit.title for hit in made.hits}
    for hit in made.hits:
        assert not set(hit.shared) & set(hit.own)
    assert made.hits[0].title in render_related(made)
    with pytest.raises(NotFoundError):
        assistant.related("no such paper")


def test_near_duplicates_are_told_and_not_merged(copied: Path, tmp_path: Path) -> None:
    with Store(copied) as store:
        entry = next(iter(store.ledger.entries().values()))
        file = tmp_path / "twin.jsonl"
        file.write_text(json.dumps({"title": f"{entry.title} (extended)", "abstract": f"{entry.abstract} This version is longer."}) + "\n")
        ingest(store, [file])
    made = Assistant(copied).related(entry.id, 3)
    assert made.hits[0].duplicate and "extended" in (made.hits[0].title or "") and "near-duplicate" in render_related(made)
    assert not made.hits[1].duplicate


def test_the_commands(copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            cli([*arguments, "--store", str(copied)])
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    code, out, err = call("topics")
    assert code == 0 and "60 papers in" in out and "\x1b" not in out and err == ""
    data = json.loads(call("topics", "--json")[1])
    assert data["schema"] == 1 and data["themes"][0]["papers"]
    assert call("topics", "--in", "1")[0] == 0
    code, out, err = call("topics", "-o", str(tmp_path / "map.html"))
    assert code == 0 and (tmp_path / "map.html").read_text().startswith("<!doctype html>")
    assert json.loads(call("related", "Rethinking the Value of Network Pruning", "--json")[1])["hits"]
    for arguments, says in (
        (("topics", "--in", "99"), "no theme 99"),
        (("topics", "-o", "map.bib"), "no BibTeX"),
        (("related", "nothing of the kind"), "No entry"),
        (("topics", "--json", "--html"), "cannot go together"),
    ):
        code, out, err = call(*arguments)
        assert code == 2 and says in out + err and "Traceback" not in err
