"""Pairs made by rules from abstracts, to school alignment before the written sentences: a sentence shortened and slightly reworded, and the same with something wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from random import Random

from assistant.verify.names import names
from evals.training.verifier.rows import Example, read_corpus
from store.sentences import split_sentences

_OPPOSITES = (
    "increase decrease,increases decreases,increased decreased,increasing decreasing,higher lower,high low,larger smaller,large small,more less,improve worsen,improves degrades,improved degraded,"
    "improving degrading,better worse,best worst,outperforms underperforms,outperform underperform,faster slower,fast slow,with without,easy difficult,easily hardly,effective ineffective,efficient inefficient,"
    "can cannot,able unable,stronger weaker,strong weak,robust brittle,reduces increases,reduce increase,reduced increased,reducing raising,similar different,same opposite,succeed fail,supervised unsupervised,"
    "before after,most fewest,deep shallow,linear nonlinear,known unknown,simple complex,cheap expensive,accurate inaccurate,requires avoids,significant negligible,significantly hardly,superior inferior,"
    "first last,global local,stable unstable,longer shorter,is is_not,are are_not,does_not does,do_not do,necessary unnecessary,sufficient insufficient,positive negative,enables prevents,allows prevents,helps hurts,"
    "always rarely,limited unlimited,lack have,lacks has,suffer_from are_free_of,suffers_from is_free_of"
)
_SYNONYMS = (
    "show demonstrate,demonstrate show,propose introduce,introduce present,present put_forward,improve enhance,improves raises,outperforms does_better_than,outperform do_better_than,significantly considerably,"
    "novel new,various several,several a_number_of,method approach,approach method,methods approaches,approaches techniques,achieves reaches,achieve reach,obtain get,large big,however but,utilize use,employ use,"
    "uses employs,use employ,many numerous,task problem,reduces lowers,reduce lower,increase raise,increases raises,performance results,requires needs,require need,important key,difficult hard,challenging hard,"
    "enables allows,model system,data examples,training learning,effective successful,without with_no,whether if,existing earlier,previous prior,demonstrates shows,shows demonstrates,study investigate,"
    "analyze examine,efficient economical,faster quicker,fail do_not_succeed,lack do_not_have,better superior"
)


def _table(text: str, *, both: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in text.split(","):
        left, right = (part.replace("_", " ") for part in pair.split())
        found.setdefault(left, right)
        if both:
            found.setdefault(right, left)
    return found


def _pattern(table: dict[str, str]) -> re.Pattern[str]:
    return re.compile(r"\b(" + "|".join(sorted(map(re.escape, table), key=len, reverse=True)) + r")\b")


_OPPOSITE = _table(_OPPOSITES, both=True)
_SYNONYM = _table(_SYNONYMS, both=False)
_OPPOSED, _SAME = _pattern(_OPPOSITE), _pattern(_SYNONYM)
_LINK = re.compile(
    r"^(However|Moreover|Furthermore|In addition|Additionally|Finally|Specifically|In particular|Thus|Therefore|Also|Then|Recently|In this paper|In this work|To this end|Here|First|Second),\s*"
)
_REPORT = re.compile(
    r"^(?:[Ww]e|[Oo]ur (?:results|experiments|findings)|(?:Experimental|Empirical) results|Results|Experiments)(?: also| further)? (?:show|demonstrate|find|found|observe|argue|prove|indicate|suggest|reveal)s? that\s+"
)
_TAIL = re.compile(
    r",?\s((?:by|when|which|because|especially|particularly|even|without|using|with|while|due to|thanks to|on|for|in|compared to|provided)\s[^,.;]{15,70})\.$"
)
_BEATS = re.compile(r"(.{10,80}?)( (?:outperforms?|is better than|is worse than|exceeds?|improves? over|surpass(?:es)?) )(.{5,80})\.$")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_TIMES = (0.5, 0.8, 0.9, 1.1, 1.2, 1.5, 2, 3, 10)
_MIX = ("reversed",) * 3 + ("clause",) * 2 + ("topic",) * 2 + ("number", "name", "title")


def made_examples(folder: Path, count: int, without: set[str], seed: int = 3) -> list[Example]:
    """Examples by rule, half of them right.

    Args:
        folder: of ml_corpus.
        count: how many.
        without: papers not to be used.
        seed: of what is chosen.
    """
    random = Random(seed)
    documents = []
    for paper in read_corpus(folder):
        if random.random() < 0.25 and paper["_id"] not in without:
            text = paper["text"]
            documents.append((paper["title"] or "", [text[s.start : s.end] for s in split_sentences(text)]))
    tails = [match[1] for _, sentences in documents for s in sentences if (match := _TAIL.search(s))]
    known = [name for _, sentences in documents for s in sentences for name in names(s) if len(name) < 14]
    right: list[Example] = []
    wrong: list[Example] = []
    while min(len(right), len(wrong)) < count // 2:
        title, sentences = random.choice(documents)
        fit = [n for n, s in enumerate(sentences) if 8 <= len(s.split()) <= 40]
        if len(fit) < 2:
            continue
        place = random.choice(fit)
        evidence = sentences[place]
        claim = _shortened(evidence, random)
        if len(claim.split()) < 5:
            continue
        shown = title if random.random() < 0.7 else ""
        right.append(Example(-1, shown, evidence, claim, "right"))
        kind = random.choice(_MIX)
        if kind == "title":
            if (best := _nearest_sentence(title, [sentences[n] for n in fit])) is not None:
                right.append(Example(-1, "", best, f"{title.rstrip('.')}.", "right"))
            continue
        other = sentences[random.choice([n for n in fit if n != place])]
        made = _spoiled(kind, claim, other, tails, known, random)
        if made is not None and made != claim:
            wrong.append(Example(-1, shown, evidence, made, kind))
    random.shuffle(right)
    random.shuffle(wrong)
    return right[: count // 2] + wrong[: count // 2]


def _shortened(sentence: str, random: Random) -> str:
    if random.random() < 0.7:
        sentence = re.sub(r"\s*\([^)]*\)", "", sentence)
    sentence = _LINK.sub("", sentence)
    if random.random() < 0.5:
        sentence = _REPORT.sub("", sentence)
    parts = re.split(r",\s+|;\s+", sentence)
    if len(parts) > 1 and random.random() < 0.6:
        kept = parts[:-1] if random.random() < 0.5 else parts[1:]
        if sum(len(part.split()) for part in kept) >= 6:
            sentence = ", ".join(kept)
    if random.random() < 0.7:
        sentence = _SAME.sub(lambda m: _SYNONYM[m[1]] if random.random() < 0.6 else m[1], sentence)
    sentence = sentence.strip()
    return f"{sentence[:1].upper()}{sentence[1:]}".rstrip(".") + "."


def _spoiled(kind: str, claim: str, other: str, tails: Sequence[str], known: Sequence[str], random: Random) -> str | None:
    """The claim with something wrong, or None where this kind of thing cannot go wrong with it."""
    if kind == "clause":
        return f"{claim.rstrip('.')}{random.choice((' ', ', '))}{random.choice(tails)}."
    if kind == "topic":
        return _shortened(other, random)
    if kind == "reversed":
        if (match := _BEATS.match(claim)) and random.random() < 0.5:
            return f"{match[3][:1].upper()}{match[3][1:]}{match[2]}{match[1]}."
        found = list(_OPPOSED.finditer(claim))
        if not found:
            return None
        one = random.choice(found)
        return f"{claim[: one.start()]}{_OPPOSITE[one[1]]}{claim[one.end() :]}"
    if kind == "number":
        numbers = list(_NUMBER.finditer(claim))
        if not numbers:
            return None
        one = random.choice(numbers)
        value = float(one[0]) * random.choice(_TIMES)
        return (
            f"{claim[: one.start()]}{value:.1f}{claim[one.end() :]}"
            if "." in one[0]
            else f"{claim[: one.start()]}{int(value) + 1}{claim[one.end() :]}"
        )
    named = names(claim)
    return claim.replace(random.choice(named), random.choice(known)) if named else None


def _nearest_sentence(title: str, sentences: Sequence[str]) -> str | None:
    """The sentence that holds most of a title's words, where it holds most of them."""
    words = set(re.findall(r"[a-z]{4,}", title.lower()))
    best = max(sentences, key=lambda s: len(words & set(re.findall(r"[a-z]{4,}", s.lower()))))
    held = words & set(re.findall(r"[a-z]{4,}", best.lower()))
    return best if words and len(held) >= 0.6 * len(words) else None
