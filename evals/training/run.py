"""Train embedder and reader, with a larger model as their teacher; on a GPU in some nine minutes.

    python -m evals.training.run --data FOLDER --models FOLDER --out FOLDER

``--data`` is what :mod:`evals.training.prepare` wrote; ``--models`` holds the packed weights to begin from
(:mod:`evals.training.pack`). A cross-encoder made of the larger model learns from the labels; it then judges what
search finds for every question, and the two small models learn from labels and judgements together (knowledge distillation,
Hinton et al. 2015; for rerankers Hofstätter et al. 2020). Each part stops when its share of ``--seconds`` is over, and what is
done is written at once.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from evals.training.embedder import embed, embed_sentences, train_embedder
from evals.training.encoder import Encoder
from evals.training.evaluate import corpus_scores, ten_scores
from evals.training.reader import Lesson, Reader, View, evidence_targets, shortened, train_reader, whole
from evals.training.tokens import Documents, Question, load_questions
from evals.training.weights import load_arrays, save_halves, unpack

PARTS = ("teacher", "embedder", "reader")
# Shares of the time; the reader has what is left.
_SHARES = {"teacher": 0.28, "judge": 0.17, "embedder": 0.13}
_EPOCHS = {"teacher": 3, "student": 12}
_RATES = {"teacher": 4e-5, "embedder": 3e-5, "student": 6e-5}
_BATCH = 16
_DENSE_DEPTH = 60
# A question's pool: the best of the vectors, of BM25, and some of the rest.
_BEST_DENSE, _BEST_LEXICAL, _REST = 10, 8, 6
# Of a question that a program made, whose pool is all there is: fewer, so that more questions are judged.
_MADE_UP = 0.67
_OF_POOL = 6
_FREE = 14
_WHOLE = 0.2
_BUDGET = (64, 176)
_TEST_BUDGET = 112
_READ = 40
# The reader learns to be int8 from here on.
_INT8_FROM = 0.5


class Pools:
    """What search finds for each question: documents near it by vectors and by words.

    Args:
        documents: all of them.
        questions: all of them.
        encoder: the embedder to begin from.
    """

    def __init__(self, documents: Documents, questions: Sequence[Question], encoder: Encoder) -> None:
        self.vectors, self.sentences = embed_sentences(encoder, documents)
        self.queries = embed(encoder, [q.ids for q in questions])
        self.place = {q.id: n for n, q in enumerate(questions)}
        self._documents = documents
        self.dense: list[list[int]] = [[] for _ in questions]
        for source in set(documents.source.tolist()):
            numbers = np.flatnonzero(documents.source == source)
            rows = [n for n, q in enumerate(questions) if q.source == source]
            held = self.vectors[torch.from_numpy(numbers).to(self.vectors.device)]
            for start in range(0, len(rows), 2048):
                part = rows[start : start + 2048]
                best = (self.queries[part] @ held.T).topk(min(_DENSE_DEPTH, len(numbers))).indices.cpu().numpy()
                for row, found in zip(part, best, strict=True):
                    self.dense[row] = numbers[found].tolist()

    def pool(self, question: Question, random: Random) -> list[int]:
        """Documents for a question besides the judged ones."""
        dense = [d for d in self.dense[self.place[question.id]] if d not in question.documents]
        lexical = [d for d in question.lexical if d not in question.documents]
        share = _MADE_UP if question.id.startswith("made:") else 1
        most_dense, most_lexical, most_rest = (round(most * share) for most in (_BEST_DENSE, _BEST_LEXICAL, _REST))
        found = list(dict.fromkeys([*dense[:most_dense], *lexical[:most_lexical]]))
        rest = [d for d in dense[most_dense:] if d not in found]
        return [*found, *random.sample(rest, min(most_rest, len(rest)))]

    def scores(self, question: Question, numbers: Sequence[int]) -> list[npt.NDArray[np.float32]]:
        """Cosines of the question and each document's sentences."""
        starts = self._documents.sentence_starts
        sizes = [int(starts[n + 1] - starts[n]) for n in numbers]
        rows = np.concatenate([np.arange(starts[n], starts[n + 1]) for n in numbers])
        device = self.sentences.device
        found = self.sentences[torch.from_numpy(rows).to(device)].float() @ self.queries[self.place[question.id]]
        return np.split(found.cpu().numpy(), np.cumsum(sizes)[:-1])


@dataclass(frozen=True)
class Judgement:
    """What a teacher says of a question's documents and pool: numbers, logits, evidence logits of the labelled ones, and sentences' cosines."""

    numbers: list[int]
    logits: npt.NDArray[np.float32]
    evidence: list[npt.NDArray[np.float32]]
    cosines: list[npt.NDArray[np.float32]]


class Lessons:
    """Lessons of labels and, once there are judgements, of a teacher's opinion."""

    def __init__(self, documents: Documents, pools: Pools, random: Random) -> None:
        self.documents, self.pools, self.random = documents, pools, random
        self.judgements: dict[str, Judgement] = {}

    def judge(
        self, question: Question, numbers: list[int], logits: npt.NDArray[np.float32], evidence: list[npt.NDArray[np.float32]]
    ) -> None:
        """Keep a teacher's judgement of a question's documents and pool."""
        self.judgements[question.id] = Judgement(numbers, logits, evidence, self.pools.scores(question, numbers))

    def of_labels(self, question: Question, random: Random) -> Lesson:
        """Judged documents and some that are almost surely wrong, whole."""
        dense = self.pools.dense[self.pools.place[question.id]]
        if question.kind in ("claim", "search"):
            chosen = [random.choice(question.relevant)]
            far = [d for d in dense[10 if question.kind == "search" else 1 :] if d not in question.documents]
            chosen += random.sample(far, min(7, len(far)))
            labels = [1.0] + [0.0] * (len(chosen) - 1)
            evidence: set[tuple[int, int]] = set()
        else:
            # Neighbours nobody judged: for facts from the third on, for narrow lists from the fifteenth on, they are hardly ever right.
            least = 3 if question.kind == "answer" else 15 if question.kind == "list" and len(question.relevant) <= 2 else None
            near = [d for d in dense[least:] if d not in question.documents] if least is not None else []
            chosen = [*question.documents, *random.sample(near, min(2, len(near)))]
            labels = [g / 2 for g in question.grades] + [0.0] * (len(chosen) - len(question.documents))
            evidence = set(question.evidence)
        source = self.documents.source[chosen[0]]
        for document in random.sample(range(len(self.documents)), 2):
            if self.documents.source[document] == source and document not in chosen:
                chosen.append(document)
                labels.append(0.0)
        views = [whole(self.documents, d) for d in chosen]
        return self._lesson(question, random, views, labels, [np.nan] * len(views), evidence, [None] * len(views))

    def of_teacher(self, question: Question, random: Random) -> Lesson:
        """Judged documents and some of the pool, whole or shortened, with the teacher's opinion."""
        judgement = self.judgements[question.id]
        numbers, logits, marks = judgement.numbers, judgement.logits, judgement.evidence
        count = len(question.documents)
        if question.kind in ("claim", "search", "free"):
            places = random.sample(range(count), min(1, count)) + random.sample(
                range(count, len(numbers)), min(_FREE, len(numbers) - count)
            )
        else:
            places = [*range(count), *random.sample(range(count, len(numbers)), min(_OF_POOL, len(numbers) - count))]
        labels = [question.grades[p] / 2 if p < count else np.nan for p in places]
        chosen = [numbers[p] for p in places]
        if random.random() < _WHOLE:
            views = [whole(self.documents, d) for d in chosen]
        else:
            budget = random.randint(*_BUDGET)
            views = [shortened(self.documents, numbers[p], judgement.cosines[p], budget) for p in places]
        at = {p: n for n, p in enumerate(places)}
        evidence = {(at[p], sentence) for p, sentence in question.evidence if p in at}
        taught = [marks[p] if p < len(marks) else None for p in places]
        return self._lesson(question, random, views, labels, [float(logits[p]) for p in places], evidence, taught)

    def _lesson(
        self,
        question: Question,
        random: Random,
        views: Sequence[View],
        labels: Sequence[float],
        teacher: Sequence[float],
        evidence: set[tuple[int, int]],
        taught: Sequence[npt.NDArray[np.float32] | None],
    ) -> Lesson:
        ids = random.choice(question.noisy) if question.noisy and random.random() < 0.2 else question.ids
        targets = [
            evidence_targets(view, label, {s for p, s in evidence if p == n}, question.kind, marks)
            for n, (view, label, marks) in enumerate(zip(views, labels, taught, strict=True))
        ]
        return Lesson(ids, tuple(views), np.array(labels, np.float32), np.array(teacher, np.float32), tuple(targets))


def evaluate(reader: Reader, questions: Sequence[Question], documents: Documents, pools: Pools, budget: int | None) -> str:
    """Figures on questions with ten judged documents, read whole or shortened to a budget."""
    texts = [q.ids for q in questions for _ in q.documents]
    views = []
    for question in questions:
        for number, scores in zip(question.documents, pools.scores(question, question.documents), strict=True):
            views.append(whole(documents, number) if budget is None else shortened(documents, number, scores, budget))
    logits, evidence = reader.read(texts, views)
    marks: list[npt.NDArray[np.float32]] = []
    for view, values, (_, number) in zip(views, evidence, ((q, d) for q in questions for d in q.documents), strict=True):
        every = np.full(len(documents.sentences(number)), -30.0, np.float32)
        every[list(view.sentences)] = values
        marks.append(every)
    sizes = np.cumsum([len(q.documents) for q in questions])
    starts = [0, *sizes[:-1].tolist()]
    return str(
        ten_scores(
            questions, np.split(logits, sizes[:-1]), [marks[s : s + len(q.documents)] for s, q in zip(starts, questions, strict=True)]
        )
    )


def evaluate_corpus(
    reader: Reader, questions: Sequence[Question], numbers: Sequence[int], documents: Documents, pools: Pools, cosines: Tensor
) -> str:
    """MAP and MRR over many documents: by vectors alone, by the reader over their first :data:`_READ`, and by both."""
    scores = cosines.cpu().numpy()
    best = cosines.topk(min(_READ, len(numbers))).indices.cpu().numpy()
    texts, views = [], []
    for question, places in zip(questions, best, strict=True):
        chosen = [numbers[p] for p in places]
        texts += [question.ids] * len(chosen)
        views += [shortened(documents, d, s, _TEST_BUDGET) for d, s in zip(chosen, pools.scores(question, chosen), strict=True)]
    logits, _ = reader.read(texts, views)
    read = np.full(scores.shape, -30.0, np.float32)
    np.put_along_axis(read, best, logits.reshape(best.shape), axis=1)
    both = np.where(read > -30, read / 4 + 5 * scores, scores - 30)
    parts = {"vectors": scores, "reader": np.where(read > -30, read, scores - 30), "both": both}
    return "; ".join("{}: list MAP {:.3f}, answer MRR {:.3f}".format(n, *corpus_scores(questions, numbers, s)) for n, s in parts.items())


def judge(reader: Reader, questions: Sequence[Question], lessons: Lessons, seconds: float, log: Callable[[str], None]) -> None:
    """Let a reader judge the documents and the pool of as many questions as time allows; the lessons hold what it finds."""
    began = time.monotonic()
    for start in range(0, len(questions), 512):
        if time.monotonic() - began > seconds:
            break
        part = questions[start : start + 512]
        numbers = [[*q.documents, *lessons.pools.pool(q, lessons.random)] for q in part]
        texts = [q.ids for q, found in zip(part, numbers, strict=True) for _ in found]
        logits, evidence = reader.read(texts, [whole(lessons.documents, d) for found in numbers for d in found])
        at = 0
        for question, found in zip(part, numbers, strict=True):
            marks = evidence[at : at + len(question.documents)] if question.evidence else []
            lessons.judge(question, found, logits[at : at + len(found)], marks)
            at += len(found)
    log(f"judged {len(lessons.judgements)} of {len(questions)} questions")


def save_pools(path: Path, questions: Sequence[Question], lessons: Lessons) -> None:
    """Write the judgements: for each question, documents and logits."""
    rows = [(judgement.numbers, judgement.logits) for judgement in (lessons.judgements[q.id] for q in questions)]
    np.savez_compressed(
        path,
        question=np.array([q.id for q in questions]),
        starts=np.cumsum([0, *(len(numbers) for numbers, _ in rows)]),
        document=np.concatenate([np.array(numbers, np.int32) for numbers, _ in rows]),
        logit=np.concatenate([logits.astype(np.float16) for _, logits in rows]),
    )


class Run:
    """One run: data, the models as they become, and a clock.

    Args:
        data: what :mod:`evals.training.prepare` wrote.
        models: packed weights to begin from.
        out: where models are written.
        seconds: for all of it, but for the last figures.
        seed: of all choices.
        workers: processes that make lessons.
        steps: of the embedder, at most.
    """

    def __init__(
        self, data: Path, models: Path, out: Path, seconds: float, *, seed: int = 0, workers: int = 0, steps: int = 100_000
    ) -> None:
        self._began = time.monotonic()
        torch.manual_seed(seed)
        torch.backends.cuda.matmul.allow_tf32 = True
        self.out, self.seconds, self.workers, self.steps = out, seconds, workers, steps
        self.random = Random(seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.documents, self.questions = Documents.load(data), load_questions(data)
        self.log(f"{len(self.documents)} documents, {len(self.questions)} questions, on {self.device}")
        word = unpack(load_arrays(models / "word.npz"))
        self.starts = {
            name: word | unpack(load_arrays(*found))
            for name in ("embedder", "reader", "teacher")
            if (found := sorted(models.glob(f"{name}*.npz")))
        }
        self.embedder = self._encoder("embedder")
        self.student = self._reader("reader", fresh=False)
        self.pools = Pools(self.documents, self.questions, self.embedder)
        self.lessons = Lessons(self.documents, self.pools, self.random)
        self.dev = [q for q in self.questions if q.split == "dev"]
        own = (q for q in self.questions if q.kind in ("list", "answer", "compare", "none"))
        self.numbers = sorted({d for q in own for d in q.documents})
        self.log("documents embedded, pools found")

    def log(self, line: str) -> None:
        """Print a line with the time."""
        print(f"[{time.monotonic() - self._began:6.1f}s] {line}", flush=True)

    def _encoder(self, name: str) -> Encoder:
        encoder: Encoder = Encoder({n: v for n, v in self.starts[name].items() if not n.startswith("head.")}).to(self.device)
        return encoder

    def _reader(self, name: str, *, fresh: bool) -> Reader:
        heads = {n.removeprefix("head."): torch.tensor(v).float() for n, v in self.starts[name].items() if n.startswith("head.")}
        reader: Reader = Reader(self._encoder(name), None if fresh else heads).to(self.device)
        return reader

    def measure(self, reader: Reader, name: str, *budgets: int | None) -> None:
        """Log a reader's figures on ml_questions/dev, by how much of an abstract it reads."""
        for budget in budgets:
            self.log(f"{name}, {budget or 'whole'}: {evaluate(reader, self.dev, self.documents, self.pools, budget)}")

    def measure_corpus(self, name: str) -> None:
        """Log the figures of embedder and student over all judged documents."""
        cosines = embed(self.embedder, [q.ids for q in self.dev]) @ embed(self.embedder, [self.documents.pieces(n) for n in self.numbers]).T
        found = evaluate_corpus(self.student, self.dev, self.numbers, self.documents, self.pools, cosines)
        self.log(f"{name} over {len(self.numbers)}: {found}")

    def teach(self) -> None:
        """Train the teacher on labels and let it judge what search finds."""
        teacher = self._reader("teacher", fresh=True)
        train_reader(
            teacher, [q for q in self.questions if q.split == "train" and q.kind != "free"], self.lessons.of_labels,
            seconds=self.seconds * _SHARES["teacher"], epochs=_EPOCHS["teacher"], rate=_RATES["teacher"], batch=_BATCH, random=self.random,
            workers=self.workers, log=self.log, on_epoch=lambda epoch: self.measure(teacher, f"teacher {epoch}", None),
        )  # fmt: skip
        self.measure(teacher, "teacher", None)
        order = sorted(
            (q for q in self.questions if q.id not in self.lessons.judgements), key=lambda q: (q.split != "dev", q.kind == "free")
        )
        judge(teacher, order, self.lessons, self.seconds * _SHARES["judge"], self.log)
        save_pools(self.out / "pools.npz", [q for q in self.questions if q.id in self.lessons.judgements], self.lessons)

    def read_judgements(self, path: Path) -> None:
        """Take the judgements of an earlier run."""
        by_id = {q.id: q for q in self.questions}
        with np.load(path) as held:
            documents, logits, starts = held["document"].tolist(), held["logit"].astype(np.float32), held["starts"]
            for place, id in enumerate(held["question"].tolist()):
                if id in by_id:
                    part = slice(starts[place], starts[place + 1])
                    self.lessons.judge(by_id[id], documents[part], logits[part], [])
        self.log(f"{len(self.lessons.judgements)} judgements read")

    @property
    def judged(self) -> list[Question]:
        """Questions to train on that a teacher judged."""
        return [q for q in self.questions if q.split == "train" and q.id in self.lessons.judgements]

    def train_embedder(self) -> None:
        """Train the embedder and write it."""
        frozen = self._encoder("embedder").eval()
        groups: dict[tuple[int, ...], list[Question]] = {}
        singles = []
        for question in self.judged:
            if question.kind in ("list", "answer", "compare", "none"):
                groups.setdefault(question.documents, []).append(question)
            else:
                singles.append(question)
        self.random.shuffle(singles)
        batches = [*groups.values(), *(singles[n : n + 9] for n in range(0, len(singles), 9))]
        taught = {id: (np.array(one.numbers), one.logits) for id, one in self.lessons.judgements.items()}
        train_embedder(
            self.embedder, frozen, self.documents, batches, taught, seconds=self.seconds * _SHARES["embedder"], steps=self.steps,
            rate=_RATES["embedder"], random=self.random, log=self.log,
        )  # fmt: skip
        save_halves(self.embedder.arrays(), self.out / "embedder")
        self.log("embedder saved")

    def train_student(self) -> None:
        """Train the reader in the time that is left, and write it."""
        left = self.seconds - (time.monotonic() - self._began)
        train_reader(
            self.student, self.judged, self.lessons.of_teacher, seconds=max(1.0, left), epochs=_EPOCHS["student"], rate=_RATES["student"],
            batch=_BATCH, random=self.random, workers=self.workers, int8_from=_INT8_FROM, log=self.log,
            on_epoch=lambda epoch: self.measure(self.student, f"reader {epoch}", _TEST_BUDGET),
        )  # fmt: skip
        heads = {f"head.{name}": values for name, values in self.student.heads().items()}
        save_halves(self.student.encoder.arrays() | heads, self.out / "reader")
        self.log("reader saved")


def run(
    data: Path,
    models: Path,
    out: Path,
    seconds: float,
    *,
    parts: Sequence[str] = PARTS,
    judged: Path | None = None,
    workers: int = 0,
    steps: int = 100_000,
) -> None:
    """Train some of the models.

    Args:
        data: as in :class:`Run`, as are ``models``, ``out``, ``seconds``, ``workers`` and ``steps``.
        parts: of :data:`PARTS`. A teacher judges only what is not judged yet.
        judged: judgements of an earlier run over the same data.
    """
    whole_run = Run(data, models, out, seconds, workers=workers, steps=steps)
    whole_run.measure(whole_run.student, "reader before", None, _TEST_BUDGET)
    whole_run.measure_corpus("before")
    if judged is not None:
        whole_run.read_judgements(judged)
    if "teacher" in parts:
        whole_run.teach()
    if "embedder" in parts:
        whole_run.train_embedder()
        whole_run.measure_corpus("with the new embedder")
    if "reader" in parts:
        whole_run.train_student()
        whole_run.measure(whole_run.student, "reader", None, 160, _TEST_BUDGET, 80)
        whole_run.measure_corpus("after")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("data", "models", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=560, help="in all, but for the last figures")
    parser.add_argument("--parts", default=",".join(PARTS), help="what is trained")
    parser.add_argument("--judged", type=Path, help="pools.npz of an earlier run over the same data")
    parser.add_argument("--workers", type=int, default=8, help="processes that make lessons")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    run(args.data, args.models, args.out, args.seconds, parts=args.parts.split(","), judged=args.judged, workers=args.workers)


if __name__ == "__main__":
    main()
