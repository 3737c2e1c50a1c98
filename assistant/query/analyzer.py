"""What kind of question this is, and what it is about. Rules on the words of the question; nothing is looked up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from assistant.query.constraints import NO_CONSTRAINTS, Constraints
from assistant.query.labels import without_surrogates
from store.errors import QuestionError
from store.lexical import terms

Mode = Literal["answer", "list", "compare"]
Kind = Literal["answer", "list", "compare", "count"]
MAX_QUESTION = 4000

_WORKS = (
    r"(?:papers?|works?|stud(?:y|ies)|articles?|entr(?:y|ies)|publications?|preprints?|abstracts?|research|literature|approaches|"
    r"methods|authors|groups|people|teams|surveys?|reviews?|datasets?|data ?sets?|benchmarks?)"
)
_PAPER = r"(?:papers?|works?|stud(?:y|ies)|articles?|entr(?:y|ies)|publications?|preprints?|abstracts?|research|literature)"
_HERE = r"(?:(?:in|from) (?:here|this (?:corpus|collection|store|library)|the (?:corpus|collection|store|library))|here|we have|you have|at hand)"
_ABOUT = (
    r"(?:about|on|regarding|concerning|around|for|covering|(?:related|relating|relevant) to|dealing with|in the (?:area|field) of|"
    r"to do with|that|which|who|whose|with|using|by)"
)
_BEING = r"(?:(?:is|are|was|were|do|does|did|have|has|had|can|could|would|will) )?(?:(?:mainly|mostly|primarily|really|actually|also|explicitly|directly) )?"
_VERB = (
    r"(?:stud(?:y|ies|ied|ying)|tackl(?:e[sd]?|ing)|address(?:es|ed|ing)?|consider(?:s|ed|ing)?|discuss(?:es|ed|ing)?|deal(?:s|ing)? with|work(?:s|ing|ed)? on|"
    r"look(?:s|ing|ed)? (?:at|into)|cover(?:s|ed|ing)?|investigat(?:e[sd]?|ing)|explor(?:e[sd]?|ing)|examin(?:e[sd]?|ing)|analy[sz](?:e[sd]?|ing)|"
    r"report(?:s|ed|ing)?(?: on)?|about|on|treat(?:s|ed|ing)?|focus(?:es|ed|ing)? on|concern(?:s|ed with|ing)?|mention(?:s|ed|ing)?|touch(?:es)? on|(?:be )?about|"
    r"research(?:es|ed|ing)?|present(?:s|ed|ing)?|propos(?:e[sd]?|ing)|introduc(?:e[sd]?|ing)|use(?:s)? or study|describ(?:e[sd]?|ing)|go(?:es)? into|"
    r"suggest(?:s|ed|ing)?|demonstrat(?:e[sd]?|ing)|assess(?:es|ed|ing)?)"
)

# What stands between a request and what is requested, without saying anything about it.
_ANY_WORK = (
    rf"(?:(?:to|towards?|with|of|me|at|an?|any|some|the|all|more|few|recent|new|other|existing|prior|previous|foundational|seminal|good|relevant|useful|scholarly|"
    rf"academic|scientific|contemporary|in-depth|research) )*(?:{_PAPER}|references?|sources?|discussions?|information|details|guidelines)"
)

# What opens a request for a set of papers; what is left of the question is the topic.
_LIST_OPENINGS = [
    rf"(?:please )?(?:can|could|would|will) you (?:please |kindly )?(?:direct|point|refer|recommend|suggest|provide|give|show|send|name|find|share|help me find)"
    rf"(?: me)? {_ANY_WORK}(?: {_HERE})?(?: {_ABOUT})?",
    r"(?:please )?(?:can|could|would|will) you (?:please |kindly )?(?:recommend|suggest|(?:direct|point|refer) me (?:to|towards?))(?: (?:an?|any|some))?",
    rf"(?:i(?: a|')m|i have been|i've been) (?:currently )?(?:looking for|looking into|searching for|seeking|after|interested in|exploring|researching)(?: {_ANY_WORK}(?: {_ABOUT})?)?",
    r"i(?: would|'d)? (?:like|want|need) to (?:understand|learn|know|read|find out)(?: more)?(?: about)?",
    rf"where (?:can|could|might|do) (?:i|we|one) (?:find|read|get|look for|learn)(?: more)?(?: {_ANY_WORK})?(?: {_ABOUT})?",
    rf"(?:what|which)(?: recent| prior| existing| other)? {_PAPER} (?:exists?|(?:is|are) (?:there|available)|(?:has|have) been (?:done|conducted|carried out|published)|should (?:i|we) (?:look at|read|see|explore|consult|refer to)(?: to (?:understand|learn about)| if i am interested in| for)?)(?: {_ABOUT})?",
    rf"(?:is|are) there {_ANY_WORK}(?: {_HERE})?(?: {_ABOUT})?",
    rf"what are (?:some|the) {_ANY_WORK}(?: {_HERE})?(?: {_ABOUT})?",
    rf"(?:has|have) (?:there been |any )+(?:recent |other )?(?:research )?{_PAPER}(?: {_ABOUT})?",
    rf"how many (?:different )?(?:of (?:the|these) )?{_PAPER}(?: {_HERE})?(?: (?:are there|do we have|exist))?(?: {_ABOUT})?",
    rf"(?:please )?(?:can you |could you )?(?:list|show|find|give|gimme|name|enumerate|get|collect|tell)(?: me)?(?: (?:all|every|each|any|some))?(?: of)?(?: the| a list of)?(?: relevant)? ?{_WORKS}(?: {_HERE})?(?: {_ABOUT})?",
    rf"(?:please )?(?:list|show|find|enumerate|give|gimme)(?: me)? (?:everything|all|whatever)(?: {_HERE})?(?: {_ABOUT})",
    rf"(?:i(?: a|')m looking for|i (?:need|want)|looking for|search for)(?: all| any| some)?(?: the)?(?: relevant)? {_WORKS}(?: {_ABOUT})?",
    rf"(?:which|what)(?: of (?:the|these))?(?: other| recent| new)? {_PAPER}(?: {_HERE})?(?: (?:are|is) there| do we have| exist)?(?: {_ABOUT})?",
    rf"(?:is|are) there(?: any| some)?(?: recent| existing| other)? ?(?:anything|something|{_WORKS})(?: {_HERE})?(?: {_ABOUT})?",
    rf"(?:do|does|did|have) (?:we|you|they|i) (?:have|got|hold)(?: any| some)? ?(?:anything|something|{_WORKS})?(?: {_HERE})?(?: {_ABOUT})",
    rf"(?:anything|something|any(?: recent)? {_WORKS}|got anything|stuff)(?: {_HERE})?(?: {_ABOUT})?",
    rf"do(?:es)? (?:anything|any (?:of (?:the|these|them)|{_PAPER}))(?: {_HERE})?",
    rf"(?:has|have|did|does|is|are|do) (?:any ?(?:one|body)|some ?(?:one|body)|any (?:paper|author|one)s?)(?: {_HERE})?(?: ever)?",
    r"who(?:se|m)?(?: else)?(?: (?:is|are|has|have))?(?: here)?",
    rf"what(?:'s| is| are| do we have| have we got| is there| has been (?:done|written|said)| do you have)(?: (?:in )?{_HERE})? (?:on|about|regarding|concerning)",
    rf"(?:all|some|recent|the)?(?: the)? ?{_PAPER} {_ABOUT}",
    rf"(?:the )?(?:literature|work|research) {_ABOUT}",
]
_LIST_ENDINGS = [
    rf"\s*[-–—:,;]\s*(?:(?:which|what|any|how many) {_PAPER}|who)\b[^?]*\??$",
    rf"\s*[-–—:,;]?\s*(?:what|which ones) (?:have|do) (?:we|you) (?:got|have)(?: {_HERE})?\??$",
    rf"\s+{_PAPER}\??$",
    rf"\s*[?.,;:]?\s*(?:which|what) {_PAPER} (?:{_VERB})(?: (?:that|this|it|them))?\??$",
]
_OPEN = [re.compile(rf"^(?:so |and |ok |hi |hello )?{pattern}\b", re.IGNORECASE) for pattern in _LIST_OPENINGS]
_CLOSE = [re.compile(pattern, re.IGNORECASE) for pattern in _LIST_ENDINGS]
_TRAILING_LIST = re.compile(rf"[?.;]\s*(?:which|what) {_PAPER}\b[^?]*\??\s*$", re.IGNORECASE)
_COUNT = re.compile(rf"\bhow many\b(?: \w+){{0,3}} {_PAPER}\b|\bnumber of {_PAPER}\b|\bcount (?:the )?{_PAPER}\b", re.IGNORECASE)

_COMPARE = re.compile(
    r"\b(?:compar(?:e|es|ed|ing|ison)|contrast|versus|vs\.?|differ(?:s|ently)?|differences? between|(?:dis)?agree|in common|"
    r"pros and cons|trade-?offs? between|each (?:of )?(?:them )?(?:tr(?:y|ies)|differ)|better or worse|good or bad|"
    r"(?:as )?(?:opposed|against) to|relative to each other|side by side)\b",
    re.IGNORECASE,
)
_SIDES = re.compile(r"\b(?:versus|vs\.?|compared (?:to|with)|as opposed to|rather than|differs? from)\b", re.IGNORECASE)
_BETWEEN = re.compile(r"\b(?:between|compare|contrast)\s+(.+?)\s+(?:and|with|to|from|against)\s+(.+?)(?:[?.;:]|$)", re.IGNORECASE)
_PAIR = re.compile(r"\bhow do(?:es)?\s+(.+?)\s+and\s+(.+?)\s+(?:differ|compare|each|relate)\b", re.IGNORECASE)
_SERIES = re.compile(r"\bhow do\s+(.+?)\s+each\b", re.IGNORECASE)

_MEASURE = re.compile(
    r"\b(?:speed-?ups?|accurac(?:y|ies)|rates?|errors?|err|gains?|scores?|savings?|cost|reduction|improvement|latency|energy|memory|"
    r"throughput|fraction|percent(?:age)?|proportion|number|size|sizes|results?|performance|parameters?|perplexity|auc|f1|bleu|per|raters?|best|max|min|\d+)\b",
    re.IGNORECASE,
)
_QUANTITY = re.compile(
    r"\bhow (?:many|much|long|large|big|small|fast|deep|often|high|low|far|accurate(?:ly)?|old|wide|strong)\b|\bby how\b|\bwhat (?:fraction|percent(?:age)?|"
    r"proportion|share|number|size|speed-?up|accuracy|rate|score|lift|weight decay|learning rate)\b|%|\b(?:speed-?up|accuracy|rate|error|err|saving|"
    r"gain|energy|cost|fraction)s?\b",
    re.IGNORECASE,
)
QUESTION_WORD = re.compile(
    r"^(?:what|which|who|whom|whose|when|where|why|how|is|are|was|were|do|does|did|can|could|should|would|will|has|have|had|if|in|by|"
    r"according|tell|explain|describe|summari[sz]e|give|my|our|i|we)\b",
    re.IGNORECASE,
)
_AUXILIARY = re.compile(r"\b(?:is|are|was|were|do|does|did|can|could|should|would|will|has|have|had|must|get|gets|got)\b", re.IGNORECASE)
_BARE_WORDS = 9
_FACET_PLACE = 7

_FACETS = {
    "survey": re.compile(
        r"\b(?:surveys?|tutorials?|review(?: papers?| articles?|s)|reviews|overviews?|state of the art reports?)\b", re.IGNORECASE
    ),
    "dataset": re.compile(r"\b(?:new |novel )?(?:data ?sets?|benchmarks?|corpora)\b", re.IGNORECASE),
}
_FACET_FILLER = re.compile(
    r"\b(?:new|novel|papers?|articles?|releas(?:e|es|ing)|introduc(?:e|es|ing)|present(?:s|ing)?|mainly|mostly|about|or|and|a|an|the|"
    r"are|is|on|of|for|entries|that|which|any|some|all|literature|works?|propos(?:e|es|ing)|publish(?:es|ing)?|creat(?:e|es|ing)|"
    r"main|contribution|whose|primarily|kind|in|here|this|collection|corpus|list|show|find|give|me|every|you|have|we|there)\b",
    re.IGNORECASE,
)

_TOPIC_LEAD = re.compile(
    rf"^(?:(?:{_BEING}{_VERB}|(?:that|which|who) (?:are|is|do|does)?|mainly|mostly|primarily|about|on|for|the (?:topic|subject|area|field) of|"
    rf"(?:use|using|uses)(?= or study)|applied|apply(?:ing)?(?= \w+ \w+ to)|any|ever|here|there|(?:is|are)(?= (?:about|on))|in here on|working on)\s+)+",
    re.IGNORECASE,
)
_TOPIC_TAIL = re.compile(
    rf"(?:\s+(?:{_HERE}|please|at all|in any way|to date|so far|exist|are there|is there|do we have|lately|recently|these days|nowadays|so far|if any|plz|pls|thanks|(?:is|are) (?:covered|discussed|treated|studied)))+$",
    re.IGNORECASE,
)
_ENUMERATION = re.compile(r"\s*,\s*(?:(?:or|and)\s+)?|\s+or\s+|\s+and\s+|\s*;\s*", re.IGNORECASE)
_ENUMERATED = 3
_SIDE_WORDS = 6
_PART_WORDS = 4
_MENTIONS = re.compile(r"\bmention(?:s|ed|ing)?\b", re.IGNORECASE)
_QUOTED = re.compile(r"[\"“”«»]([^\"“”«»]{8,300})[\"“”«»]|(?<!\w)['‘]([^'‘’]{8,300}(?:[’'][a-z][^'‘’]{0,200})?)['’](?!\w)")


@dataclass(frozen=True, slots=True)
class Question:
    """A question as understood.

    Args:
        text: what was asked, white space tidied.
        mode: what kind of answer it wants.
        topic: what it is about; the question itself where nothing could be taken off.
        parts: the members of an enumeration ("A, B or C") of which any one will do; empty where there is none.
        mentions: it asks which papers mention its topic: those that hold its words.
        sides: what a comparison sets against each other, as far as the words tell.
        counts: it asks how many.
        quantity: its answer may hold a number, so that sentences with figures are preferred.
        facet: the kind of paper it asks for (``survey`` or ``dataset``), if any.
        quoted: titles it quotes.
        wants: which of :data:`assistant.query.labels.KINDS` it is, where the query model was asked.
        constraints: the conditions it sets.
        typed: as typed, white space tidied.
        corrections: (typed, meant) of misspelt words that were replaced.
        suggestions: (typed, perhaps meant) of words that were left.
        is_topicless: it asks for papers by its conditions alone.
    """

    text: str
    mode: Mode
    topic: str
    parts: tuple[str, ...]
    mentions: bool
    sides: tuple[str, ...]
    counts: bool
    quantity: bool
    facet: str | None
    quoted: tuple[str, ...]
    wants: str = ""
    constraints: Constraints = NO_CONSTRAINTS
    typed: str = ""
    corrections: tuple[tuple[str, str], ...] = ()
    suggestions: tuple[tuple[str, str], ...] = ()
    is_topicless: bool = False


def analyze(text: str, kind: Kind | None = None) -> Question:
    """Understand a question.

    Args:
        text: one question in English, at most 4,000 characters.
        kind: what it wants, where that is known (:mod:`assistant.query.understanding`); by default what its words alone say.

    Raises:
        QuestionError: it is empty, too long, holds control characters or only stop words, or is in another language.
    """
    question = check(text, needs_terms=kind is None)
    facet = next((name for name, pattern in _FACETS.items() if pattern.search(question)), None)
    kind = kind or stated_kind(question)
    mode: Mode = "list" if kind == "count" else kind
    topic = (_list_topic(question) or question) if mode == "list" else question
    topic = _tidy(topic) or question
    quoted = tuple(a or b for a, b in _QUOTED.findall(question))
    return Question(
        text=question,
        mode=mode,
        topic=topic,
        parts=_parts(topic) if mode == "list" else (),
        mentions=mode == "list" and _MENTIONS.search(question) is not None,
        sides=_sides(question) if mode == "compare" else (),
        counts=kind == "count",
        quantity=mode != "list" and _QUANTITY.search(question) is not None,
        facet=facet if mode == "list" and facet and _facet_asked(question, facet) else None,
        quoted=quoted,
    )


def stated_kind(question: str) -> Kind:
    """What a question wants as far as its words alone tell."""
    if _list_topic(question) is not None:
        return "count" if _COUNT.search(question) else "list"
    if _COMPARE.search(question) and not _QUANTITY.search(question):
        return "compare"
    return "list" if _is_bare(question) else "answer"


def check(text: str, what: str = "question", *, needs_terms: bool = True) -> str:
    """The question with white space tidied.

    Args:
        text: as typed.
        what: what errors call it.
        needs_terms: whether it must hold a word to search for.

    Raises:
        QuestionError: as in :func:`analyze`.
    """
    question = " ".join(without_surrogates(text).split())
    if not question:
        raise QuestionError(f"The {what} is empty.", 'Ask something, for example: ask "what papers study grokking?"')
    if len(question) > MAX_QUESTION:
        raise QuestionError(
            f"The {what} has {len(question):,} characters, at most {MAX_QUESTION:,} are read.", "Ask one question at a time."
        )
    for place, char in enumerate(question):
        if ord(char) < 32 or 127 <= ord(char) < 160:
            raise QuestionError(
                f"The {what} holds a control character (U+{ord(char):04X} at position {place + 1}).", "Remove it and ask again."
            )
    other = other_language(question)
    if other:
        raise QuestionError(f"The {what} seems to be in {other}; only English is understood.", "Ask it in English.")
    if needs_terms and not has_terms(question):
        raise QuestionError(
            f"The {what} holds no word to search for, only stop words or punctuation.", "Name the topic, method or paper you mean."
        )
    return question


def has_terms(text: str) -> bool:
    """Whether a text holds a word to search for."""
    return any(word not in _FUNCTION_WORDS for word in terms(text))


_FOREIGN = {
    "German": "der die das und ist nicht welche welcher welches wie werden wird über mit für von den dem ein eine einen auf zu im zum zur sind gibt es warum arbeiten",
    "French": "le la les des du et est dans pour que qui une quels quelles quel quelle sur avec sont comment pourquoi au aux ce cette articles étudient",
    "Spanish": "el la los las del y es en para que una qué cuáles cuál cómo sobre con son por artículos estudian hay cual cuales como",
    "Italian": "il lo la gli le di e è per che una quali quale come sul sulla con sono della delle dei articoli studiano perché",
    "Portuguese": "o os as do da dos das e é em para que uma quais qual como sobre com são por artigos estudam não",
    "Dutch": "de het een en is niet welke hoe wordt worden over met voor van op zijn er artikelen",
}
_FOREIGN_WORDS = {language: frozenset(words.split()) for language, words in _FOREIGN.items()}
_FUNCTION_WORDS = frozenset(
    [
        "what",
        "which",
        "who",
        "whom",
        "how",
        "why",
        "when",
        "where",
        "do",
        "doe",
        "did",
        "can",
        "could",
        "should",
        "would",
        "has",
        "have",
        "had",
        "am",
        "were",
        "me",
        "my",
        "you",
        "we",
        "i",
        "he",
        "she",
        "its",
    ]
)
_ENGLISH = frozenset(
    [
        "the",
        "of",
        "and",
        "to",
        "in",
        "is",
        "are",
        "what",
        "which",
        "who",
        "how",
        "why",
        "when",
        "do",
        "does",
        "did",
        "that",
        "this",
        "these",
        "those",
        "for",
        "with",
        "on",
        "about",
        "by",
        "from",
        "papers",
        "paper",
        "work",
        "study",
        "studies",
        "any",
        "anything",
        "there",
        "be",
        "can",
        "could",
        "should",
        "has",
        "have",
        "it",
        "its",
        "an",
        "at",
        "as",
        "or",
        "not",
        "find",
        "list",
        "show",
        "give",
    ]
)


def content_terms(text: str) -> list[str]:
    """Stemmed terms of a text without stop words and question words; all terms where nothing else would be left."""
    found = terms(text)
    return [term for term in found if term not in _FUNCTION_WORDS] or found


def other_language(text: str) -> str | None:
    """Name of the language a question is in when it is plainly not English.

    A guess from script and function words: two of another language and more than of English.
    """
    letters = [c for c in text if c.isalpha()]
    foreign_script = sum(ord(c) > 0x24F and not 0x370 <= ord(c) < 0x400 and not 0x1D00 <= ord(c) < 0x2200 for c in letters)
    if letters and 2 * foreign_script > len(letters):
        return "another script"
    words = [word.strip("?!.,;:¿¡\"'()").lower() for word in text.split()]
    english = sum(word in _ENGLISH for word in words)
    best, hits = max(((language, len({w for w in words if w in known})) for language, known in _FOREIGN_WORDS.items()), key=lambda x: x[1])
    return best if hits >= 2 and hits > english else None


def _list_topic(question: str) -> str | None:
    """What a request for a set of papers asks about, or None where it is not one."""
    trailing = _TRAILING_LIST.search(question)
    if trailing and trailing.start() > 12:
        return question[: trailing.start()]
    for pattern in _OPEN:
        if match := pattern.match(question):
            rest = question[match.end() :].strip()
            if not rest.strip("?!. ") and trailing is None:
                continue
            return rest
    for pattern in _CLOSE:
        match = pattern.search(question)
        if match and match.start() > 2 and not QUESTION_WORD.match(question):
            return question[: match.start()]
    return None


def _is_bare(question: str) -> bool:
    """A noun phrase without a measure in it: a topic, so its papers are wanted."""
    words = question.split()
    if len(words) > _BARE_WORDS or QUESTION_WORD.match(question) or _MEASURE.search(question) or ":" in question:
        return False
    return not _AUXILIARY.search(question)


def _tidy(topic: str) -> str:
    topic = topic.strip(" ?!.,;:-–—")
    while (shorter := _TOPIC_TAIL.sub("", _TOPIC_LEAD.sub("", topic)).strip(" ?!.,;:-–—")) != topic:
        topic = shorter
    return topic if terms(topic) else ""


def _parts(topic: str) -> tuple[str, ...]:
    """An enumeration's members: three or more, with a comma. In "X with Y or Z" the last two are not topics of their own."""
    parts = [part.strip() for part in _ENUMERATION.split(topic)]
    whole = "," in topic and len(parts) >= _ENUMERATED and all(terms(part) and len(part.split()) <= _PART_WORDS for part in parts)
    return tuple(parts) if whole else ()


def _facet_asked(question: str, facet: str) -> bool:
    """Whether the facet is what is asked for, not a word somewhere in the topic: it comes among the first words."""
    match = _FACETS[facet].search(question)
    return match is not None and len(question[: match.start()].split()) <= _FACET_PLACE


# What "how many" counts: the words after it, up to the verb or preposition that follows.
_COUNTED = re.compile(
    r"\bhow many\s+((?:[\w/-]+\s+){0,3}?[\w/-]+?)(?=\s+(?:is|are|was|were|do|does|did|can|could|has|have|had|will|would|should|must|of|in|on|to|for|from|"
    r"with|by|per|at|took|take|went|it|the|that|used|people|needed)\b|[?,.;]|$)",
    re.IGNORECASE,
)


def counted_terms(question: str) -> frozenset[str]:
    """Stemmed terms of what a question asks the number of ("how many GPUs were used" - GPUs); none where it does not."""
    match = _COUNTED.search(question)
    return frozenset(terms(match[1])) - _FUNCTION_WORDS if match else frozenset()


_ALSO_ASKED = re.compile(r"(?<=\?)\s+|\s*[,;]?\s+and\s+(?=(?:how|what|why|which|when|where|who|does|do|did|is|are|can)\b)", re.IGNORECASE)
_QUESTION = 3


def subquestions(question: str) -> tuple[str, ...]:
    """The questions of a multi-part one ("How does X work, and what does it cost?"); empty where it is one question."""
    parts = [part.strip(" ,;") for part in _ALSO_ASKED.split(question) if part.strip(" ,;?")]
    whole = len(parts) > 1 and all(len(part.split()) >= _QUESTION and terms(part) for part in parts)
    return tuple(parts) if whole else ()


def facet_topic(question: Question) -> str:
    """What a question for surveys or data sets asks about, besides the kind of paper; empty where nothing else."""
    if question.facet is None:
        return question.topic
    rest = _FACET_FILLER.sub(" ", _FACETS[question.facet].sub(" ", question.topic))
    rest = " ".join(rest.split()).strip(" ?!.,;:-–—")
    return rest if terms(rest) else ""


def _sides(question: str) -> tuple[str, ...]:
    """The things a comparison names; empty where they are described, not named."""
    found: tuple[str, ...] = ()
    if match := _SERIES.search(question):
        found = tuple(re.split(r",\s*(?:and\s+)?|\s+and\s+", match.group(1)))
    elif match := _PAIR.search(question) or _BETWEEN.search(question):
        found = match.groups()
    elif len(parts := _SIDES.split(question)) == 2:
        found = (re.split(r"[?.;:]", parts[0])[-1], parts[1])
    found = tuple(part.strip(" ?.") for part in found)
    is_named = len(found) > 1 and all(terms(part) and len(part.split()) <= _SIDE_WORDS for part in found)
    return found if is_named else ()
