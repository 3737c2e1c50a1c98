"""Identity of papers: keys that two records share when they are the same paper, and ids that people can read."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache

from store.types import Record

_DOI = re.compile(r"10\.\d{4,9}/\S+")
_ARXIV = re.compile(r"(?:arxiv[:./]*|abs/|pdf/)?\s*(\d{4}\.\d{4,5}|[a-z-]+(?:\.[a-z]{2})?/\d{7})(?:v\d+)?", re.IGNORECASE)
_BETWEEN_WORDS = re.compile(r"[\W_]+")
_SLUG_LENGTH = 40
_HASH_DIGITS = 6


@lru_cache(maxsize=4096)
def normalise(text: str) -> str:
    """Fold a title or abstract for comparison: compatibility form, case, punctuation and white space are ignored."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = _BETWEEN_WORDS.sub(" ", folded).split()
    return " ".join(words) or folded.strip()


def entry_of(chunk: str) -> str:
    """The id of a chunk's entry, which the chunk's own begins with."""
    return chunk.rpartition("#")[0]


def clean_doi(text: str) -> str | None:
    """The DOI in a string such as ``https://doi.org/10.1000/XYZ``, in lower case, or None."""
    match = _DOI.search(text.strip())
    doi = match.group(0).lower() if match else None
    while doi and (doi[-1] in ".,;" or (doi[-1] == ")" and doi.count(")") > doi.count("("))):
        doi = doi[:-1]
    return doi


def clean_arxiv(text: str) -> str | None:
    """The arXiv id in a string such as ``arXiv:2301.01234v2``, without its version, or None."""
    tail = text.strip().removeprefix("https://").removeprefix("http://").removeprefix("www.").removeprefix("arxiv.org/")
    match = _ARXIV.fullmatch(tail.removesuffix(".pdf"))
    return match.group(1).lower() if match else None


def identity_keys(record: Record) -> tuple[str, ...]:
    """Keys under which a record is the same paper as another, the strongest first.

    A record without a title is identified by its abstract, and only with other records without a title: abstracts that
    are merely alike never merge.
    """
    keys = []
    if record.doi:
        keys.append(f"doi:{record.doi}")
    if record.arxiv:
        keys.append(f"arxiv:{record.arxiv}")
    if record.title:
        keys.append(title_key(record.title))
    else:
        keys.append(f"abstract:{_digest(record.abstract)}")
    return tuple(keys)


def title_key(title: str) -> str:
    """The key under which a title is found."""
    return f"title:{_digest(title)}"


def make_id(record: Record, digits: int = _HASH_DIGITS) -> str:
    """The id of a paper seen for the first time.

    Args:
        record: the record that brings it.
        digits: hex digits of the hash; more where an id is taken.
    """
    if record.doi:
        return record.doi
    if record.arxiv:
        return record.arxiv
    text = record.title or record.abstract
    plain = unicodedata.normalize("NFKD", normalise(text)).encode("ascii", "ignore").decode()
    slug = "-".join(plain.split())
    if len(slug) > _SLUG_LENGTH:
        slug = slug[: _SLUG_LENGTH + 1].rsplit("-", 1)[0][:_SLUG_LENGTH]
    return f"{slug}-{_digest(text)[:digits]}" if slug else _digest(text)[: digits * 2]


def _digest(text: str) -> str:
    return hashlib.sha256(normalise(text).encode()).hexdigest()
