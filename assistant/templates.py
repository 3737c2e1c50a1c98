"""Prompt templates: Markdown files with front matter, checked when they are loaded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files

from store.errors import SettingsError

_FRONT = re.compile(r"---\n(?P<head>.*?)\n---\n(?P<body>.*)", re.DOTALL)
_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Template:
    """A prompt with named places.

    Args:
        name: its name.
        body: the text.
        places: the names of its places.
    """

    name: str
    body: str
    places: frozenset[str]

    def fill(self, **values: str) -> str:
        """The prompt with its places filled. What is filled in is not looked at again, so braces in it are harmless."""
        if set(values) != self.places:
            raise TypeError(f"template {self.name} needs {sorted(self.places)}, got {sorted(values)}")
        return _PLACE.sub(lambda match: values[match.group(1)], self.body)


def load_template(name: str) -> Template:
    """A template of the prompts package.

    Raises:
        SettingsError: there is none of that name, or its places are not those its front matter names.
    """
    file = files("prompts").joinpath(f"{name}.md")
    match = _FRONT.fullmatch(file.read_text(encoding="utf-8")) if file.is_file() else None
    if match is None:
        raise SettingsError(f"prompts/{name}.md: no template with front matter.", "Install the program again.")
    head = dict(line.split(": ", 1) for line in match["head"].splitlines() if ": " in line)
    named = frozenset(part.strip() for part in head.get("placeholders", "").split(",") if part.strip())
    body = match["body"].strip()
    if named != frozenset(_PLACE.findall(body)):
        raise SettingsError(f"prompts/{name}.md: its places are not those its front matter names.", "Make them agree.")
    return Template(name, body, named)
