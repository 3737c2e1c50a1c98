"""Fit the small models that turn the reader's opinion, vectors and words into probabilities, and write ``assistant/ranking/weights.json``.

    python -m evals.training.calibrate collect --store STORE --questions ml_questions --out FOLDER
    python -m evals.training.calibrate fit --from FOLDER [--write]

The store holds the abstracts of ml_questions and those in ``evals/data/pool_judgements.jsonl`` (title and abstract by the corpus's ids). The
reader was trained on ml_questions/train, so what it says there is too sure of itself: the models are fitted on every second
group of ml_questions/dev, on the papers that were judged for train and dev questions in a corpus of 65,000 (never labelled
before), and checked on the other dev groups. Each question is asked of its ten papers,
some also of 500, of those 500 without the papers
that belong, and of the whole store.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from assistant.query.analyzer import analyze
from assistant.query.query import make_query
from assistant.ranking.answerability import answerability_features
from assistant.ranking.ranker import rank
from assistant.ranking.reader import Reader
from assistant.ranking.relevance import choose
from assistant.ranking.sentences import sentence_features
from assistant.ranking.weights import LogisticModel, logistic
from evals.cases import read_rows
from evals.figures import logistic_standardised
from evals.training.evaluate import auroc, average_precision, reciprocal_rank
from store.embed import shipped_embedder
from store.errors import QuestionError
from store.store import Store
from store.types import Filtered

JUDGEMENTS = Path(__file__).resolve().parents[1] / "data" / "pool_judgements.jsonl"
TARGET = Path(__file__).resolve().parents[2] / "assistant" / "ranking" / "weights.json"
ENTRY = ("dense", "sentence", "title", "coverage", "sentence_coverage", "phrase", "bm25", "dense_gap")
READ = (*ENTRY, "reader", "evidence", "reader_gap", "reader_mean")
SENTENCE = ("cosine", "coverage", "late")
ANSWERABLE = ("best", "second", "reader", "first_evidence", "dense", "sentence")
FACT_ANSWERABLE = (*ANSWERABLE, "figure_missing", "counted_missing")
# Of these, what only a reader gives.
_READERS = ("reader", "first_evidence")
# Least probabilities for which a question is answered: with them at most five in a hundred answerable ones were refused of the half of the new
# questions that was looked at. Without the reader, the quantiles on what was fitted.
THRESHOLDS = {"answerable": 0.16, "list_answerable": 0.25}
REFUSED = 0.05
SIZES = ("ten", "small", "without", "all")
KINDS = ("list", "answer", "compare", "none")
_SMALL = 500
# Reading takes time: only so many are asked of a small corpus, and of the whole only those whose search results were judged, and facts.
_SHARE_SMALL = 0.35
_READ_OF_SMALL = 24
_RIDGE = 1.0
# Ten papers that were chosen for being near each other are unlike any corpus; they count less.
_SIZE_WEIGHT = {"ten": 0.3}


def expected_calibration_error(probabilities: Sequence[float], labels: Sequence[float], bins: int = 10) -> float:
    """Mean distance of the share of positives from the mean probability, over bins of equal width weighted by size (Naeini et al. 2015)."""
    p, y = np.asarray(probabilities), np.asarray(labels)
    places = np.minimum((p * bins).astype(int), bins - 1)
    return float(sum(abs(p[places == b].mean() - y[places == b].mean()) * (places == b).mean() for b in range(bins) if (places == b).any()))


@dataclass(frozen=True)
class Asked:
    """One question asked of one corpus: what was found, with labels where there are any.

    Args:
        id: the question's.
        kind: ``list``, ``answer``, ``compare`` or ``none``.
        why: why it cannot be answered, for ``none``.
        part: ``fit`` or ``check`` for dev groups; ``pool`` for train questions, of which only the judged papers count.
        size: ``ten``, ``small``, ``without`` or ``all``.
        entries: for each, best first: features, grade (2, 1, 0 or None) and whether it was labelled in its ten.
        sentences: of labelled entries with evidence: features with the reader's logit, and whether it is marked.
        answerable: features of the whole, and whether papers that belong are there.
    """

    id: str
    kind: str
    why: str
    part: str
    size: str
    entries: list[tuple[dict[str, float], int | None, bool]]
    sentences: list[list[tuple[dict[str, float], bool]]]
    answerable: tuple[dict[str, float], bool]


def collect(
    store: Store, reader: Reader | None, folder: Path, sizes: Sequence[str] = SIZES, kinds: Sequence[str] = KINDS
) -> Iterator[Asked]:
    """Ask all questions of corpora of the sizes asked for and keep what was found."""
    judged = {row["question"]: row for _, row in read_rows(JUDGEMENTS)}
    every = sorted(store.ledger.entries())
    place = {alias: e.id for e in store.ledger.entries().values() for alias in (e.id, *e.aliases)}
    for split in ("dev", "train"):
        for _, row in read_rows(folder / f"{split}.jsonl"):
            if row["kind"] not in kinds or (split == "train" and row["id"] not in judged):
                continue
            part = "pool" if split == "train" else ("fit", "check")[row["group"] // 10 % 2]
            random = Random(row["id"])
            ten = frozenset(place[id] for id in row["docs"])
            corpora: dict[str, frozenset[str] | None] = {} if split == "train" else {"ten": ten}
            if split == "dev" and (part == "fit" or random.random() < _SHARE_SMALL):
                small = corpora["small"] = ten | set(random.sample(every, _SMALL))
                known = [*row["relevant"], *judged.get(row["id"], {}).get("grades", ())]
                if known:
                    corpora["without"] = small - {place[id] for id in known}
            if row["id"] in judged or row["kind"] == "answer":
                corpora["all"] = None
            for size, ids in corpora.items():
                if size not in sizes:
                    continue
                try:
                    yield _ask(store, reader, row, judged.get(row["id"]), place, part, size, None if ids is None else Filtered(ids))
                except QuestionError:
                    continue


def _ask(
    store: Store, reader: Reader | None, row: dict[str, Any], judged: dict[str, Any] | None, place: dict[str, str], part: str, size: str,
    allowed: Filtered | None,
) -> Asked:  # fmt: skip
    mode: Any = row["kind"] if row["kind"] != "none" else ("answer" if row["why"] == "detail-not-in-abstract" else "list")
    question = replace(analyze(row["question"]), mode=mode, facet=None, mentions=False)
    ranked = rank(
        store, make_query(store, question), reader, allowed=allowed, most_read=_READ_OF_SMALL if size in ("small", "without") else None
    )
    grades = {place[id]: row["relevant"].get(id, 0) for id in row["docs"]}
    ten = frozenset(grades)
    if judged is not None:
        grades |= {place[id]: judged["grades"].get(id, 0) for id in judged["judged"]}
    marked: dict[str, list[int]] = {}
    for span in row["evidence"]:
        marked.setdefault(place[span["id"]], []).append(span["start"])
    entries = [(dict(one.features), grades.get(one.entry.id), one.entry.id in ten) for one in ranked.entries[: max(ranked.read, 40)]]
    sentences = []
    for one in ranked.entries:
        if one.entry.id in marked and one.reading is not None:
            hits = {next((n for n, s in reversed(list(enumerate(one.measured.spans))) if s.start <= at), 0) for at in marked[one.entry.id]}
            logits = one.evidence_logits
            sentences.append([
                (sentence_features(one.measured, n) | {"evidence": logits.get(n, -99.0)}, n in hits)
                for n in range(len(one.measured.spans))
            ])  # fmt: skip
    present = size != "without" and any(grade == 2 for id, grade in grades.items() if allowed is None or id in allowed.ids)
    return Asked(row["id"], row["kind"], row.get("why", ""), part, size, entries, sentences, (answerability_features(ranked), present))


def save(found: Iterable[Asked], path: Path) -> None:
    """Write what was found, a line each."""
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for number, one in enumerate(found):
            file.write(json.dumps(one.__dict__) + "\n")
            if number % 200 == 0:
                print(number, flush=True)


def load(path: Path) -> list[Asked]:
    """Read what :func:`save` wrote."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        found = [Asked(**json.loads(line)) for line in file]
    for one in found:
        logits = [features["reader"] for features, _, _ in one.entries if "reader" in features]
        for features, _, _ in one.entries:
            if "reader" in features:
                features["reader_mean"] = sum(logits) / len(logits)
    return found


def labelled(asked: Iterable[Asked], kinds: Sequence[str]) -> Iterator[tuple[Asked, dict[str, float], float]]:
    """Entries with a label: 1 for those that belong, 0 for others; borderline ones count as a half, unjudged ones not at all.

    In a train question's pool only the papers count that nobody had labelled before. For facts and comparisons whatever is not in
    the ten is taken not to answer, and so are, for lists too, papers drawn by chance.
    """
    for one in asked:
        if one.kind not in kinds:
            continue
        for features, grade, in_ten in one.entries:
            if one.part == "pool" and in_ten:
                continue
            if grade is None and (one.kind in ("answer", "compare") or one.size in ("small", "without")):
                grade = 0
            if grade is not None:
                yield one, features, grade / 2


def fit_entries(asked: Sequence[Asked], kinds: Sequence[str], names: Sequence[str]) -> LogisticModel:
    """The probability that an entry belongs; every question of every corpus weighs the same."""
    rows, labels, owners = [], [], []
    for one, features, label in labelled(asked, kinds):
        if all(name in features for name in names):
            rows.append([features[name] for name in names])
            labels.append(label)
            owners.append((one.id, one.size))
    counts: dict[Any, int] = {}
    for owner in owners:
        counts[owner] = counts.get(owner, 0) + 1
    weights = [_SIZE_WEIGHT.get(size, 1.0) * 10 / max(10, counts[id, size]) for id, size in owners]
    beta = logistic_standardised(rows, labels, weights, _RIDGE)
    return LogisticModel(dict(zip(names, map(float, beta[:-1]), strict=True)), float(beta[-1]))


def fit_sentences(asked: Sequence[Asked], names: Sequence[str]) -> LogisticModel:
    """The probability that a sentence of a paper that belongs is the evidence; facts, whose evidence is marked whole, count."""
    rows, labels = [], []
    for one in asked:
        for of_entry in one.sentences if one.kind == "answer" and one.size == "ten" else ():
            for features, marked in of_entry:
                if "evidence" not in names or features["evidence"] > -99:
                    rows.append([features[name] for name in names])
                    labels.append(float(marked))
    beta = logistic_standardised(rows, labels, [1.0] * len(rows), _RIDGE)
    return LogisticModel(dict(zip(names, map(float, beta[:-1]), strict=True)), float(beta[-1]))


def fit_answerable(asked: Sequence[Asked], lists: bool, names: Sequence[str]) -> LogisticModel:
    """The probability that the corpus holds an answer."""
    rows, labels = [], []
    for one in asked:
        if _is_list(one) == lists and (lists or one.size != "all"):
            rows.append([one.answerable[0][name] for name in names])
            labels.append(float(one.answerable[1]))
    beta = logistic_standardised(rows, labels, [1.0] * len(rows), 5.0)
    return LogisticModel(dict(zip(names, map(float, beta[:-1]), strict=True)), float(beta[-1]))


def _is_list(one: Asked) -> bool:
    return one.kind == "list" or one.why == "absent-topic"


def fit_on_subject(asked: Sequence[Asked], names: Sequence[str]) -> LogisticModel:
    """Whether papers on the subject are there, given that they do not answer: details that abstracts lack against absent topics."""
    rows = [one for one in asked if one.kind == "none" and not one.answerable[1] and one.size != "without"]
    beta = logistic_standardised(
        [[one.answerable[0][name] for name in names] for one in rows],
        [float(one.why == "detail-not-in-abstract") for one in rows],
        [1.0] * len(rows),
        5.0,
    )
    return LogisticModel(dict(zip(names, map(float, beta[:-1]), strict=True)), float(beta[-1]))


def least(probabilities: Sequence[float], refused: float) -> float:
    """The probability below which no more than a share of answerable questions lie."""
    return float(np.quantile(np.asarray(probabilities), refused))


def rescored(one: Asked, model: LogisticModel) -> list[tuple[float, int | None]]:
    """Entries of a question that were read, by a model: log odds and grade, best first."""
    found = [(model.logit(f), grade) for f, grade, _ in one.entries if all(name in f for name in model.weights)]
    return sorted(found, key=lambda pair: -pair[0])


def with_scores(one: Asked, models: dict[str, LogisticModel], suffix: str = "") -> Asked:
    """The same with the two best log odds of newly fitted models among the features of the whole."""
    model = models[("member" if _is_list(one) else "answer") + suffix]
    scores = [logit for logit, _ in rescored(one, model)] or [-12.0]
    features = one.answerable[0] | {"best": scores[0], "second": scores[1] if len(scores) > 1 else -12.0}
    return replace(one, answerable=(features, one.answerable[1]))


def report(asked: Sequence[Asked], models: dict[str, LogisticModel], suffix: str = "") -> None:
    """Print the figures on the groups that nothing was fitted on."""
    check = [one for one in asked if one.part == "check"]
    for size in ("ten", "small", "all"):
        of_size = [one for one in check if one.size == size]
        maps, ranks, sets, probabilities, labels = [], [], [], [], []
        for one in of_size:
            name = "member" if _is_list(one) else "answer"
            scored = [(s, 0 if g is None and name == "answer" else g) for s, g in rescored(one, models[name + suffix])]
            if size in ("small", "without"):
                scored = [(s, 0 if g is None else g) for s, g in scored]
            judged = [(s, g) for s, g in scored if g is not None]
            if name == "member":
                probabilities += [logistic(s) for s, g in judged if g != 1]
                labels += [float(g == 2) for _, g in judged if g != 1]
            if not one.answerable[1] or not judged or size == "without":
                continue
            scores, relevant = np.array([s for s, _ in judged]), [g == 2 for _, g in judged]
            ignored = [g == 1 for _, g in judged]
            if one.kind == "list":
                maps.append(average_precision(scores, relevant, ignored))
                size_ = choose([logistic(s) for s, _ in scored])
                got = [g for _, g in scored[:size_] if g in (0, 2)]
                total = sum(relevant)
                sets.append(2 * got.count(2) / (len(got) + total) if total else 0.0)
            elif one.kind == "answer":
                ranks.append(reciprocal_rank(scores, relevant, ignored))
        print(
            f"{size}: list MAP {np.nanmean(maps):.3f}, set F1 {np.mean(sets):.3f} (n={len(sets)}), answer MRR {np.mean(ranks):.3f} (n={len(ranks)}), "
            f"ECE of membership {expected_calibration_error(probabilities, labels):.3f} (n={len(labels)})"
        )
    for lists in (False, True):
        name = ("list_answerable" if lists else "answerable") + suffix
        rows = [with_scores(one, models, suffix) for one in check if _is_list(one) == lists]
        for yes_size, no_sizes in (("ten", ("ten",)), ("small", ("small", "without")), ("all", ("small", "without"))):
            yes = np.array([models[name].probability(o.answerable[0]) for o in rows if o.answerable[1] and o.size == yes_size])
            no = np.array([models[name].probability(o.answerable[0]) for o in rows if not o.answerable[1] and o.size in no_sizes])
            limit = np.quantile(yes, 0.05)
            print(
                f"{name}, {yes_size} against {'/'.join(no_sizes)}: AUROC {auroc(yes, no):.3f}, {np.mean(no < limit):.2f} refused at .05 of the others "
                f"({len(yes)} answerable, {len(no)} not)"
            )
    right: dict[str, list[bool]] = {name: [] for name in ("evidence", "cosine", "sentence", "sentence_unread")}
    for one in check:
        if one.kind == "answer" and one.size == "ten":
            for of_entry in one.sentences:
                for name, hits in right.items():
                    key = models[name].logit if name in models else lambda f, n=name: f[n]
                    hits.append(max(of_entry, key=lambda pair: key(pair[0]) if name != "sentence" or pair[0]["evidence"] > -99 else -99)[1])
    print(
        "best sentence of a fact's paper: "
        + ", ".join(f"{name} {np.mean(hits):.3f}" for name, hits in right.items())
        + f" (n={len(right['cosine'])})"
    )


def fit(asked: Sequence[Asked]) -> tuple[dict[str, LogisticModel], dict[str, float]]:
    """All models, and the thresholds of answering."""
    part = [one for one in asked if one.part != "check"]
    own = [one for one in part if one.part == "fit"]
    models = {
        "member": fit_entries(part, ("list", "none"), READ),
        "member_unread": fit_entries(part, ("list", "none"), ENTRY),
        "answer": fit_entries(own, ("answer", "compare"), READ),
        "answer_unread": fit_entries(own, ("answer", "compare"), ENTRY),
        "sentence": fit_sentences(own, (*SENTENCE, "evidence")),
        "sentence_unread": fit_sentences(own, SENTENCE),
    }
    thresholds = {}
    for suffix in ("", "_unread"):
        rows = [with_scores(one, models, suffix) for one in own]
        for name, lists, names in (("answerable", False, FACT_ANSWERABLE), ("list_answerable", True, ANSWERABLE)):
            kept = tuple(n for n in names if not suffix or n not in _READERS)
            models[name + suffix] = fit_answerable(rows, lists, kept)
            yes = [
                models[name + suffix].probability(o.answerable[0])
                for o in rows
                if _is_list(o) == lists and o.answerable[1] and o.size in ("small", "all")
            ]
            thresholds[name + suffix] = least(yes, REFUSED) if suffix else THRESHOLDS[name]
        models["on_subject" + suffix] = fit_on_subject(rows, tuple(n for n in FACT_ANSWERABLE if not suffix or n not in _READERS))
        thresholds["on_subject" + suffix] = 0.5
    return models, thresholds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("collect", help="ask all questions and keep what was found")
    one.add_argument("--store", type=Path, required=True)
    one.add_argument("--questions", type=Path, required=True, help="the folder of ml_questions")
    one.add_argument("--out", type=Path, required=True)
    one.add_argument("--sizes", nargs="+", default=SIZES, choices=SIZES, help="of the corpora")
    one.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS, help="of the questions")
    two = commands.add_parser("fit", help="fit on what was found, and report")
    two.add_argument("--from", dest="source", type=Path, required=True)
    two.add_argument("--write", action="store_true")
    args = parser.parse_args()
    if args.command == "collect":
        args.out.mkdir(parents=True, exist_ok=True)
        with Store(args.store) as store:
            save(
                collect(store, Reader(shipped_embedder().word_pieces), args.questions, args.sizes, args.kinds),
                args.out / f"{'-'.join((*args.sizes, *args.kinds))}.jsonl.gz",
            )
        return
    asked = [one for path in sorted(args.source.glob("*.jsonl.gz")) for one in load(path)]
    models, thresholds = fit(asked)
    for suffix in ("", "_unread"):
        print("with the reader" if not suffix else "without it")
        report(asked, models, suffix)
    if args.write:
        data = {
            "models": {name: {"weights": dict(model.weights), "intercept": model.intercept} for name, model in models.items()},
            "thresholds": thresholds,
        }
        TARGET.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
