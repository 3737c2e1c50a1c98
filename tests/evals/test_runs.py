"""Data sets, runs, results, comparison and the gate."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from evals import runner
from evals.cases import DataError, read_cases
from evals.compare import compare, failures, scores_of
from evals.corpora import ensure_store
from evals.loaders import load
from evals.report.html import page
from evals.report.text import cases_as_text, markdown, terminal
from evals.results import make_result, read, save
from evals.runner import run, score
from evals.stats import mean, paired, statistic
from evals.worst import worst

SHARED = Path(os.environ.get("ASSISTANT_TEST_EVAL", Path(__file__).resolve().parents[3] / "shared" / "eval"))


@pytest.fixture(autouse=True)
def folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep stores and outcomes of one session together, away from the user's."""
    base = tmp_path_factory.getbasetemp() / "xdg"
    monkeypatch.setenv("XDG_DATA_HOME", str(base / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(base / "cache"))


def needs(name: str) -> Path:
    if not (SHARED / name).exists():
        pytest.skip(f"no {name} at {SHARED}; set ASSISTANT_TEST_EVAL")
    return SHARED / name


def test_the_sample_has_every_kind_and_its_evidence_is_verbatim() -> None:
    dataset = load("sample")
    kinds = [case.kind for case in dataset.cases]
    assert len(kinds) >= 60 and set(kinds) == {"which", "fact", "compare", "unanswerable", "topic", "followup"}
    assert {case.why for case in dataset.cases} >= {"absent-topic", "detail-not-in-abstract", "false-premise"}
    digests = (Path(runner.__file__).parents[1] / "assistant" / "sample" / "digests.jsonl").read_text(encoding="utf-8")
    abstracts = [json.loads(line)["abstract"] for line in digests.splitlines()]
    for case in dataset.cases:
        for evidence in (*case.evidence, *(e for p in (*case.points, *case.keypoints) for e in p.evidence)):
            assert any(evidence in abstract for abstract in abstracts), evidence


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "b", "kind": "fact", "question": "q"}', "line 2, field the case"),
        ('{"id": "b", "kind": "riddle", "question": "q"}', "line 2, field kind"),
        ('{"id": 7, "kind": "which", "question": "q", "gold": [["a"]]}', "line 2, field id"),
        ('{"id": "b", "kind": "which", "question": "q", "gold": [[3]]}', "line 2, field gold.0.0"),
        ('{"id": "a", "kind": "which", "question": "q", "gold": [["a"]]}', "also on line 1"),
        ("{oops", "line 2: not valid JSON"),
        ("[1]", "line 2: not a JSON object"),
    ],
)
def test_a_bad_case_is_named_by_line_and_field(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text('{"id": "a", "kind": "which", "question": "q", "gold": [["a"]]}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=said.replace(".", r"\.")):
        read_cases(path)


def test_corpus_questions_are_read_whole() -> None:
    path = needs("corpus_questions/dev.jsonl")
    assert len(load(str(path)).cases) == 109


def test_public_sets_are_read() -> None:
    scifact = load(str(needs("scifact")))
    assert sum(case.kind == "retrieval" for case in scifact.cases) == 809
    assert all(case.rationales for case in scifact.cases if case.kind == "rationale")
    aclsum = load(str(needs("aclsum")))
    assert aclsum.documents and all(case.evidence for case in aclsum.cases)
    with pytest.raises(DataError, match="corpus"):
        ensure_store(load(str(needs("litsearch"))), None)
    assert len(load(str(needs("litsearch")), (Path("corpus.jsonl"),)).cases) == 255


def test_a_run_is_resumed_from_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = load("sample")
    store = ensure_store(dataset, None)
    asked: list[str] = []
    whole = runner._ask

    def counted(todo, *rest):  # type: ignore[no-untyped-def]
        for case, outcome in whole(todo, *rest):
            asked.append(case.id)
            yield case, outcome

    monkeypatch.setattr(runner, "_ask", counted)
    runner.run(dataset, store, "bm25", limit=5)
    assert len(asked) == 5
    again = runner.run(dataset, store, "bm25", limit=8)
    assert len(asked) == 8
    assert runner.run(dataset, store, "bm25", limit=8, fresh=True)[0].outcome.ranking == again[0].outcome.ranking and len(asked) == 16


def test_processes_give_the_same_scores() -> None:
    dataset = load("sample")
    store = ensure_store(dataset, None)
    one = runner.run(dataset, store, "rrf", limit=12, fresh=True)
    two = runner.run(dataset, store, "rrf", limit=12, fresh=True, jobs=2)
    assert [s.scores for s in runner.score(one)] == [s.scores for s in runner.score(two)]


def test_results_are_kept_read_reported_and_compared(tmp_path: Path) -> None:
    dataset = load("sample")
    store = ensure_store(dataset, None)
    ours = make_result(dataset, runner.score(runner.run(dataset, store)), runner.settings_of("assistant"), "assistant eval")
    base = make_result(dataset, runner.score(runner.run(dataset, store, "bm25")), runner.settings_of("bm25"), "assistant eval")
    kept = read(save(ours, tmp_path))
    assert kept == ours
    assert "set F1" in terminal(ours) and "| which | set F1 |" in markdown(ours)
    rows = {(row.kind, row.metric): row.estimate for row in ours.rows}
    assert rows["fact", "quote validity"].value == 1 and rows["which", "set F1"].n == 20
    found = {(one.kind, one.metric): one for one in compare(_scores(base), _scores(ours))}
    assert found["which", "set F1"].verdict == "better"
    html = page(ours)
    assert html.count("<details id=") == sum(s.outcome.status != "unsupported" for s in ours.cases)
    assert "<script" not in html and "default-src 'none'" in html


def _scores(result):  # type: ignore[no-untyped-def]
    from evals.compare import scores_of

    return scores_of(result)


def test_the_report_opens_in_a_browser(tmp_path: Path, browser_dom: Callable[[Path], str]) -> None:
    dataset = load("sample")
    scored = runner.score(runner.run(dataset, ensure_store(dataset, None)))
    file = tmp_path / "report.html"
    file.write_text(page(make_result(dataset, scored, runner.settings_of("assistant"), "x")), encoding="utf-8")
    dom = browser_dom(file)
    assert (
        dom.count("<details") == sum(s.outcome.status != "unsupported" for s in scored)
        and dom.count("<svg") > 20
        and "What to fix first" in dom
    )


def test_the_worst_cases_come_first_and_halves_do_not_meet() -> None:
    dataset = load("sample")
    result = make_result(dataset, score(run(dataset, ensure_store(dataset, None))), {"system": "assistant"}, "test")
    found = worst(result, 3, kind="which")
    assert 0 < len(found) <= 3
    scores = [one.scores["set F1"] for one in found]
    assert scores == sorted(scores) and scores[0] == min(s.scores["set F1"] for s in result.cases if s.case.kind == "which")
    halves = [{s.case.id for s in worst(result, 100, within=h)} for h in ("a", "b")]
    assert halves[0] and halves[1] and not halves[0] & halves[1]
    assert set(scores_of(result, "a")) | set(scores_of(result, "b")) == set(scores_of(result))
    said = cases_as_text(found)
    assert all(one.case.question in said for one in found)


def test_the_gate_sees_a_drop_and_only_a_drop() -> None:
    before = {f"which/{n}": {"set F1": 0.9 - n % 3 * 0.1, "quote validity": 1.0} for n in range(30)}
    same = {name: dict(scores) for name, scores in before.items()}
    assert failures(before, same) == []
    worse = {name: {**scores, "set F1": scores["set F1"] - 0.2} for name, scores in before.items()}
    assert [one.metric for one in failures(before, worse)] == ["set F1"]
    assert failures(worse, before) == []
    same["which/3"]["quote validity"] = 0.5
    assert [one.metric for one in failures(before, same)] == ["quote validity"]


def test_statistics() -> None:
    estimate = mean([0.0, 1.0] * 50)
    assert estimate.value == 0.5 and estimate.low is not None and 0.38 < estimate.low < 0.42
    assert mean([1.0]).low is None
    assert statistic([1, 2, 3], lambda xs: None) is None
    gap = paired([0.0] * 20, [1.0] * 20)
    assert gap.value == 1 and gap.stands_out and gap.p < 0.01
    assert not paired([0, 1] * 10, [1, 0] * 10).stands_out


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from assistant.faces.entry import main; main()", "eval", *arguments], capture_output=True, text=True
    )


def test_the_command_line(tmp_path: Path) -> None:
    first = command()
    assert first.returncode == 0 and "set F1" in first.stdout and "member recall" in first.stdout and "not measured" not in first.stdout
    listed = command("list").stdout
    names = [line.strip() for line in listed.splitlines() if line.startswith("  ")]
    html = tmp_path / "r.html"
    data = json.loads(command("run", "sample", "--limit", "10", "--json", "--html", str(html)).stdout)
    assert data["schema"] == 1 and len(data["cases"]) == 10 and html.stat().st_size > 5000
    assert "set F1" in command("compare", names[0], names[0]).stdout
    for arguments, said in (
        (["run", "nothing.jsonl"], "no data set"),
        (["run", "sample", "--system", "magic"], "no system"),
        (["compare", "a", "b"], "not a result"),
        (["gate", "--baseline", str(tmp_path / "none.json")], "baseline"),
        (["new"], "no corpus yet"),
    ):
        result = command(*arguments)
        assert result.returncode == 2 and said in result.stderr and "Traceback" not in result.stderr


def test_the_committed_baseline_holds() -> None:
    result = command("gate")
    assert result.returncode == 0, result.stdout + result.stderr


def test_drafts_are_cases(corpus_store: Path, tmp_path: Path) -> None:
    drafted = command("new", "-n", "6", "--store", str(corpus_store))
    path = tmp_path / "mine.jsonl"
    path.write_text(drafted.stdout, encoding="utf-8")
    cases = read_cases(path)
    assert len(cases) == 6 and all(case.draft for case in cases) and {case.kind for case in cases} == {"which", "fact"}
    measured = command("run", str(path), "--store", str(corpus_store))
    assert measured.returncode == 0 and "6 cases are drafts" in measured.stderr
