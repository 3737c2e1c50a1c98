"""Prompts: Markdown files with front matter (name, version, variables), checked when they are loaded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from store.errors import SettingsError

_FRONT = re.compile(r"---\n(?P<head>.*?)\n---\n(?P<body>.*)", re.DOTALL)
_PLACE = re.compile(r"\{(\w+)\}")
_FIELDS = ("name", "version", "variables")


@dataclass(frozen=True, slots=True)
class Template:
    """A prompt with variables.

    Args:
        name: its name.
        version: as its front matter has it.
        body: the text.
        variables: the names in braces.
        source: the file it is from, ``shipped`` for the program's own.
    """

    name: str
    version: str
    body: str
    variables: frozenset[str]
    source: str

    def fill(self, **values: str) -> str:
        """The prompt with its variables filled in. What is filled in is not looked at again, so braces in it are harmless."""
        if not self.variables <= set(values):
            raise TypeError(f"prompt {self.name} needs {sorted(self.variables)}, got {sorted(values)}")
        return _PLACE.sub(lambda match: values[match.group(1)], self.body)


def names() -> list[str]:
    """Names of the shipped prompts."""
    return sorted(file.name.removesuffix(".md") for file in files("prompts").iterdir() if file.name.endswith(".md"))


def load_template(name: str, folder: str = "") -> Template:
    """A prompt: the user's own where their folder has one of that name, else the shipped one.

    Args:
        name: of the prompt.
        folder: the user's folder; empty for none.

    Raises:
        SettingsError: there is none of that name, its front matter lacks a field, or a variable is missing or unknown.
    """
    if name not in names():
        raise SettingsError(f"{name}: no prompt of that name.", f"There are {', '.join(names())}.")
    shipped = _parse(name, files("prompts").joinpath(f"{name}.md").read_text(encoding="utf-8"), "shipped")
    own = Path(folder).expanduser() / f"{name}.md" if folder else None
    if folder and own and not own.parent.is_dir():
        raise SettingsError(
            f"{own.parent}: no such folder.", "Set prompts to the folder of your prompts, or: assistant config unset prompts"
        )
    if own is None or not own.exists():
        return shipped
    try:
        template = _parse(name, own.read_text(encoding="utf-8"), str(own))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{own}: cannot be read ({error}).", "Save it as UTF-8.") from None
    if unknown := sorted(template.variables - shipped.variables):
        raise SettingsError(f"{own}: no variable {{{unknown[0]}}}.", f"There are {', '.join(sorted(shipped.variables))}.")
    if missing := sorted(shipped.variables - template.variables):
        raise SettingsError(f"{own}: the variable {{{missing[0]}}} is missing.", "The model would not see it.")
    return template


def _parse(name: str, text: str, source: str) -> Template:
    where = f"prompts/{name}.md" if source == "shipped" else source
    match = _FRONT.fullmatch(text.replace("\r\n", "\n"))
    if match is None:
        raise SettingsError(f"{where}: no front matter.", "Begin with ---, name, version, variables, ---.")
    head = dict(line.split(": ", 1) for line in match["head"].splitlines() if ": " in line)
    if lacking := [field for field in _FIELDS if field not in head]:
        raise SettingsError(f"{where}: the front matter has no {lacking[0]}.", "It needs name, version and variables.")
    if head["name"].strip() != name:
        raise SettingsError(f"{where}: its name is {head['name'].strip()}, not {name}.", "Name it as its file.")
    variables = frozenset(part.strip() for part in head["variables"].split(",") if part.strip())
    body = match["body"].strip()
    used = frozenset(_PLACE.findall(body))
    if variables != used:
        odd = sorted(variables ^ used)[0]
        raise SettingsError(
            f"{where}: {{{odd}}} is {'named but not used' if odd in variables else 'used but not named'}.",
            "Make front matter and text agree.",
        )
    return Template(name, head["version"].strip(), body, variables, source)
