"""From named fields, as JSON, tables, BibTeX and RIS have them, to a record.

Names are compared without case and punctuation, so that ``Abstract Note``, ``abstract_note`` and ``abstractNote`` are one.
The arXiv metadata snapshot and OpenAlex works have shapes of their own and are brought into the common one first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from store.errors import SettingsError
from store.ids import clean_arxiv, clean_doi
from store.parse.base import Unusable, clean
from store.parse.markup import plain
from store.types import Record

# Written into exports: the texts are plain already and must be taken as they are.
PLAIN_MARK = "paper-assistant"

_NAMES: dict[str, tuple[str, ...]] = {
    "title": ("title", "papertitle", "articletitle", "documenttitle", "ti", "primarytitle", "displayname"),
    "abstract": ("abstract", "text", "summary", "paperabstract", "abstractnote", "abstracttext", "ab", "notesabstract"),
    "authors": ("authors", "author", "creators", "creator", "authornames", "au", "firstauthors", "authorsparsed"),
    "year": (
        "year",
        "publicationyear",
        "py",
        "published",
        "publicationdate",
        "publishdate",
        "issued",
        "date",
        "updatedate",
        "versions",
    ),
    "venue": (
        "venue",
        "journal",
        "booktitle",
        "conference",
        "journalref",
        "containertitle",
        "publicationtitle",
        "sourcetitle",
        "journalname",
        "secondarytitle",
        "alternatetitle3",
        "journaltitle",
        "proceedingstitle",
        "so",
    ),
    "url": ("url", "link", "urls", "pdfurl", "pdf", "landingpageurl"),
    "doi": ("doi", "di"),
    "arxiv": ("arxivid", "arxiv", "eprint"),
    "keywords": ("keywords", "keyword", "authorkeywords", "indexkeywords", "manualtags", "tags", "categories", "subjects", "de"),
    "aliases": ("aliases", "_id", "id", "key", "paperid", "corpusid", "docid", "citationkey", "citekey", "accessionnumber", "pmid"),
}
FIELDS = tuple(_NAMES)
_MAX_WORDS = 100_000
_INITIALS = re.compile(r"(?:[A-Z]\.?[\s-]?){1,3}")
_NOTHING = re.compile(
    r"\W*(?:no abstract(?: (?:is )?(?:available|provided))?|abstract (?:is )?(?:not|un)\s?available|not available|n/?a|none|null|nan|abstract)\W*",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?!\d)")
_ARXIV_DOI = re.compile(r"10\.48550/arxiv\.(.+)", re.IGNORECASE)

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FieldMap:
    """Which of a file's fields are which of ours.

    Args:
        chosen: our field -> the file's, as ``--map`` gives them; a dot goes into an inner object.
    """

    chosen: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, pairs: Iterable[str]) -> FieldMap:
        """Read ``OURS=THEIRS`` pairs.

        Raises:
            SettingsError: a pair is not of that form, or names no field of ours.
        """
        chosen = []
        for pair in pairs:
            ours, equals, theirs = pair.partition("=")
            if not equals or not theirs.strip() or ours.strip() not in FIELDS:
                raise SettingsError(
                    f"--map {pair!r} is not FIELD=NAME.", f"FIELD is one of {', '.join(FIELDS)}; NAME is what the file calls it."
                )
            chosen.append((ours.strip(), theirs.strip()))
        return cls(tuple(chosen))

    def known(self, name: str) -> str | None:
        """Our name of a file's field, or None."""
        folded = fold(name)
        for ours, theirs in self.chosen:
            if fold(theirs) == folded:
                return ours
        return next((ours for ours, names in _NAMES.items() if folded in names), None)

    def values(self, data: Data, ours: str) -> list[Any]:
        """Values of a field, the likeliest first."""
        found = [_dig(data, theirs) for mine, theirs in self.chosen if mine == ours]
        folded: dict[str, Any] = {}
        for name, value in data.items():
            folded.setdefault(fold(name), value)
        found += [folded[name] for name in _NAMES[ours] if name in folded]
        return [value for value in found if value not in (None, "", [])]


AS_NAMED = FieldMap()


@lru_cache(maxsize=4096)
def fold(name: str) -> str:
    """A field's name as it is compared."""
    if name == "_id":
        return name
    return re.sub(r"[\W_]+", "", name).casefold()


def _dig(data: Data, path: str) -> Any:
    if path in data:
        return data[path]
    value: Any = data
    for part in path.split("."):
        if isinstance(value, list):
            value = value[0] if value else None
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def record_of(line: int, data: Data, names: FieldMap, *, readable: Callable[[str], str] = plain, shape: str = "") -> Record:
    """The record that some fields make.

    Args:
        line: where it starts.
        data: its fields.
        names: which is which.
        readable: takes markup out of a text.
        shape: ``arxiv`` or ``openalex`` where it is known to be one; else it is found out.

    Raises:
        Unusable: it has no abstract.
    """
    id: str | None = None
    plainly = PLAIN_MARK in data
    if plainly:
        readable, id = str, _one_text([data.get("id")], str)
    elif shape == "arxiv" or (not shape and _is_arxiv(data)):
        data = _from_arxiv(data)
    elif shape == "openalex" or (not shape and _is_openalex(data)):
        data = _from_openalex(data)

    def text(ours: str) -> str | None:
        return _one_text(names.values(data, ours), readable)

    abstract = text("abstract")
    if not abstract:
        raise Unusable(f"no abstract: none of the fields {', '.join(_asked(names))} holds text")
    if _NOTHING.fullmatch(abstract):
        raise Unusable(f'no abstract: it says "{abstract[:40]}"')
    title = text("title")
    doi, arxiv, url = _identifiers(data, names, plainly=plainly)
    aliases = [alias for value in names.values(data, "aliases") for part in _strings(value) if (alias := clean(_valid(part)))]
    return Record(
        line=line,
        title=" ".join(title.split()) if title else None,
        abstract=abstract,
        authors=_authors(names.values(data, "authors"), readable),
        year=_year(names.values(data, "year")),
        venue=text("venue"),
        url=url,
        doi=doi,
        arxiv=arxiv,
        aliases=tuple(dict.fromkeys(alias for alias in aliases if alias != id)),
        keywords=_keywords(names.values(data, "keywords"), readable),
        id=id,
    )


def _identifiers(data: Data, names: FieldMap, *, plainly: bool) -> tuple[str | None, str | None, str | None]:
    """DOI, arXiv id and address; the first two also out of the last, except where we wrote the fields ourselves."""
    ids = data.get("externalIds")
    external: Data = ids if isinstance(ids, dict) else {}
    links = [link for value in names.values(data, "url") for link in _strings(value)]
    telling = [] if plainly else links
    doi = clean_doi(_one_text([*names.values(data, "doi"), external.get("DOI")], str) or "")
    doi = doi or next((found for link in telling if "doi.org/" in link and (found := clean_doi(link))), None)
    given = [part for value in [*names.values(data, "arxiv"), external.get("ArXiv")] for part in _strings(value)]
    arxiv = next((found for part in [*given, *telling] if (found := clean_arxiv(part))), None)
    if not arxiv and doi and not plainly and (in_doi := _ARXIV_DOI.fullmatch(doi)):
        arxiv = clean_arxiv(in_doi[1])
    url = next((link for link in map(clean, links) if re.fullmatch(r"https?://\S+", link)), None)
    return doi, arxiv, url


def _asked(names: FieldMap) -> list[str]:
    chosen = [theirs for ours, theirs in names.chosen if ours == "abstract"]
    return chosen or ["abstract", "text", "summary", "paperAbstract", "abstract_note"]


def _is_arxiv(data: Data) -> bool:
    return "abstract" in data and "categories" in data and ("authors_parsed" in data or "submitter" in data)


def _is_openalex(data: Data) -> bool:
    return "abstract_inverted_index" in data or str(data.get("id", "")).startswith("https://openalex.org/")


def _from_arxiv(data: Data) -> Data:
    """A line of the arXiv metadata snapshot: lines are wrapped, the year is that of the first version."""
    out = {name: data.get(name) for name in ("title", "doi")}
    first = data.get("versions")
    created = first[0].get("created") if isinstance(first, list) and first and isinstance(first[0], dict) else None
    parsed = data.get("authors_parsed")
    return {
        **out,
        "keywords": str(data.get("categories") or "").split(),
        "abstract": unwrap(str(data.get("abstract") or "")),
        "authors": parsed if isinstance(parsed, list) and parsed else data.get("authors"),
        "year": created or data.get("update_date"),
        "venue": data.get("journal-ref"),
        "arxiv": data.get("id"),
    }


def _from_openalex(data: Data) -> Data:
    """An OpenAlex work: the abstract is an index from words to places."""
    out: dict[str, Any] = {name: value for name, value in data.items() if name not in ("id", "keywords")}
    index = data.get("abstract_inverted_index")
    if isinstance(index, dict):
        places = [
            (at, word)
            for word, found in index.items()
            if isinstance(word, str) and isinstance(found, list)
            for at in found
            if isinstance(at, int) and not isinstance(at, bool)
        ]
        if len(places) > _MAX_WORDS:
            raise Unusable(f"an abstract of more than {_MAX_WORDS:,} words")
        out["abstract"] = " ".join(word for _, word in sorted(places))
    place = data.get("primary_location")
    place = place if isinstance(place, dict) else {}
    source = place.get("source")
    locations = data.get("locations")
    links = [
        place.get("landing_page_url"),
        *(one.get("landing_page_url") for one in (locations if isinstance(locations, list) else []) if isinstance(one, dict)),
    ]
    out["venue"] = source.get("display_name") if isinstance(source, dict) else None
    out["url"] = [link for link in links if isinstance(link, str)] or None
    out["authors"] = data.get("authorships")
    out["keywords"] = data.get("keywords") or data.get("concepts")
    out["id"] = str(data.get("id") or "").rpartition("/")[2]
    return out


def unwrap(text: str) -> str:
    """A hard-wrapped text in one line a paragraph."""
    paragraphs = re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "\n".join(" ".join(part.split()) for part in paragraphs if part.strip())


def _one_text(values: Iterable[Any], readable: Callable[[str], str]) -> str | None:
    for value in values:
        if isinstance(value, dict):
            value = value.get("name") or value.get("display_name") or value.get("title")
        if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
            value = " ".join(part.strip() for part in value)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and (text := clean(readable(_valid(value)))):
            return text
    return None


def _valid(text: str) -> str:
    """Text without lone surrogates, which JSON can spell and no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _strings(value: Any) -> list[str]:
    """The strings a field holds; a table's cell may hold a JSON list of them."""
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return [value]
    if isinstance(value, int) and not isinstance(value, bool):
        return [str(value)]
    if isinstance(value, list):
        return [part for part in value if isinstance(part, str)]
    return [value] if isinstance(value, str) else []


def _authors(values: list[Any], readable: Callable[[str], str]) -> tuple[str, ...]:
    for value in values:
        if isinstance(value, str):
            held = _strings(value) if value.startswith("[") else []
            value = held or _split_names(value)
        if isinstance(value, list):
            names = [clean(readable(_valid(name))) for part in value if (name := _name(part))]
            if found := tuple(" ".join(name.split()) for name in names if name):
                return found
    return ()


def _split_names(text: str) -> list[str]:
    """Names in a string: ``A and B``, ``A; B`` or ``A, B``."""
    if ";" in text or re.search(r"\sand\s", text):
        return [turned(name) for name in split_outside(text, r"\s+and\s+|;")]
    parts = split_outside(text, ",")
    # "Smith, John" is one person, "Ann Bell, Bob Hall" are two.
    single = "{" in text or (
        len(parts) == 2 and any(len(part.replace(".", " ").split()) == 1 or _INITIALS.fullmatch(part.strip()) for part in parts)
    )
    return [turned(text)] if single else parts


def split_outside(text: str, pattern: str) -> list[str]:
    """Split a text where a pattern stands outside of braces; parts that are empty are left out."""
    if "{" not in text:
        return [part for part in re.split(pattern, text) if part.strip()]
    parts, depth, start = [], 0, 0
    for found in re.finditer(rf"\\.|[{{}}]|{pattern}", text, re.DOTALL):
        if found[0] in "{}":
            depth += 1 if found[0] == "{" else -1
        elif depth == 0 and not found[0].startswith("\\"):
            parts.append(text[start : found.start()])
            start = found.end()
    return [part for part in [*parts, text[start:]] if part.strip()]


def turned(name: str) -> str:
    """``Last, First`` as ``First Last``."""
    if name.lstrip().startswith("{"):
        return name
    last, comma, first = name.partition(",")
    return f"{first.strip()} {last.strip()}" if comma and first.strip() and "," not in first else name


def _name(part: Any) -> str | None:
    """An author's name from a string, an object, or arXiv's list of last name, first name and suffix."""
    if isinstance(part, str):
        return part
    if isinstance(part, list):
        texts = [one for one in part if isinstance(one, str)]
        return " ".join(one for one in (*texts[1:2], *texts[:1], *texts[2:3]) if one)
    if not isinstance(part, dict):
        return None
    if isinstance(part.get("author"), dict):
        return _name(part["author"])
    for whole in ("name", "display_name", "full_name", "literal"):
        if isinstance(part.get(whole), str):
            return str(part[whole])
    first = part.get("given") or part.get("firstName") or part.get("first")
    last = part.get("family") or part.get("lastName") or part.get("last")
    return " ".join(one for one in (first, last) if isinstance(one, str)) or None


def _year(values: list[Any]) -> int | None:
    for value in values:
        text = (
            value
            if isinstance(value, (int, float, str)) and not isinstance(value, bool)
            else json.dumps(value)[:200]
            if isinstance(value, (dict, list))
            else ""
        )
        if found := _YEAR.search(str(text)):
            return int(found.group(1))
    return None


def _keywords(values: list[Any], readable: Callable[[str], str]) -> tuple[str, ...]:
    for value in values:
        if isinstance(value, str) and not value.startswith("["):
            value = split_outside(value, r";" if ";" in value else r",|\n")
        elif isinstance(value, str):
            value = _strings(value)
        if isinstance(value, list):
            words = [_one_text([part.get("keyword") or part if isinstance(part, dict) else part], readable) for part in value]
            if found := tuple(dict.fromkeys(" ".join(word.split()) for word in words if word)):
                return found
    return ()
