"""What a group of papers is about, in phrases of their own that set it apart from other groups."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from store.lexical import word_terms
from store.types import Entry

_WORD = re.compile(r"[^\W_]+(?:[-'’+][^\W_]+)*")
_PARTS = re.compile(r"[.,;:!?()\[\]{}\"“”«»/|=<>$\\]|\s[-–—]\s|\s")
_LONGEST = 3
# Words that end a phrase besides those the index leaves out: verbs, and what papers say of themselves.
_BREAKS = frozenset(
    [
        "also",
        "although",
        "among",
        "any",
        "author",
        "authors",
        "based",
        "better",
        "both",
        "can",
        "could",
        "demonstrate",
        "demonstrated",
        "demonstrates",
        "develop",
        "developed",
        "develops",
        "different",
        "do",
        "does",
        "doing",
        "due",
        "each",
        "effective",
        "effectively",
        "efficient",
        "empirically",
        "especially",
        "even",
        "evaluate",
        "evaluated",
        "existing",
        "experimental",
        "extensive",
        "fail",
        "fails",
        "few",
        "find",
        "finds",
        "first",
        "found",
        "further",
        "general",
        "given",
        "good",
        "hard",
        "has",
        "have",
        "high",
        "highly",
        "however",
        "important",
        "improve",
        "improved",
        "improves",
        "improving",
        "including",
        "increase",
        "increased",
        "increases",
        "introduce",
        "introduced",
        "introduces",
        "introducing",
        "investigate",
        "investigates",
        "key",
        "known",
        "large",
        "large-scale",
        "largely",
        "lead",
        "leads",
        "less",
        "like",
        "make",
        "makes",
        "making",
        "many",
        "may",
        "mean",
        "means",
        "might",
        "more",
        "moreover",
        "most",
        "much",
        "new",
        "non",
        "novel",
        "now",
        "obtain",
        "obtains",
        "often",
        "one",
        "ones",
        "only",
        "outperform",
        "outperforms",
        "over",
        "paper",
        "papers",
        "particular",
        "perform",
        "performs",
        "popular",
        "possible",
        "potential",
        "present",
        "presented",
        "presents",
        "previous",
        "prior",
        "propose",
        "proposed",
        "proposes",
        "prove",
        "proves",
        "provide",
        "provided",
        "provides",
        "providing",
        "recent",
        "recently",
        "reduce",
        "reduced",
        "reduces",
        "reducing",
        "require",
        "required",
        "requires",
        "reveal",
        "reveals",
        "second",
        "several",
        "show",
        "showing",
        "shown",
        "shows",
        "significant",
        "significantly",
        "simple",
        "simply",
        "since",
        "single",
        "small",
        "so",
        "some",
        "specific",
        "state-of-the-art",
        "still",
        "strong",
        "studied",
        "such",
        "suggest",
        "suggests",
        "than",
        "that",
        "their",
        "then",
        "theoretical",
        "theoretically",
        "these",
        "they",
        "third",
        "three",
        "through",
        "thus",
        "too",
        "toward",
        "towards",
        "two",
        "typically",
        "understand",
        "understanding",
        "understood",
        "use",
        "used",
        "useful",
        "uses",
        "using",
        "usually",
        "various",
        "very",
        "via",
        "we",
        "well",
        "when",
        "where",
        "whether",
        "which",
        "while",
        "why",
        "widely",
        "will",
        "with",
        "within",
        "without",
        "would",
        "yet",
        "learn",
        "learned",
        "learns",
        "train",
        "trained",
        "apply",
        "applied",
        "across",
        "achieve",
        "achieves",
        "achieving",
        "allow",
        "allows",
        "allowing",
        "call",
        "called",
        "compare",
        "compared",
        "consider",
        "considered",
        "consists",
        "enable",
        "enables",
        "enabling",
        "explain",
        "explains",
        "explore",
        "explores",
        "help",
        "helps",
        "identify",
        "need",
        "needed",
        "needs",
        "rely",
        "relies",
        "remain",
        "remains",
        "same",
        "seen",
        "turn",
        "us",
        "take",
        "takes",
        "address",
        "addresses",
        "addressing",
        "analyze",
        "analyzes",
        "analyse",
        "analyzing",
        "capture",
        "captures",
        "combine",
        "combines",
        "contain",
        "contains",
        "create",
        "creates",
        "define",
        "describe",
        "design",
        "designed",
        "designing",
        "determine",
        "directly",
        "establish",
        "estimate",
        "exhibit",
        "exhibits",
        "extend",
        "extends",
        "formulate",
        "generate",
        "generated",
        "give",
        "gives",
        "go",
        "handle",
        "hence",
        "hold",
        "holds",
        "implement",
        "include",
        "indicate",
        "indicates",
        "introduces",
        "know",
        "lack",
        "leading",
        "limited",
        "main",
        "mainly",
        "measure",
        "modern",
        "observe",
        "observed",
        "offer",
        "offers",
        "overcome",
        "poses",
        "produce",
        "produces",
        "promising",
        "reach",
        "reaches",
        "represent",
        "respect",
        "serve",
        "serves",
        "solve",
        "solving",
        "start",
        "suffer",
        "suffers",
        "support",
        "supports",
        "tackle",
        "tend",
        "tested",
        "underlying",
        "vary",
        "verify",
        "common",
        "complex",
        "current",
        "difficult",
        "entire",
        "full",
        "fully",
        "fundamental",
        "high-dimensional",
        "able",
        "advantage",
        "challenging",
        "before",
        "after",
        "during",
        "against",
        "under",
        "between",
        "above",
        "below",
        "primarily",
        "actually",
        "here",
        "depend",
        "depends",
        "degrade",
        "degrades",
        "here",
        "argue",
        "argues",
        "affect",
        "affects",
        "emerge",
        "emerges",
        "arise",
        "arises",
        "yield",
        "yields",
        "exploit",
        "exploits",
        "leverage",
        "leverages",
        "leveraging",
        "shift",
        "shifts",
        "our",
        "its",
        "his",
        "her",
        "your",
        "my",
        "other",
        "others",
        "following",
        "finally",
        "study",
        "studies",
        "work",
        "works",
        "focus",
        "test",
        "form",
        "limit",
        "range",
        "mnist",
        "cifar",
        "cifar-10",
        "cifar-100",
        "cifar10",
        "cifar100",
        "imagenet",
        "imagenet-1k",
        "coco",
        "glue",
        "wikitext",
    ]
)
# Words that every paper uses: they may stand in a phrase, but do not make one.
_WEAK = frozenset(
    [
        "ability",
        "accuracy",
        "aim",
        "algorithm",
        "algorithms",
        "analysis",
        "application",
        "applications",
        "approach",
        "approaches",
        "architecture",
        "architectures",
        "aspect",
        "aspects",
        "basis",
        "behavior",
        "behaviors",
        "behaviour",
        "benchmark",
        "benchmarks",
        "case",
        "cases",
        "challenge",
        "challenges",
        "class",
        "classes",
        "comparison",
        "complexity",
        "condition",
        "conditions",
        "constraint",
        "constraints",
        "context",
        "cost",
        "costs",
        "data",
        "dataset",
        "datasets",
        "deep",
        "depth",
        "dimension",
        "domain",
        "effect",
        "effects",
        "error",
        "errors",
        "example",
        "examples",
        "experiment",
        "experiments",
        "factor",
        "factors",
        "feature",
        "features",
        "field",
        "finding",
        "findings",
        "framework",
        "function",
        "functions",
        "goal",
        "idea",
        "information",
        "input",
        "inputs",
        "insight",
        "insights",
        "instance",
        "instances",
        "interaction",
        "interactions",
        "issue",
        "issues",
        "knowledge",
        "layer",
        "layers",
        "learning",
        "level",
        "levels",
        "limits",
        "loss",
        "mechanism",
        "mechanisms",
        "method",
        "methods",
        "model",
        "models",
        "network",
        "networks",
        "neural",
        "neuron",
        "neurons",
        "number",
        "object",
        "objects",
        "output",
        "outputs",
        "parameter",
        "parameters",
        "performance",
        "perspective",
        "phenomenon",
        "power",
        "practice",
        "prediction",
        "predictions",
        "problem",
        "problems",
        "procedure",
        "process",
        "processes",
        "property",
        "properties",
        "quality",
        "quantities",
        "quantity",
        "question",
        "questions",
        "recognition",
        "region",
        "regions",
        "representation",
        "representations",
        "research",
        "result",
        "results",
        "role",
        "roles",
        "sample",
        "samples",
        "scale",
        "setting",
        "settings",
        "shortcoming",
        "shortcomings",
        "signal",
        "size",
        "sizes",
        "space",
        "spaces",
        "state",
        "step",
        "steps",
        "strategy",
        "strategies",
        "structure",
        "structures",
        "system",
        "systems",
        "target",
        "task",
        "tasks",
        "technique",
        "techniques",
        "term",
        "terms",
        "theory",
        "tool",
        "tools",
        "topic",
        "training",
        "type",
        "types",
        "value",
        "values",
        "view",
        "way",
        "ways",
        "weight",
        "weights",
        "width",
        "capacity",
        "impact",
        "distribution",
        "distributions",
        "energy",
        "errors",
        "initialization",
        "optimization",
        "explanation",
        "explanations",
        "scenario",
        "scenarios",
        "states",
        "set",
        "sets",
        "order",
        "operation",
        "operations",
        "comprehension",
    ]
)
# A phrase's last word must be a noun: no such ending, and mostly followed by a mark or one of these words, as nouns are and verbs and adjectives are not.
_NO_NOUN = re.compile(r"(?:ly|ive|ous|able|ible|ful|less|ary|ic|ical|ial|ional|ed|ised|ized|ary|er than|wise|more|most)$", re.IGNORECASE)
_AFTER_NOUN = frozenset(
    ["of", "is", "are", "in", "for", "via", "and", "or", "by", "with", "from", "can", "which", "as", "was", "were", "has", "have"]
)
_NOUN = 0.5
_TITLED = 0.5
_SEVERAL_WORDS = 1.5


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase as it is written most often, with its stems, the papers that hold it, and those that have it in their title."""

    text: str
    stems: tuple[str, ...]
    papers: frozenset[str]
    titled: frozenset[str]


def phrases(entries: Iterable[Entry]) -> list[Phrase]:
    """Phrases of one to three words that stand in titles and abstracts.

    Args:
        entries: the papers.
    """
    forms: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    holders: dict[tuple[str, ...], set[str]] = defaultdict(set)
    titled: dict[tuple[str, ...], set[str]] = defaultdict(set)
    ends: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for entry in entries:
        for in_title, text in ((True, entry.title or ""), (False, entry.abstract)):
            for run, last in _runs(text):
                seen.update(word_terms(word)[-1] for word in run)
                ends[word_terms(run[-1])[-1]] += last
                for size in range(1, _LONGEST + 1):
                    for at in range(len(run) - size + 1):
                        words = run[at : at + size]
                        stems = tuple(stem for word in words for stem in word_terms(word))
                        forms[stems][" ".join(words)] += 1
                        holders[stems].add(entry.id)
                        if in_title:
                            titled[stems].add(entry.id)
    return [
        Phrase(text, stems, frozenset(ids), frozenset(titled[stems]))
        for stems, ids in holders.items()
        if ends[stems[-1]] >= _NOUN * seen[stems[-1]]
        and not _NO_NOUN.search(text := _form(forms[stems]))
        and any(word.lower() not in _WEAK for word in text.split())
    ]


def _runs(text: str) -> list[tuple[list[str], bool]]:
    """Stretches of words that no stop word, verb or mark parts, and whether what follows each is what follows a noun."""
    runs: list[tuple[list[str], bool]] = []
    run: list[str] = []
    for piece in [*_PARTS.split(text), ""]:
        word = _WORD.fullmatch(piece)
        if word is None or not piece[0].isalpha() or len(piece) < 2 or piece.lower() in _BREAKS or not word_terms(piece):
            if run:
                runs.append((run, word is None or piece.lower() in _AFTER_NOUN))
                run = []
            continue
        run.append(piece)
    return runs


def _form(forms: Counter[str]) -> str:
    """The commonest way to write a phrase; capitals that only a title or the start of a sentence gave go."""
    plain: Counter[str] = Counter()
    for form, count in forms.items():
        plain[form if any(_is_name(word) for word in form.split()) else form.lower()] += count
    best = max(plain.items(), key=lambda x: (x[1], x[0]))[0]
    lower = best.lower()
    return lower if plain.get(lower, 0) * 3 >= plain[best] else best


def _is_name(word: str) -> bool:
    return any(ch.isupper() for ch in word[1:]) or any(ch.isdigit() for ch in word)


def telling(
    candidates: Sequence[Phrase],
    group: Collection[str],
    others: Collection[str],
    rarity: Callable[[str], float],
    without: Collection[str] = (),
) -> list[tuple[float, Phrase]]:
    """Phrases that set a group apart, best first.

    The share of the group's papers that hold a phrase, less that of the others, times how rare its words are in the corpus: class-based TF-IDF (Grootendorst 2022,
    BERTopic) on document frequencies.

    Args:
        candidates: from :func:`phrases`.
        group: ids of the group's papers.
        others: ids of the papers it is set apart from.
        rarity: of a stem in the corpus, 0 to 1.
        without: stems that every group shares, as those of the topic: a phrase needs one besides.
    """
    inside, outside = set(group), set(others) - set(group)
    shared = set(without)
    found = []
    for phrase in candidates:
        held = len(phrase.papers & inside)
        if held < min(2, len(inside)) or not set(phrase.stems) - shared:
            continue
        share = held / len(inside)
        contrast = share - len(phrase.papers & outside) / max(1, len(outside))
        rare = sum(map(rarity, phrase.stems)) / len(phrase.stems)
        title = len(phrase.titled & inside) / len(inside)
        # More than one word tells more, and so does a phrase that more papers hold, in their titles above all.
        weight = contrast * rare * (1 + _SEVERAL_WORDS * (len(phrase.stems) > 1) + _TITLED * title) * math.log2(1 + held)
        if weight > 0:
            found.append((weight, phrase))
    return sorted(found, key=lambda x: (-x[0], x[1].text))


def distinct_phrases(ranked: Sequence[tuple[float, Phrase]], count: int, least: float = 0.0) -> list[Phrase]:
    """The best phrases, none of which shares a stem with a better one or stands in much the same papers.

    Args:
        ranked: from :func:`telling`.
        count: how many.
        least: share of the best one's weight that the others need.
    """
    kept: list[Phrase] = []
    for weight, phrase in ranked:
        if len(kept) == count or weight < least * ranked[0][0]:
            break
        apart = all(len(phrase.papers & other.papers) <= len(phrase.papers) / 2 for other in kept)
        if apart and not any(set(phrase.stems) & set(other.stems) for other in kept):
            kept.append(phrase)
    return kept
