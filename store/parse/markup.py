"""Text without markup: HTML and JATS tags and entities, and LaTeX as far as it stands for plain characters.

What is stored is the readable text, so that offsets into it are offsets into what is shown.
"""

from __future__ import annotations

import html
import logging
import re
import unicodedata
from functools import lru_cache
from typing import Any

_ENTITY = re.compile(r"(?<!\\)&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
# A comparison is no tag: a name stands right after the sign, and what follows it are attributes.
_REST = r"(?:\s+[\w:.-]+\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*'))*\s*/?>"
_BREAK = re.compile(rf"</?(?:jats:)?(?:p|br|div|title|sec|abstract|li|ul|ol|list|list-item|h[1-6]){_REST}", re.IGNORECASE)
_RAISED = re.compile(rf"<(?:jats:)?sup{_REST}\s*([+\-−]?[\w.]+)\s*</(?:jats:)?sup\s*>", re.IGNORECASE)
_TAG = re.compile(
    r"</?(?:jats:|mml:)?(?:i|b|u|em|strong|sub|sup|sc|tt|span|italic|bold|underline|monospace|a|xref|ext-link|inline-formula"
    rf"|disp-formula|tex-math|alternatives|math|mi|mo|mn|mrow|msub|msup|mtext|semantics|annotation){_REST}",
    re.IGNORECASE,
)
# Pandoc's rule: no space after the opening dollar or before the closing one, which no digit follows. Prices stay prices.
_MATH = r"\$\$[^$]{1,2000}\$\$|(?<![\\$])\$(?=[^\s$])[^$\n]{0,600}?(?<![\s\\])\$(?!\d)|\\\([^$]{1,600}?\\\)|\\\[[^$]{1,2000}?\\\]"
_ARGUMENT = r"\{(?:[^{}\\]|\\.|\{(?:[^{}\\]|\\.|\{[^{}]*\})*\})*\}"
_ACCENT = r"\\[`'^\"~=.](?:\s*\{\\?[A-Za-z]\}|\s*\\?[A-Za-z])|\\[uvHtcdbkr](?:\s*\{\\?[A-Za-z]{1,2}\}|\s+[A-Za-z]\b)"
_SYMBOL = r"\\(?:[%$&#_{} ,;:!/-]|\\)"
_COMMAND = rf"\\[A-Za-z]+\*?(?:\[[^\[\]]{{0,80}}\])?(?:{_ARGUMENT})*"
_SWITCHES = ("bf", "it", "em", "tt", "sc", "rm", "sf", "sl", "itshape", "bfseries")
_SWITCH = rf"\{{\s*\\(?:{'|'.join(_SWITCHES)})\b\s*(?P<inner>[^{{}}]*)\}}"
_SEGMENT = re.compile(rf"(?P<math>{_MATH})|(?P<switch>{_SWITCH})|\{{(?:{_ACCENT})\}}|{_ACCENT}|{_SYMBOL}|{_COMMAND}")
_GROUP = re.compile(r"(?<!\\)[{}]")
_SYMBOLS = {"\\ ": " ", "\\,": " ", "\\;": " ", "\\:": " ", "\\!": "", "\\/": "", "\\-": "", "\\\\": " "}
_SPELT = {
    "textbackslash": "\\",
    "textasciicircum": "^",
    "textasciitilde": "~",
    "newline": "\n",
    "par": "\n",
    "textdollar": "$",
    "textless": "<",
    "textgreater": ">",
    "textbraceleft": "{",
    "textbraceright": "}",
}
_ESCAPES = {
    "\\": "\\textbackslash{}",
    "^": "\\textasciicircum{}",
    "~": "\\textasciitilde{}",
    "{": "\\textbraceleft{}",
    "}": "\\textbraceright{}",
    "<": "\\textless{}",
    "\n": "\\newline{}",
}
_FANCY = re.compile("[\U0001d400-\U0001d7ff\u00a0]")
# Stand in for characters that must not be read as markup once they have come out of it.
_KEPT = {
    "{": "\U0010fd00",
    "}": "\U0010fd01",
    "~": "\U0010fd02",
    "-": "\U0010fd03",
    "`": "\U0010fd04",
    "'": "\U0010fd05",
    "\\": "\U0010fd06",
}
_BACK = {ord(mark): char for char, mark in _KEPT.items()}


def plain(text: str) -> str:
    """A text of any format but LaTeX itself: tags and entities gone, LaTeX commands and formulas readable.

    Braces, tildes and dashes outside of LaTeX commands stay as they are, since such texts are mostly not LaTeX.
    """
    text = _without_html(text)
    if "\\" in text or "$" in text:
        text = _SEGMENT.sub(_readable, text).translate(_BACK)
    return text


def plain_latex(text: str) -> str:
    """A text that is LaTeX, such as a BibTeX field: also without groups, ties and dashes spelt with hyphens."""
    text = _without_html(text)
    if "\\" in text or "$" in text:
        text = _SEGMENT.sub(_readable, text)
    if "--" in text:
        text = text.replace("---", "—").replace("--", "–")
    if "``" in text or "''" in text:
        text = text.replace("``", "“").replace("''", "”")
    return _GROUP.sub("", text).replace("~", " ").translate(_BACK)


def _without_html(text: str) -> str:
    text = _without_tags(text)
    if "&" not in text:
        return text
    plain = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    # Crossref and OpenAlex hand on tags that were escaped.
    return _without_tags(plain) if plain != text else text


def _without_tags(text: str) -> str:
    if "<" not in text:
        return text
    found = _TAG.sub("", _BREAK.sub("\n", _RAISED.sub(r"^\1", text)))
    return re.sub(r"[ \t]*\n\s*", "\n", found).strip("\n") if found != text else text


def _readable(found: re.Match[str]) -> str:
    source = found[0]
    if found["switch"]:
        return found["inner"]
    name = source[1:].rstrip("{}").strip()
    if name in _SPELT:
        return _keep(_SPELT[name])
    if len(source) == 2 and not source[1].isalpha():
        return _SYMBOLS.get(source, _keep(source[1]))
    if found["math"] and not _is_formula(source.strip("$")):
        return source
    text = _converted(source)
    if text is None:
        return source
    return _keep(_FANCY.sub(lambda char: unicodedata.normalize("NFKC", char[0]), text))


def _is_formula(inside: str) -> bool:
    """Whether what stands between dollars is mathematics and not words between two prices."""
    words = re.findall(r"[A-Za-z]{3,}", re.sub(r"\\[A-Za-z]+", " ", inside))
    return len(words) < 4 or "\\" in inside


@lru_cache(maxsize=20_000)
def _converted(source: str) -> str | None:
    """A formula or command in plain characters; None where that cannot be said."""
    try:
        text: str = _converter().latex_to_text(source)
    except Exception:  # pylatexenc raises whatever broken LaTeX makes it raise.
        return None
    text = text.strip()
    return text if text or source.startswith(("\\cite", "\\label", "\\ref", "\\footnote")) else None


@lru_cache(maxsize=1)
def _converter() -> Any:
    from pylatexenc.latex2text import LatexNodes2Text, MacroTextSpec, get_default_latex_context_db

    # What it says about broken formulas is of no use to anyone here.
    logging.getLogger("pylatexenc").addHandler(logging.NullHandler())
    context = get_default_latex_context_db()
    nothing = [MacroTextSpec(name, "") for name in ("cite", "citep", "citet", "ref", "label", "footnote", *_SWITCHES)]
    context.add_context_category("ours", macros=nothing, prepend=True)
    context.set_unknown_macro_spec(MacroTextSpec("", simplify_repl=lambda node: node.latex_verbatim()))
    return LatexNodes2Text(latex_context=context, math_mode="text", strict_latex_spaces=False)


def _keep(text: str) -> str:
    """Characters that came out of markup, so that they are not taken for markup again."""
    return "".join(_KEPT.get(char, char) for char in text)


def escape_latex(text: str) -> str:
    """A text as LaTeX on one line, which :func:`plain_latex` reads back as it was."""
    out = "".join(_ESCAPES.get(char) or (f"\\{char}" if char in "%$&#_" else char) for char in text)
    # Hyphens and quotes that LaTeX would join are kept apart by empty groups.
    return re.sub(r"([-`'])(?=\1)", r"\1{}", out)
