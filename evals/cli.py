"""``assistant eval``: found by the command line through an entry point, so that assistant/ never imports evals/."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from assistant.faces.options import TimeoutOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assistant.settings import Settings
    from evals.judges import Judge
    from evals.metrics.scored import ScoredCase
    from evals.results import Result
    from store.indexing import Progress

app = typer.Typer(
    help="Measure answers: on the bundled sample, on public sets, on your own questions. Offline, with no model.",
    invoke_without_command=True,
    no_args_is_help=False,
)
_HELD_BASELINE = Path(__file__).parent / "history" / "baseline.json"
_SLICE_BASELINE = Path(__file__).parent / "history" / "ml_slice.json"

StoreOption = Annotated[Path | None, typer.Option("--store", metavar="DIR", help="The store the questions are about.")]
CorpusOption = Annotated[
    list[Path] | None, typer.Option("--corpus", metavar="FILE", help="Files to make a store of, kept for the next time.")
]
SystemOption = Annotated[
    str, typer.Option("--system", help="assistant, or a baseline: bm25, dense, rrf, hybrid, citation-engine (needs --llm).")
]
EvalLlmOption = Annotated[
    str | None,
    typer.Option("--llm", metavar="MODEL", help="Who writes, as in `assistant ask`; none unless named here, whatever is configured."),
]
KeyOption = Annotated[str | None, typer.Option("--key-env", metavar="VAR", help="Environment variable with the endpoint's key.")]
PriceOption = Annotated[str | None, typer.Option("--price", metavar="IN,OUT", help="Dollars a million tokens, for the cost.")]
JudgeOption = Annotated[str, typer.Option("--judge", help="Of support: verifier, verbatim, overlap or model.")]
JudgeLlmOption = Annotated[
    str | None, typer.Option("--judge-llm", metavar="MODEL", help="The judging model; never the answering one unless --same-judge.")
]
SameOption = Annotated[bool, typer.Option("--same-judge", help="Let a model judge its own answers.")]
LabelsOption = Annotated[Path | None, typer.Option("--labels", metavar="FILE", help="People's verdicts, which overrule the judge's.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask before a model judges.")]
LimitOption = Annotated[int | None, typer.Option("--limit", min=1, help="Only the first so many cases.")]
JobsOption = Annotated[int, typer.Option("-j", "--jobs", min=1, max=64, help="Processes.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the whole result as JSON.")]
FreshOption = Annotated[bool, typer.Option("--fresh", help="Ask again even what was asked before.")]
HtmlOption = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Also write a page with every case.")]
HalfOption = Annotated[Literal["a", "b"] | None, typer.Option("--half", help="Only this half of the cases: improve on a, report on b.")]
MarkdownOption = Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")]


@app.callback()
def main(context: typer.Context) -> None:
    """Measure answers. Without a command: the bundled sample.

    Examples: assistant eval; assistant eval run questions.jsonl --store DIR --html report.html
    """
    if context.invoked_subcommand is None:
        run("sample")


@app.command()
def run(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE", help="sample, a file of cases or of ml_questions, or a folder of SciFact, ACLSum, LitSearch or BEIR."
        ),
    ],
    store: StoreOption = None,
    corpus: CorpusOption = None,
    system: SystemOption = "assistant",
    limit: LimitOption = None,
    jobs: JobsOption = 1,
    as_json: JsonOption = False,
    fresh: FreshOption = False,
    html: HtmlOption = None,
    as_markdown: MarkdownOption = False,
    llm: EvalLlmOption = None,
    key_env: KeyOption = None,
    price: PriceOption = None,
    timeout: TimeoutOption = None,
    judge: JudgeOption = "verifier",
    judge_llm: JudgeLlmOption = None,
    same_judge: SameOption = False,
    labels: LabelsOption = None,
    yes: YesOption = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="Ask the whole store also where a case names the entries its labels hold for.")
    ] = False,
) -> None:
    """Ask every case, print the figures and keep the result."""
    from evals.report.html import page
    from evals.report.text import markdown, terminal
    from evals.results import as_json as plain
    from evals.results import save

    options = _options(llm, key_env, price, timeout)
    chosen = _judge(judge, _options(judge_llm, key_env, price, timeout), options, same_judge)
    if labels is not None:
        from evals.judges import human_labels

        chosen = human_labels(labels, chosen)
    result = _measure(name, store, tuple(corpus or ()), system, options, limit, jobs, fresh, chosen, ask=not yes, whole=whole)
    kept = save(result, _runs())
    if html is not None:
        _write(html, page(result))
    print(
        json.dumps(plain(result), ensure_ascii=False) if as_json else markdown(result) if as_markdown else terminal(result),
        end="\n" if as_json else "",
    )
    print(f"kept: {kept}", file=sys.stderr)


@app.command("list")
def list_() -> None:
    """Data sets, systems and the results that are kept."""
    from evals.systems import SYSTEMS

    print("data sets: sample, or a path to a file of cases or a folder of SciFact, ACLSum, LitSearch or BEIR")
    print(f"systems: {', '.join(SYSTEMS)}")
    kept = sorted(_runs().glob("*.json"))
    print("\n".join(["results:", *(f"  {path.stem}" for path in kept)]) if kept else "results: none yet")


@app.command()
def compare(
    before: Annotated[str, typer.Argument(help="A result: its name in `assistant eval list`, or a file.")],
    after: Annotated[str, typer.Argument(help="Another of the same data set.")],
    half: HalfOption = None,
    as_json: JsonOption = False,
) -> None:
    """Paired differences of two results, and whether they stand out from noise."""
    from dataclasses import asdict

    from evals.cases import DataError
    from evals.compare import compare as differ
    from evals.compare import scores_of
    from evals.report.text import differences

    old, new = _result(before), _result(after)
    found = differ(scores_of(old, half), scores_of(new, half))
    if not found:
        raise DataError(f"{old.name} and {new.name} have no case in common.", "Compare two results of the same data set.")
    if as_json:
        rows = [{**asdict(one), "verdict": one.verdict} for one in found]
        print(json.dumps({"schema": 1, "before": old.name, "after": new.name, "differences": rows}))
        return
    print(differences(found, old.name, new.name), end="")


@app.command()
def worst(
    result: Annotated[str, typer.Argument(help="A result: its name in `assistant eval list`, or a file.")],
    count: Annotated[int, typer.Option("-n", min=1, help="How many of each kind.")] = 10,
    kind: Annotated[str | None, typer.Option("--kind", help="Only of this kind.")] = None,
    half: HalfOption = None,
    as_json: JsonOption = False,
) -> None:
    """The cases that went worst, to be read: what was asked, what was wanted, what came back."""
    from evals.report.text import cases_as_text
    from evals.results import case_as_json
    from evals.worst import worst as find

    found = find(_result(result), count, kind=kind, within=half)
    if as_json:
        print(json.dumps({"schema": 1, "cases": [case_as_json(one) for one in found]}, ensure_ascii=False))
    else:
        print(cases_as_text(found), end="")


@app.command()
def gate(
    baseline: Annotated[Path, typer.Option("--baseline", metavar="FILE", help="The committed baseline.")] = _HELD_BASELINE,
    corpus: CorpusOption = None,
    update: Annotated[bool, typer.Option("--update", help="Make this run the baseline and add it to the history.")] = False,
) -> None:
    """Run the sample and fail where it is worse than the baseline by more than noise.

    With --corpus (ml_corpus's abstracts) a slice of ml_questions/dev is run too.
    """
    _gate(_measure("sample", None, (), "assistant"), baseline, update)
    if corpus:
        _gate(_measure("ml-slice", None, tuple(corpus), "assistant"), _SLICE_BASELINE, update)


def _gate(result: Result, baseline: Path, update: bool) -> None:
    from evals.cases import DataError
    from evals.compare import baseline as kept
    from evals.compare import failures, scores_of
    from evals.report.text import differences

    name = result.made["data"]["name"]
    if update:
        _write(baseline, json.dumps(kept(result), indent=1, ensure_ascii=False) + "\n")
        _append_history(baseline.parent / f"{name}.jsonl", result)
        print(f"{baseline}: the baseline is this run now.")
        return
    try:
        before = json.loads(baseline.read_text(encoding="utf-8"))
        scores, digest = before["scores"], before["data"]["digest"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{baseline}: cannot be read as a baseline ({error}).", "Make one: assistant eval gate --update") from None
    if digest != result.made["data"]["digest"]:
        raise DataError(f"The questions of {name} are not those of the baseline.", "Make a new one: assistant eval gate --update")
    worse = failures(scores, scores_of(result))
    if worse:
        print(differences(worse, "baseline", "now"), end="")
        raise SystemExit(2)
    print(f"{name}: nothing is worse than the baseline of {before['date']} by more than noise.")


@app.command()
def new(
    store: StoreOption = None,
    count: Annotated[int, typer.Option("-n", min=2, max=500, help="How many questions.")] = 20,
    seed: Annotated[int, typer.Option(help="Another seed drafts other questions.")] = 0,
) -> None:
    """Draft a question file from your own corpus, to be edited: assistant eval new > mine.jsonl"""
    from assistant.config import existing, store_path
    from assistant.core import Assistant
    from evals.cases import DataError
    from evals.drafts import as_lines, draft

    path = existing(store_path(store))
    if path is None:
        raise DataError("There is no corpus yet to draft questions from.", "Read your files first: assistant ingest FILE")
    print(as_lines(draft(Assistant(path), count, seed)), end="")
    print("Drafts: correct the gold and delete what is no good, then: assistant eval run FILE --store DIR", file=sys.stderr)


def _measure(
    name: str,
    store: Path | None,
    corpus: tuple[Path, ...],
    system: str,
    options: Settings | None = None,
    limit: int | None = None,
    jobs: int = 1,
    fresh: bool = False,
    judge: Judge | None = None,
    *,
    ask: bool = False,
    whole: bool = False,
) -> Result:
    from evals.cases import DataError, of_whole_store
    from evals.corpora import ensure_store
    from evals.loaders import load
    from evals.results import make_result
    from evals.runner import run as ask_all
    from evals.runner import score, settings_of
    from evals.systems import SYSTEMS

    if system not in SYSTEMS:
        raise DataError(f"{system}: no system of that name.", f"Choose one of {', '.join(SYSTEMS)}.")
    show = _progress()
    dataset = load(name, corpus)
    if whole:
        dataset = of_whole_store(dataset)
    folder = ensure_store(dataset, store, show)
    bare = ask_all(dataset, folder, system, options, limit=limit, jobs=jobs, fresh=fresh, progress=show)
    _warn_faults(bare)
    _warn_drafts(dataset.cases)
    _show_cost(bare, judge, ask)
    scored = score(bare, judge)
    return make_result(dataset, scored, settings_of(system, options, jobs, limit, judge), " ".join(["assistant", *sys.argv[1:]]))


def _options(llm: str | None, key_env: str | None, price: str | None, timeout: float | None) -> Settings:
    from assistant.settings import configured

    return configured({"llm": llm or "none", "llm_key_env": key_env, "llm_price": price, "llm_timeout": timeout}).settings


def _judge(kind: str, options: Settings, answering: Settings | None = None, same: bool = False) -> Judge:
    from assistant.llm import make_model
    from evals.cases import DataError
    from evals.judges import OverlapJudge, VerbatimJudge, VerifierJudge
    from evals.model_judge import ModelJudge

    if kind == "model":
        writer = make_model(answering) if answering else None
        return ModelJudge(options, writer.name if writer else None, same=same)
    own = {"verifier": VerifierJudge, "overlap": OverlapJudge, "verbatim": VerbatimJudge}
    if kind not in own:
        raise DataError(f"{kind}: no judge of that name.", "Choose verifier, verbatim, overlap or model.")
    judge: Judge = own[kind]()
    return judge


def _show_cost(bare: Sequence[ScoredCase], judge: Judge | None, ask: bool) -> None:
    """Say what a model judge will cost, and on a terminal ask first."""
    from evals.model_judge import ModelJudge

    if not isinstance(judge, ModelJudge):
        return
    pairs = [
        (text, statement.text)
        for one in bare
        for statement in one.outcome.statements or ()
        for id, text in (one.outcome.premises or [(q.id, q.quote) for q in one.outcome.quotes or ()])
        if id in statement.cites
    ]
    tokens, dollars = judge.estimate(pairs)
    print(f"{judge.name} will judge about {len(pairs)} pairs: {tokens:,} tokens, ${dollars:.2f}.", file=sys.stderr)
    if ask and sys.stdin.isatty():
        typer.confirm("Go on?", abort=True, err=True)


@app.command("agreement")
def agreement_(
    folder: Annotated[Path, typer.Argument(metavar="SCIFACT", help="SciFact's folder: its labels are people's verdicts.")],
    judge: JudgeOption = "verifier",
    limit: LimitOption = None,
    judge_llm: JudgeLlmOption = None,
    key_env: KeyOption = None,
    price: PriceOption = None,
) -> None:
    """How far a judge of support agrees with people."""
    import random

    from evals.agreement import agreement, scifact_pairs
    from evals.model_judge import ModelJudge
    from evals.report.text import interval, number

    pairs = scifact_pairs(folder)
    random.Random(0).shuffle(pairs)
    pairs = pairs[:limit]
    chosen = _judge(judge, _options(judge_llm, key_env, price, None))
    if isinstance(chosen, ModelJudge):
        tokens, dollars = chosen.estimate([(p.premise, p.statement) for p in pairs])
        print(f"{chosen.name} will judge {len(pairs)} pairs: {tokens:,} tokens, ${dollars:.2f}.", file=sys.stderr)
    show = _progress()
    verdicts = []
    for done, pair in enumerate(pairs, start=1):
        verdicts.append((chosen.supports(pair.premise, pair.statement), pair.supported))
        if show:
            show(chosen.name, done, len(pairs))
    for name, estimate in agreement(verdicts).items():
        print(f"{name:10} {number(estimate.value)} {interval(estimate)} n={estimate.n}")
    if isinstance(chosen, ModelJudge):
        print(f"neither yes nor no: {chosen.unclear}")


def _warn_drafts(cases: Any) -> None:
    drafts = sum(case.draft for case in cases)
    if drafts:
        print(f"{drafts} cases are drafts that nobody has checked: their gold is what the program found itself.", file=sys.stderr)


def _warn_faults(bare: Sequence[ScoredCase]) -> None:
    faults = [one.outcome.fault for one in bare if one.outcome.fault]
    if faults:
        print(f"{len(faults)} of {len(bare)} answers are not the model's. The first: {faults[0]}", file=sys.stderr)


def _progress() -> Progress | None:
    from assistant.faces.progress import bar

    return bar()


def _runs() -> Path:
    from platformdirs import user_data_path

    from assistant.config import APP

    return user_data_path(APP) / "eval"


def _result(name: str) -> Result:
    from evals.results import read

    path = Path(name)
    return read(path if path.is_file() else _runs() / f"{name}.json")


def _write(path: Path, text: str) -> None:
    from evals.cases import DataError

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}).", "Name another file.") from None


def _append_history(path: Path, result: Result) -> None:
    rows = {
        f"{row.kind}/{row.metric}".lstrip("/"): round(row.estimate.value, 4) for row in result.rows if not row.metric.startswith("seconds")
    }
    line = {"date": result.made["date"], "code": result.made["code"], "data": result.made["data"]["digest"], "values": rows}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
