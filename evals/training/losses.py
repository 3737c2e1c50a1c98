"""What training makes small. All take logits or scores of lists of documents, padded to a grid ``[queries, places]``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

_NOTHING = -1e4


def grid(values: Tensor, sizes: Sequence[int], fill: float = _NOTHING) -> Tensor:
    """Values of lists one after another, as rows padded with ``fill``."""
    return torch.nn.utils.rnn.pad_sequence(list(values.split(list(sizes))), batch_first=True, padding_value=fill)


def contrastive(scores: Tensor, positive: Tensor, ignored: Tensor) -> Tensor:
    """InfoNCE (van den Oord et al. 2018) with several positives a row: each against all that is neither positive nor ignored; the mean over rows.

    Args:
        scores: ``[rows, columns]``, by temperature already.
        positive: which belong to the row.
        ignored: which count neither way.
    """
    others = torch.logsumexp(scores.masked_fill(positive | ignored, _NOTHING), 1, keepdim=True)
    loss = torch.logaddexp(others, scores) - scores
    weight = positive.float()
    rows = weight.sum(1) > 0
    if not rows.any():
        return scores.sum() * 0
    return ((loss * weight).sum(1)[rows] / weight.sum(1)[rows]).mean()


def weighted_bce(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy with soft targets, as a weighted mean."""
    loss = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (loss * weights).sum() / weights.sum().clamp(min=1)


def listwise(scores: Tensor, teacher: Tensor, present: Tensor, temperature: float = 1.0) -> Tensor:
    """Kullback-Leibler divergence of a list's scores from a teacher's, both as softmax over the list (Cao et al. 2007; Hinton et al. 2015).

    Args:
        scores: ``[rows, places]``.
        teacher: the same of the teacher.
        present: which places hold a document.
        temperature: of both.
    """
    ours = F.log_softmax(scores.masked_fill(~present, _NOTHING) / temperature, 1)
    theirs = F.log_softmax(teacher.masked_fill(~present, _NOTHING) / temperature, 1)
    return (theirs.exp() * (theirs - ours)).masked_fill(~present, 0).sum(1).mean()
