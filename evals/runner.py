"""Run a system over a data set: outcomes are kept by what they depend on, so that a stopped run goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from assistant.llm.spec import NONE
from assistant.settings import Settings
from evals.cases import Case, Dataset
from evals.corpora import cache_path, resolve, resolver
from evals.judges import Judge, VerifierJudge
from evals.metrics import count_case, score_case
from evals.metrics.scored import ScoredCase
from evals.systems import SYSTEMS, WRITERS, Outcome, System
from store.store import Store

Progress = Callable[[str, int, int], None]
_PACKAGES = ("assistant", "store", "prompts")


def run(
    dataset: Dataset,
    store: Path,
    system: str = "assistant",
    options: Settings | None = None,
    *,
    limit: int | None = None,
    jobs: int = 1,
    fresh: bool = False,
    progress: Progress | None = None,
) -> list[ScoredCase]:
    """Ask every case.

    Args:
        dataset: the cases.
        store: over which store.
        system: a name in :data:`evals.systems.SYSTEMS`.
        options: the model it writes with; by default none.
        limit: only the first so many cases.
        jobs: processes.
        fresh: ask again even where an outcome is kept.
        progress: called with a label, the cases done and all.

    Returns:
        The cases with what came back, without scores.
    """
    cases = dataset.cases[:limit]
    options = options or Settings()
    with Store(store) as opened:
        places = resolver(opened)
        state = _fingerprint(opened)
    golds = {case.id: resolve(case.gold, places) for case in cases}
    folder = cache_path() / "outcomes"
    folder.mkdir(parents=True, exist_ok=True)
    keys = {case.id: folder / f"{_key(case, system, options, state)}.json" for case in cases}
    outcomes = {} if fresh else {case.id: found for case in cases if (found := _kept(keys[case.id])) is not None}
    todo = [case for case in cases if case.id not in outcomes]
    for case, outcome in _ask(todo, golds, store, system, options, jobs):
        # Written under another name first: a stopped run leaves no half outcome. One that a model failed in is asked again the next time.
        if outcome.fault is None:
            part = keys[case.id].with_suffix(".part")
            part.write_text(json.dumps(outcome.as_json(), ensure_ascii=False), encoding="utf-8")
            part.replace(keys[case.id])
        outcomes[case.id] = outcome
        if progress:
            progress(system, len(outcomes), len(cases))
    bare = []
    for case in cases:
        themes = tuple(frozenset().union(*resolve(theme.members, places)) for theme in case.themes)
        maybe = frozenset().union(*resolve(case.maybe, places)) if case.maybe else frozenset()
        bare.append(ScoredCase(case, outcomes[case.id], tuple(map(frozenset, golds[case.id])), maybe, themes=themes))
    return bare


def score(bare: Sequence[ScoredCase], judge: Judge | None = None) -> list[ScoredCase]:
    """Cases with their scores.

    Args:
        bare: cases with their outcomes.
        judge: of support; the verifier by default.
    """
    judge = judge or VerifierJudge()
    return [replace(one, scores=score_case(one, judge), counts=count_case(one)) for one in bare]


def _ask(
    todo: Sequence[Case], golds: dict[str, list[set[str]]], store: Path, system: str, options: Settings, jobs: int
) -> Iterator[tuple[Case, Outcome]]:
    if not todo:
        return
    if jobs <= 1:
        asked = SYSTEMS[system](store, options)
        for case in todo:
            yield case, asked.run(case, golds[case.id])
        return
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        arguments = [(str(store), system, options.model_dump_json(), case, golds[case.id]) for case in todo]
        yield from zip(todo, pool.map(_one, arguments, chunksize=4), strict=True)


def _one(arguments: tuple[str, str, str, Case, list[set[str]]]) -> Outcome:
    store, system, options, case, gold = arguments
    return _opened(store, system, options).run(case, gold)


@lru_cache(maxsize=1)
def _opened(store: str, system: str, options: str) -> System:
    return SYSTEMS[system](Path(store), Settings.model_validate_json(options))


def _kept(path: Path) -> Outcome | None:
    try:
        return Outcome.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _key(case: Case, system: str, options: Settings, state: str) -> str:
    model = options.model_dump(mode="json") if system in WRITERS and options.llm != NONE else None
    text = json.dumps([case.model_dump(mode="json"), system, model, state, code_version()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _fingerprint(store: Store) -> str:
    counts = store.ledger.counts()
    sources = [(s.name, s.sha256) for s in store.ledger.sources()]
    return json.dumps([counts["entries"], counts["chunks"], sources, store.ledger.meta("embedder")])


@lru_cache(maxsize=1)
def code_version() -> str:
    """Hash of the program's own files: outcomes of other code are not taken for this one's."""
    content = hashlib.sha256()
    for package in (*_PACKAGES, "evals"):
        root = Path(str(files(package)))
        kept = root.rglob("*") if package in _PACKAGES else [root / "systems.py", root / "engine.py"]
        for path in sorted(p for p in kept if p.suffix in (".py", ".json", ".md")):
            content.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return content.hexdigest()[:16]


def settings_of(
    system: str, options: Settings | None = None, jobs: int = 1, limit: int | None = None, judge: Judge | None = None
) -> dict[str, Any]:
    """What a result records of how it was made."""
    model = options.llm if options and system in WRITERS and options.llm != NONE else None
    return {"system": system, "model": model, "jobs": jobs, "limit": limit, "judge": judge.name if judge else VerifierJudge.name}
