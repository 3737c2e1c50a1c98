"""What a reader sees of an answer: the sentence it opens with, and the whole as plain text."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.types import Citation, Claim, Near, Reason

# More papers than are listed are spoken of where so many more are expected.
_EXACT_ENOUGH = 0.5


def lead(
    mode: str,
    reason: Reason | None,
    claims: int,
    *,
    is_empty: bool = False,
    counts: bool = False,
    mentions: bool = False,
    expected: float | None = None,
    against: Sequence[int] = (),
) -> str:
    """The sentence an answer opens with; empty where the quotes speak for themselves.

    Args:
        mode: the answer's mode.
        reason: why it abstains or objects, if it does.
        claims: how many claims it has.
        is_empty: a filter let no entry through.
        counts: the question asks how many.
        mentions: the set is those whose words mention the topic, which is counted, not estimated.
        expected: how many papers of a set there are by the sum of their probabilities; None where that was not estimated.
        against: papers of a comparison that say they stand against what others hold.
    """
    if is_empty:
        return "No entry passes the filter."
    if reason == "no-topic":
        return "No abstract here seems to be about this."
    if reason == "not-in-abstracts":
        return "The abstracts do not state this."
    if reason == "false-premise":
        return "An abstract speaks against what the question takes for granted."
    if mode == "compare" and against:
        verb = "says it stands" if len(against) == 1 else "say they stand"
        return f"{' and '.join(f'[{n}]' for n in against)} {verb} against what others hold."
    if mode != "list":
        return ""
    noun = "paper" if claims == 1 else "papers"
    if mentions:
        return f"{claims} {noun} {'mentions' if claims == 1 else 'mention'} it:"
    if counts and expected is not None and expected > claims + _EXACT_ENOUGH:
        return f"About {round(expected)} (an estimate: the sum of each paper's probability); {claims} {noun} likely enough to list:"
    return f"{'About ' if counts else ''}{claims} {noun}:"


def plain_text(head: str, mode: str, claims: Sequence[Claim], citations: Sequence[Citation], nearest: Sequence[Near]) -> str:
    """An answer as plain text, with [n]."""
    if not claims:
        near = "; ".join(n.label for n in nearest)
        return head + (f" Closest: {near}" if near else "")
    if mode == "list":
        return "\n".join([head, *(f"[{c.n}] {c.title or 'Untitled'} - {' '.join(c.quote.split())}" for c in citations)])
    lines = [head] if head else []
    last = 0
    for claim, citation in zip(claims, citations, strict=True):
        title = f"{citation.title}: " if citation.title and citation.n != last else ""
        lines.append(f"{title}“{' '.join(claim.text.split())}” [{citation.n}]")
        last = citation.n
    return "\n".join(lines)
