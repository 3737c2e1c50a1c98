"""Data sets by name or path: the sample's questions, files in our schema, and public sets in the forms they are published in."""

from __future__ import annotations

import csv
import json
from importlib.resources import as_file, files
from pathlib import Path

from evals.cases import Case, DataError, Dataset, Kind, make_dataset, read_cases, read_rows

SAMPLE = "sample"
# Part of ml_questions/dev: the questions are ours to ship, the abstracts are read from a path.
SLICE = "ml-slice"
_ASPECTS = ("challenge", "approach", "outcome")


def load(name: str, corpus: tuple[Path, ...] = ()) -> Dataset:
    """A data set.

    Args:
        name: ``sample``, ``ml-slice``; or a path: a file in our schema or in that of ml_questions (``dev.jsonl``), or a folder in the form of SciFact (``claims_train.jsonl``),
            ACLSum (``train.jsonl``) or BEIR (``queries.jsonl`` with ``qrels.tsv`` or ``qrels/``; LitSearch too).
        corpus: files to be ingested for it, where its folder does not hold them.

    Raises:
        DataError: there is none of that name, or it cannot be read.
    """
    if name == SAMPLE:
        with as_file(files("evals").joinpath("data/sample.jsonl")) as path:
            return make_dataset(SAMPLE, read_cases(path))
    if name == SLICE:
        with as_file(files("evals").joinpath("data/ml_slice.jsonl")) as path:
            return _ml_questions(path, corpus)
    path = Path(name)
    if path.is_file():
        if path.parent.joinpath("queries.jsonl").exists() and path.suffix == ".tsv":
            return _beir(path.parent, path, corpus)
        if _is_ml_questions(path):
            return _ml_questions(path, corpus)
        return make_dataset(path.stem, read_cases(path), corpus)
    if not path.is_dir():
        raise DataError(f"{name}: no data set of that name and no such file.", "List them: assistant eval list")
    if (path / "claims_train.jsonl").exists():
        return _scifact(path, corpus)
    if (path / "queries.jsonl").exists():
        qrels = [*path.glob("qrels.tsv"), *path.glob("qrels/*.tsv")]
        if not qrels:
            raise DataError(f"{path}: queries.jsonl without qrels.tsv.", "A BEIR folder holds queries.jsonl, qrels and corpus.jsonl.")
        return _beir(path, qrels[0], corpus)
    if (path / "train.jsonl").exists():
        return _aclsum(path / "train.jsonl")
    raise DataError(
        f"{path}: the form of this folder is not known.", "Give a folder of SciFact, ACLSum, LitSearch or BEIR, or a file of cases."
    )


def _corpus_of(folder: Path, corpus: tuple[Path, ...]) -> tuple[Path, ...]:
    held = tuple(p for p in (folder / "corpus.jsonl", folder / "corpus.jsonl.gz") if p.exists())
    return corpus or held[:1]


def _beir(folder: Path, qrels: Path, corpus: tuple[Path, ...]) -> Dataset:
    """BEIR (Thakur et al. 2021): queries.jsonl, qrels in tab-separated columns, corpus.jsonl."""
    gold: dict[str, list[tuple[str, ...]]] = {}
    with qrels.open(encoding="utf-8") as file:
        for number, columns in enumerate(csv.reader(file, delimiter="\t"), start=1):
            if len(columns) != 3:
                raise DataError(f"{qrels}, line {number}: {len(columns)} columns, not 3.", "Write query-id, corpus-id and score.")
            if columns[2].lstrip("-").isdecimal() and int(columns[2]) > 0:
                gold.setdefault(columns[0], []).append((columns[1],))
    cases = []
    for number, row in read_rows(folder / "queries.jsonl"):
        for field in ("_id", "text"):
            if not isinstance(row.get(field), str):
                raise DataError(
                    f"{folder / 'queries.jsonl'}, line {number}, field {field}: missing or not a text.", "A BEIR query has both."
                )
        if groups := gold.get(row["_id"]):
            cases.append(Case(id=row["_id"], kind="retrieval", question=row["text"], gold=tuple(groups)))
    return make_dataset(folder.name, cases, _corpus_of(folder, corpus))


def _scifact(folder: Path, corpus: tuple[Path, ...]) -> Dataset:
    """SciFact (Wadden et al. 2020): each train claim for retrieval, and for rationale selection in its evidence abstracts."""
    source = _corpus_of(folder, corpus)
    abstracts = {str(row["doc_id"]): row["abstract"] for _, row in read_rows(source[0])}
    gold: dict[str, list[tuple[str, ...]]] = {}
    with (folder / "beir_qrels_train.tsv").open(encoding="utf-8") as file:
        for query, doc, grade in csv.reader(file, delimiter="\t"):
            if grade.isdecimal() and int(grade) > 0:
                gold.setdefault(query, []).append((doc,))
    cases = []
    for _, row in read_rows(folder / "claims_train.jsonl"):
        claim = str(row["id"])
        if claim in gold:
            cases.append(Case(id=f"r{claim}", kind="retrieval", question=row["claim"], gold=tuple(gold[claim])))
        for doc, evidence in row["evidence"].items():
            sets = tuple(tuple(abstracts[doc][n].strip() for n in one["sentences"]) for one in evidence)
            whole = tuple(dict.fromkeys(sentence for one in sets for sentence in one))
            cases.append(
                Case(id=f"e{claim}-{doc}", kind="rationale", question=row["claim"], gold=((doc,),), evidence=whole, rationales=sets)
            )
    return make_dataset(folder.name, cases, source)


_ML_KINDS: dict[str, Kind] = {"list": "which", "answer": "fact", "compare": "compare", "none": "unanswerable"}


def _is_ml_questions(path: Path) -> bool:
    """Whether a file's first line is a question over ten judged abstracts."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return '"docs"' in (line := file.readline()) and '"relevant"' in line


def _ml_questions(path: Path, corpus: tuple[Path, ...]) -> Dataset:
    """Questions each asked of its ten judged abstracts: grade 2 is gold, 1 is maybe; evidence by offsets into the corpus's ``text``."""
    if not corpus:
        raise DataError(f"{path}: its abstracts are in another file.", "Name it: --corpus corpus_100k.jsonl.gz")
    rows = [row for _, row in read_rows(path)]
    wanted = {id for row in rows for id in row["docs"]}
    texts = {row["_id"]: row for file in corpus for _, row in read_rows(file) if row.get("_id") in wanted}
    cases = []
    for row in rows:
        if all(id in texts for id in row["docs"]):
            gold, maybe = ([id for id, grade in row["relevant"].items() if grade == wanted_grade] for wanted_grade in (2, 1))
            if row["kind"] != "none" and not gold:
                gold, maybe = maybe, []
            spans = [texts[span["id"]]["text"][span["start"] : span["end"]] for span in row["evidence"] if span["id"] in gold]
            cases.append(
                Case(
                    id=row["id"],
                    kind=_ML_KINDS[row["kind"]],
                    question=row["question"],
                    gold=tuple((id,) for id in gold),
                    maybe=tuple((id,) for id in maybe),
                    evidence=tuple(spans),
                    why=row.get("why", ""),
                    among=tuple(row["docs"]),
                )
            )
    documents = [json.dumps(texts[id], ensure_ascii=False) for id in sorted(texts)]
    return make_dataset(SLICE if path.stem == "ml_slice" else f"ml_questions-{path.stem}", cases, documents=documents)


def _aclsum(path: Path) -> Dataset:
    """ACLSum (Takeshita et al. 2024): for each one-sentence summary of an aspect, the abstract's sentences that bear it out."""
    cases: list[Case] = []
    documents: list[str] = []
    for number, row in read_rows(path):
        try:
            id, sentences = row["id"], [sentence.strip() for sentence in row["sentences"]["abstract"]]
            for aspect in _ASPECTS:
                marks = row["highlights"][aspect]["abstract"]
                marked = tuple(sentence for sentence, mark in zip(sentences, marks, strict=True) if mark)
                if marked:
                    question = row["summary"][aspect]
                    cases.append(Case(id=f"{id}-{aspect}", kind="rationale", question=question, gold=((id,),), evidence=marked))
            documents.append(json.dumps({"id": id, "title": row["title"], "abstract": " ".join(sentences)}))
        except (KeyError, ValueError) as error:
            raise DataError(f"{path}, line {number}: {error!r}.", "Give ACLSum as published.") from None
    return make_dataset(f"aclsum-{path.stem}", cases, documents=documents)
