"""The embedder: one vector a text, the mean of its token states; sentences' vectors come from the same pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from random import Random

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from evals.training.encoder import Encoder, batched, find_spans, padded, span_means, wrap
from evals.training.losses import contrastive, listwise
from evals.training.reader import curve
from evals.training.tokens import MAX_QUESTION, Documents, Pieces, Question

TEMPERATURE = 0.04
# What the parts weigh: questions against documents and sentences, a teacher's lists, titles against abstracts, and nearness to the first model.
_QUESTION, _SENTENCE, _TAUGHT, _TITLE, _KEEP = 1.0, 0.4, 1.0, 0.7, 2.0
_TAUGHT_TEMPERATURE = 2.0
_SENTENCE_PIECES = range(8, 61)


def pooled(
    encoder: Encoder, texts: Sequence[Pieces], spans: Sequence[Sequence[tuple[int, int]]] | None = None, pieces: int = 65_536
) -> tuple[Tensor, Tensor, list[tuple[int, int]]]:
    """Unit vectors of texts ``[n, d]``, of their spans ``[m, d]``, and (text, span) of each of these."""
    device = encoder.position.device
    found, order, parts, owners = [], [], [], []
    lengths = [len(text) for text in texts]
    for batch in batched([length + 2 for length in lengths], pieces):
        ids, sizes = (torch.from_numpy(part).to(device) for part in padded([wrap(texts[place]) for place in batch]))
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            states = encoder(ids, torch.zeros_like(ids), sizes).float()
        held = (torch.arange(ids.shape[1], device=device)[None] < sizes[:, None])[..., None]
        found.append((states * held).sum(1) / sizes[:, None])
        order += batch
        if spans is not None:
            inside = find_spans(batch, spans, lengths, [1] * len(texts))
            parts.append(span_means(states, *(torch.from_numpy(part).to(device) for part in (inside.rows, inside.first, inside.last))))
            owners += inside.owner
    back = torch.tensor(np.argsort(order), device=device)
    vectors = F.normalize(torch.cat(found)[back], dim=-1)
    return vectors, F.normalize(torch.cat(parts), dim=-1) if parts else vectors[:0], owners


@torch.inference_mode()  # type: ignore[untyped-decorator]
def embed(encoder: Encoder, texts: Sequence[Pieces]) -> Tensor:
    """Unit vectors ``[n, d]``."""
    was = encoder.training
    encoder.eval()
    found = [pooled(encoder, texts[start : start + 8192], pieces=262_144)[0] for start in range(0, len(texts), 8192)]
    encoder.train(was)
    return torch.cat(found)


@torch.inference_mode()  # type: ignore[untyped-decorator]
def embed_sentences(encoder: Encoder, documents: Documents) -> tuple[Tensor, Tensor]:
    """Unit vectors of all documents ``[n, d]`` and, half precision, of all their sentences; zeros for those beyond the cut."""
    encoder.eval()
    device = encoder.position.device
    whole = []
    sentences = torch.zeros(len(documents.first), encoder.norm.weight.shape[0], dtype=torch.float16, device=device)
    for start in range(0, len(documents), 8192):
        numbers = range(start, min(start + 8192, len(documents)))
        vectors, parts, owners = pooled(
            encoder, [documents.pieces(n) for n in numbers], [documents.sentences(n) for n in numbers], pieces=262_144
        )
        whole.append(vectors)
        rows = torch.tensor([int(documents.sentence_starts[start + text]) + span for text, span in owners], device=device)
        sentences[rows] = parts.half()
    return torch.cat(whole), sentences


def train_embedder(
    encoder: Encoder,
    frozen: Encoder,
    documents: Documents,
    groups: Sequence[Sequence[Question]],
    pools: dict[str, tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]],
    *,
    seconds: float,
    steps: int,
    rate: float,
    random: Random,
    groups_a_step: int = 5,
    pool: int = 8,
    titles: int = 120,
    log: Callable[[str], None] = print,
) -> None:
    """Train with questions over groups of judged documents, a teacher's opinion of further ones, and titles and sentences of others.

    Args:
        encoder: what is trained.
        frozen: the model it must stay near on ordinary text.
        documents: all of them.
        groups: questions that share their judged documents.
        pools: for a question's name, further documents and a teacher's logits of them.
        seconds: at most.
        steps: at most.
        rate: at its highest.
        random: of all choices.
        groups_a_step: groups a step.
        pool: documents of a question's pool that a step takes.
        titles: documents a step takes for titles against abstracts.
        log: called with a line now and then.
    """
    device = encoder.position.device
    optimizer = torch.optim.AdamW([p for p in encoder.parameters() if p.requires_grad], lr=rate, weight_decay=0.01)
    began, seen = time.monotonic(), dict[str, list[Tensor]]()
    encoder.train()
    for step in range(steps):
        done = max(step / steps, (time.monotonic() - began) / seconds)
        if done >= 1:
            log(f"embedder out of time at step {step} of {steps}")
            break
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 40) * max(0.02, 1 - done)
        taken = random.sample(groups, min(groups_a_step, len(groups)))
        questions = [q for group in taken for q in group]
        judged = list(dict.fromkeys(d for q in questions for d in q.documents))
        pooled_rows = [_sampled(pools.get(q.id), pool, random) for q in questions]
        columns = {d: place for place, d in enumerate(dict.fromkeys([*judged, *(d for row, _ in pooled_rows for d in row)]))}
        vectors, sentences, owners = pooled(
            encoder, [documents.pieces(d) for d in columns], [documents.sentences(d) if d in set(judged) else [] for d in columns]
        )
        asked, answers, kept = _pairs(documents, random.sample(range(len(documents)), min(titles, len(documents))), random)
        typed = [random.choice(q.noisy) if random.random() < 0.2 and q.noisy else q.ids for q in questions]
        queries, _, _ = pooled(encoder, [*typed, *asked])
        others, _, _ = pooled(encoder, answers)
        scores = queries @ torch.cat([vectors, others]).T / TEMPERATURE
        positive, ignored, teacher = (t.to(device) for t in _targets(questions, pooled_rows, columns, scores.shape))
        count = len(questions)
        parts = {
            "question": _QUESTION * contrastive(scores[:count], positive[:count], ignored[:count]),
            "title": _TITLE * contrastive(scores[count:], positive[count:], ignored[count:]),
            "sentence": _SENTENCE * _sentence_loss(queries[:count] @ sentences.T / TEMPERATURE, questions, list(columns), owners),
        }
        known = ~teacher.isnan()
        if known.any():
            rows = known.sum(1) > 1
            parts["taught"] = _TAUGHT * listwise(
                scores[:count, : len(columns)][rows], teacher.nan_to_num()[rows] / _TAUGHT_TEMPERATURE, known[rows]
            )
        with torch.no_grad():
            before, _, _ = pooled(frozen, [documents.pieces(d) for d in kept])
        now, _, _ = pooled(encoder, [documents.pieces(d) for d in kept])
        parts["keep"] = _KEEP * (1 - (before * now).sum(1)).mean()
        optimizer.zero_grad(set_to_none=True)
        torch.stack(list(parts.values())).sum().backward()
        nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimizer.step()
        for name, value in parts.items():
            seen.setdefault(name, []).append(value.detach())
        if step % 100 == 99:
            log(f"embedder step {step + 1}: {curve(seen)}")


def _targets(
    questions: Sequence[Question], pools: Sequence[tuple[list[int], list[float]]], columns: dict[int, int], shape: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """What belongs to each row and what counts neither way ``[rows, columns]``, and a teacher's logits ``[questions, documents]``, NaN where there are none.

    Rows are questions, then titles and sentences; columns are documents by number, then what the latter were taken from, in their order.
    """
    positive, ignored = torch.zeros(shape, dtype=torch.bool), torch.zeros(shape, dtype=torch.bool)
    teacher = torch.full((len(questions), len(columns)), torch.nan)
    for row, (question, (extra, logits)) in enumerate(zip(questions, pools, strict=True)):
        for document, grade in zip(question.documents, question.grades, strict=True):
            ignored[row, columns[document]] = grade > 0
            positive[row, columns[document]] = document in question.relevant
        for document, logit in zip(extra, logits, strict=True):
            ignored[row, columns[document]] = True
            teacher[row, columns[document]] = logit
    for place in range(shape[0] - len(questions)):
        positive[len(questions) + place, len(columns) + place] = True
    return positive, ignored & ~positive, teacher


def _sampled(
    pool: tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]] | None, count: int, random: Random
) -> tuple[list[int], list[float]]:
    if pool is None:
        return [], []
    numbers, logits = pool
    places = random.sample(range(len(numbers)), min(count, len(numbers)))
    return [int(numbers[p]) for p in places], [float(logits[p]) for p in places]


def _pairs(documents: Documents, numbers: Sequence[int], random: Random) -> tuple[list[Pieces], list[Pieces], list[int]]:
    """Titles or sentences as questions, the rest of their documents as answers, and the documents that gave one."""
    asked, answers, kept = [], [], []
    for number in numbers:
        pieces, title = documents.pieces(number), int(documents.title[number])
        spans = [span for span in documents.sentences(number) if span[1] - span[0] in _SENTENCE_PIECES and span[1] <= len(pieces)]
        if spans and random.random() < 0.5:
            start, end = random.choice(spans)
            asked.append(pieces[start:end])
            answers.append(np.concatenate([pieces[:start], pieces[end:]]))
        elif title >= 3 and len(pieces) > title + 3:
            asked.append(pieces[:title][:MAX_QUESTION])
            answers.append(pieces[title:])
        else:
            continue
        kept.append(number)
    return asked, answers, kept


def _sentence_loss(scores: Tensor, questions: Sequence[Question], columns: Sequence[int], owners: Sequence[tuple[int, int]]) -> Tensor:
    """Marked sentences against all those of documents that do not belong and, for facts, of the same document."""
    owner = np.array([columns[text] for text, _ in owners])
    place = {(columns[text], sentence): n for n, (text, sentence) in enumerate(owners)}
    positive, ignored = np.zeros(scores.shape, bool), np.zeros(scores.shape, bool)
    for row, question in enumerate(questions):
        if question.kind != "answer":
            belongs = [d for d, g in zip(question.documents, question.grades, strict=True) if g]
            ignored[row] = np.isin(owner, belongs)
        for document, sentence in question.evidence:
            column = place.get((question.documents[document], sentence))
            if column is not None:
                positive[row, column], ignored[row, column] = True, False
    return contrastive(scores, torch.from_numpy(positive).to(scores.device), torch.from_numpy(ignored).to(scores.device))
