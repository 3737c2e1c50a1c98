"""The reader: a cross-encoder that reads a question and an abstract together (Nogueira and Cho 2019), with a head for evidence sentences."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from evals.training.encoder import Encoder, Linear, batched, find_spans, padded, span_means
from evals.training.losses import contrastive, grid, listwise, weighted_bce
from evals.training.tokens import CLS, SEP, Documents, Pieces, Question

Floats = npt.NDArray[np.float32]
# What a training step's parts weigh in the loss.
_LISTED, _EVIDENCE, _TAUGHT_LIST, _TAUGHT_EVIDENCE = 0.4, 0.5, 0.5, 0.3
# Of a target, where a teacher's probability is known beside the label.
_LABEL = 0.6
_TEMPERATURE = 2.0
_CLIP = 1.0
_DROPOUT = 0.05
_WARM_STEPS = 60
_LAST_RATE = 0.02


@dataclass(frozen=True)
class View:
    """As much of a document as is read.

    Args:
        pieces: its word pieces: title and sentences.
        spans: of its sentences, in pieces.
        sentences: their numbers in the abstract.
    """

    pieces: Pieces
    spans: tuple[tuple[int, int], ...]
    sentences: tuple[int, ...]


def whole(documents: Documents, number: int) -> View:
    """All of a document."""
    spans = documents.sentences(number)
    return View(documents.pieces(number), tuple(spans), tuple(range(len(spans))))


def shortened(documents: Documents, number: int, scores: npt.NDArray[np.floating], budget: int) -> View:
    """Title and best sentences, in the abstract's order.

    Args:
        documents: all of them.
        number: which one.
        scores: of its sentences for the question.
        budget: word pieces of sentences; the best sentence is kept whatever its length.
    """
    pieces, spans, title = documents.pieces(number), documents.sentences(number), int(documents.title[number])
    chosen: list[int] = []
    room = budget
    for place in np.argsort(-scores, kind="stable").tolist():
        length = min(spans[place][1], len(pieces)) - spans[place][0]
        if length > 0 and (not chosen or length <= room):
            chosen.append(place)
            room -= length
    parts, kept = [pieces[:title]], []
    at = title
    for place in sorted(chosen):
        part = pieces[spans[place][0] : spans[place][1]]
        parts.append(part)
        kept.append((at, at + len(part)))
        at += len(part)
    return View(np.concatenate(parts), tuple(kept), tuple(sorted(chosen)))


@dataclass(frozen=True)
class Packed:
    """Pairs ready for the encoder, without torch, so that other processes can make them.

    Args:
        batches: for pairs of about one length: word pieces ``[n, length]``, where segment 1 begins, lengths; and of the sentences in
            them the row, the first piece and one past the last.
        back: the place in the batches of each pair ``[n]``.
        owners: (pair, place among its sentences) of each sentence in the batches ``[m, 2]``.
    """

    batches: tuple[tuple[npt.NDArray[np.int64], ...], ...]
    back: npt.NDArray[np.int64]
    owners: npt.NDArray[np.int64]


def pack_pairs(questions: Sequence[Pieces], views: Sequence[View], pieces: int = 65_536) -> Packed:
    """Put questions and what is read for each side by side.

    Args:
        questions: one a view.
        views: what is read.
        pieces: word pieces of a batch, with padding.
    """
    rows = [np.concatenate([[CLS], q, [SEP], v.pieces, [SEP]]) for q, v in zip(questions, views, strict=True)]
    shifts = [len(q) + 2 for q in questions]
    batches, order, owners = [], [], []
    for batch in batched([len(row) for row in rows], pieces):
        ids, sizes = padded([rows[place] for place in batch])
        held = find_spans(batch, [v.spans for v in views], [len(v.pieces) for v in views], shifts)
        begins = np.array([shifts[place] for place in batch], np.int64)
        batches.append((ids, begins, sizes, held.rows, held.first, held.last))
        order += batch
        owners += held.owner
    return Packed(tuple(batches), np.argsort(order), np.array(owners, np.int64).reshape(-1, 2))


class Reader(nn.Module):  # type: ignore[misc]
    """A cross-encoder over ``[CLS] question [SEP] title and sentences [SEP]``, the second part as segment 1.

    Relevance is a logit from the first state and the mean of segment 1; evidence one from the mean of a sentence and the first state.

    Args:
        encoder: what reads.
        heads: parameters of the heads, by name; fresh ones by default.
    """

    def __init__(self, encoder: Encoder, heads: dict[str, Tensor] | None = None) -> None:
        super().__init__()
        self.encoder = encoder
        width = encoder.norm.weight.shape[0]
        self.rel = nn.Sequential(nn.Linear(2 * width, width), nn.Tanh(), nn.Linear(width, 1))
        self.ev = nn.Sequential(nn.Linear(2 * width, width), nn.Tanh(), nn.Linear(width, 1))
        if heads is None:
            with torch.no_grad():
                encoder.segment[1] = encoder.segment[0] + 0.02 * torch.randn(width, device=encoder.segment.device)
        else:
            self.load_state_dict(heads, strict=False)

    def heads(self) -> dict[str, npt.NDArray[np.float32]]:
        """Parameters of the heads."""
        return {name: v.detach().float().cpu().numpy() for name, v in self.state_dict().items() if name.startswith(("rel.", "ev."))}

    def forward(self, packed: Packed, *, dropout: float = 0.0) -> tuple[Tensor, Tensor]:
        """Relevance logits ``[n]`` and evidence logits ``[m]``, in the order of ``packed.owners``."""
        device = self.encoder.position.device
        found, evidence = [], []
        for batch in packed.batches:
            ids, begins, sizes, rows, first, last = (torch.from_numpy(part).to(device, non_blocking=True) for part in batch)
            places = torch.arange(ids.shape[1], device=device)[None]
            segments = ((places >= begins[:, None]) & (places < sizes[:, None])).long()
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                states = self.encoder(ids.long(), segments, sizes, dropout).float()
            mean = (states * segments[..., None]).sum(1) / segments.sum(1, keepdim=True)
            found.append(self.rel(torch.cat([states[:, 0], mean], -1)).squeeze(-1))
            evidence.append(self.ev(torch.cat([span_means(states, rows, first, last), states[rows, 0]], -1)).squeeze(-1))
        return torch.cat(found)[torch.from_numpy(packed.back).to(device)], torch.cat(evidence)

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def read(self, questions: Sequence[Pieces], views: Sequence[View]) -> tuple[Floats, list[Floats]]:
        """Relevance logits ``[n]`` and, for each view, the evidence logits of its sentences."""
        was = self.training
        self.eval()
        logits: list[Floats] = []
        evidence: list[Floats] = [np.full(len(view.spans), -30.0, np.float32) for view in views]
        for start in range(0, len(views), 4096):
            part = views[start : start + 4096]
            packed = pack_pairs(questions[start : start + 4096], part, 131_072)
            relevance, values = self(packed)
            logits.append(relevance.cpu().numpy())
            for (view, place), value in zip(packed.owners.tolist(), values.cpu().tolist(), strict=True):
                evidence[start + view][place] = value
        self.train(was)
        return np.concatenate(logits) if logits else np.zeros(0, np.float32), evidence


@dataclass(frozen=True)
class Lesson:
    """A question with some documents.

    Args:
        question: its word pieces.
        views: of the documents.
        labels: 1, .5 or 0 a document; NaN where nobody judged it.
        teacher: a teacher's logits; NaN where there are none.
        evidence: for each view, target and weight of each of its sentences ``[sentences, 2]``.
    """

    question: Pieces
    views: tuple[View, ...]
    labels: Floats
    teacher: Floats
    evidence: tuple[Floats, ...]


@dataclass(frozen=True)
class Step:
    """Some lessons, ready to be learnt from: pairs, how many each lesson has, and labels, teacher's logits and evidence of all."""

    packed: Packed
    sizes: tuple[int, ...]
    labels: Floats
    teacher: Floats
    evidence: Floats


def make_step(lessons: Sequence[Lesson]) -> Step:
    """Lessons as one step of training."""
    views = [view for lesson in lessons for view in lesson.views]
    packed = pack_pairs([lesson.question for lesson in lessons for _ in lesson.views], views)
    marks = [part for lesson in lessons for part in lesson.evidence]
    starts = np.cumsum([0, *(len(part) for part in marks)])
    return Step(
        packed,
        tuple(len(lesson.views) for lesson in lessons),
        np.concatenate([lesson.labels for lesson in lessons]),
        np.concatenate([lesson.teacher for lesson in lessons]),
        np.concatenate(marks)[starts[packed.owners[:, 0]] + packed.owners[:, 1]],
    )


def step_loss(reader: Reader, step: Step, dropout: float = _DROPOUT) -> dict[str, Tensor]:
    """The parts of the loss of a step, weighted; their sum is made small."""
    logits, evidence = reader(step.packed, dropout=dropout)
    device, sizes = logits.device, step.sizes
    labels, teacher, marks = (torch.from_numpy(part).to(device) for part in (step.labels, step.teacher, step.evidence))
    judged, taught = ~labels.isnan(), ~teacher.isnan()
    label, opinion = labels.nan_to_num(), torch.sigmoid(teacher.nan_to_num())
    share = torch.where(judged & taught, _LABEL, judged.float())
    parts = {"pair": weighted_bce(logits, share * label + (1 - share) * opinion, (judged | taught).float())}
    scores = grid(logits, sizes)
    positive, unsure = grid(judged & (label == 1), sizes, False), grid(~judged | (label == 0.5), sizes, True)
    parts["list"] = _LISTED * contrastive(scores, positive, unsure)
    if not np.isnan(step.teacher).all():
        present = grid(taught, sizes, False)
        rows = present.any(1)
        parts["taught"] = _TAUGHT_LIST * listwise(scores[rows], grid(teacher.nan_to_num(), sizes)[rows], present[rows], _TEMPERATURE)
    parts["evidence"] = _EVIDENCE * weighted_bce(evidence, marks[:, 0], marks[:, 1])
    return parts


def evidence_targets(view: View, label: float, marked: set[int], kind: str, taught: Floats | None) -> Floats:
    """Target and weight of each sentence of a view.

    Marked sentences are evidence; those of documents that do not belong are none; other sentences of a fact's document are not
    evidence either, while of a list's it is not known. Where a teacher has read them all, its opinion counts besides.
    """
    found = np.zeros((len(view.sentences), 2), np.float32)
    for place, sentence in enumerate(view.sentences):
        if sentence in marked:
            found[place] = 1, 1
        elif label == 0:
            found[place] = 0, 0.03
        elif kind == "answer" and label > 0:
            found[place] = 0, 0.5
        if taught is not None and label > 0 and sentence < len(taught):
            target, weight = found[place]
            opinion = 1 / (1 + np.exp(-taught[sentence]))
            found[place] = (target * weight + _TAUGHT_EVIDENCE * opinion) / (weight + _TAUGHT_EVIDENCE), weight + _TAUGHT_EVIDENCE
    return found


class _Steps(Dataset[Step]):  # type: ignore[misc]
    def __init__(self, parts: Sequence[Sequence[Question]], lesson: Callable[[Question, Random], Lesson], seed: int) -> None:
        self._parts, self._lesson, self._seed = parts, lesson, seed

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, place: int) -> Step:
        random = Random(self._seed + place)
        return make_step([self._lesson(item, random) for item in self._parts[place]])


def _same(step: Step) -> Step:
    return step


def train_reader(
    reader: Reader,
    items: Sequence[Question],
    lesson: Callable[[Question, Random], Lesson],
    *,
    seconds: float,
    epochs: int,
    rate: float,
    batch: int,
    random: Random,
    workers: int = 0,
    int8_from: float = 1.1,
    log: Callable[[str], None] = print,
    on_epoch: Callable[[int], None] | None = None,
) -> None:
    """Train until the epochs or the seconds are over; the rate falls in step with whichever ends first.

    Args:
        reader: what is trained.
        items: what lessons are made of, each once an epoch.
        lesson: makes one; called anew each time, so that what is sampled differs.
        seconds: at most.
        epochs: at most.
        rate: of the encoder, at its highest; the heads learn at 2e-4.
        batch: lessons a step.
        random: order of the items; lessons get their own, sown by it.
        workers: processes that make the lessons.
        int8_from: share of the training after which the encoder is rounded as its int8 version will be.
        log: called with a line now and then.
        on_epoch: called after each epoch.
    """
    rates = (rate, 2e-4)
    groups = [
        {"params": [p for p in reader.encoder.parameters() if p.requires_grad], "lr": rate},
        {"params": [*reader.rel.parameters(), *reader.ev.parameters()], "lr": rates[1]},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    began, step, total = time.monotonic(), 0, epochs * -(-len(items) // batch)
    seen: dict[str, list[Tensor]] = {}
    reader.train()
    for epoch in range(epochs):
        order = list(items)
        random.shuffle(order)
        parts_ = [order[start : start + batch] for start in range(0, len(order), batch)]
        steps = _Steps(parts_, lesson, random.getrandbits(32))
        for made in DataLoader(
            steps, batch_size=None, shuffle=False, num_workers=workers, prefetch_factor=4 if workers else None, collate_fn=_same
        ):
            done = max((time.monotonic() - began) / seconds, step / total)
            if done >= 1:
                log(f"out of time in epoch {epoch + 1}, step {step} of {total}")
                set_int8(reader, False)
                return
            set_int8(reader, done >= int8_from)
            for group, top in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = top * min(1.0, (step + 1) / _WARM_STEPS) * max(_LAST_RATE, 1 - done)
            parts = step_loss(reader, made)
            optimizer.zero_grad(set_to_none=True)
            torch.stack(list(parts.values())).sum().backward()
            nn.utils.clip_grad_norm_(reader.parameters(), _CLIP)
            optimizer.step()
            step += 1
            for name, value in parts.items():
                seen.setdefault(name, []).append(value.detach())
            if step % 100 == 0:
                log(f"step {step} of {total}: {curve(seen)}")
        if on_epoch is not None:
            on_epoch(epoch + 1)
    set_int8(reader, False)


def curve(seen: dict[str, list[Tensor]], last: int = 100) -> str:
    """The means of a loss's last values, as text."""
    return " ".join(f"{name} {torch.stack(values[-last:]).mean().item():.3f}" for name, values in seen.items())


def set_int8(model: nn.Module, on: bool) -> None:
    """Let a model's layers act as their int8 versions will, or as they are."""
    for part in model.modules():
        if isinstance(part, Linear):
            part.as_int8 = on
