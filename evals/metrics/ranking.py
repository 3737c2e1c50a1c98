"""Ranking metrics, by ir-measures (MacAvaney et al. 2022)."""

from __future__ import annotations

from evals.metrics.scored import ScoredCase
from store.errors import UserError


class MissingExtra(UserError):
    """An optional dependency that is not installed."""


def ranking_scores(scored: ScoredCase) -> dict[str, float]:
    """recall@k, nDCG@10, MRR, MAP and R-precision; any entry of a group stands for it, maybe-entries are taken out.

    Raises:
        MissingExtra: ir-measures is not installed.
    """
    try:
        import ir_measures
        from ir_measures import AP, RR, R, Rprec, nDCG
    except ImportError:
        raise MissingExtra(
            "Evaluation needs ir-measures, which is not installed.", "Install it: pip install 'paper-assistant[eval]'"
        ) from None
    group_of = {id: str(number) for number, group in enumerate(scored.gold) for id in group}
    names: list[str] = []
    for id in scored.outcome.ranking:
        name = group_of.get(id, f"entry {id}")
        if id not in scored.maybe and name not in names:
            names.append(name)
    if not names:
        return {}
    cuts = (5, 10, 20, 100)
    measures = {
        **{f"recall@{k}": R @ k for k in cuts},
        "nDCG@10": nDCG @ 10,
        "MRR": RR,
        "MAP": AP,
        "R-precision": Rprec,
        "gold first": RR @ 1,
    }
    qrels = [ir_measures.Qrel("q", str(number), 1) for number in range(len(scored.gold))]
    run = [ir_measures.ScoredDoc("q", name, float(-rank)) for rank, name in enumerate(names)]
    values = ir_measures.calc_aggregate(list(measures.values()), qrels, run)
    return {name: float(values[measure]) for name, measure in measures.items()}
