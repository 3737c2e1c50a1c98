"""Conversations kept on this machine, in files only their owner can read."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from platformdirs import user_data_path

from assistant.config import APP
from assistant.query.rewriting import Turn
from assistant.types import Answer
from store.errors import NotFoundError, SettingsError


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turns under a name.

    Args:
        id: date and time of its beginning, and a few hex digits.
        turns: oldest first.
    """

    id: str
    turns: tuple[Turn, ...] = ()

    def after(self, asked: str, answer: Answer) -> Conversation:
        """The conversation with one more turn."""
        titles = {c.n: c.title or c.id for c in answer.citations}
        cited = tuple(titles[n] for n in sorted(titles))
        ids = {c.n: c.id for c in answer.citations}
        turn = Turn(answer.understood or answer.question, answer.mode, cited, answer.text, asked, tuple(ids[n] for n in sorted(ids)))
        return Conversation(self.id, (*self.turns, turn))


def new() -> Conversation:
    """An empty conversation."""
    return Conversation(f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}")


def folder() -> Path:
    """Where conversations are kept: ``ASSISTANT_HISTORY``, else the platform's folder for data."""
    named = os.environ.get("ASSISTANT_HISTORY_DIR")
    return Path(named) if named else user_data_path(APP) / "conversations"


def save(conversation: Conversation) -> None:
    """Keep a conversation; the file is replaced whole.

    Raises:
        SettingsError: it cannot be written.
    """
    path = folder() / f"{conversation.id}.json"
    part = path.with_suffix(".part")
    text = json.dumps({"schema": 1, "id": conversation.id, "turns": [asdict(turn) for turn in conversation.turns]}, ensure_ascii=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        part.replace(path)
    except OSError as error:
        raise SettingsError(
            f"{path}: the conversation cannot be kept ({error.strerror}).", "Switch this off: assistant config set history false"
        ) from None


def ids() -> list[str]:
    """Names of the conversations kept, oldest first."""
    return sorted(path.stem for path in folder().glob("*.json"))


def read(id: str) -> Conversation:
    """A conversation.

    Raises:
        NotFoundError: there is none of that name, or its file is damaged.
    """
    path = folder() / f"{id}.json"
    if Path(id).name != id:
        raise NotFoundError(f"{id}: no conversation of that name.", "See: assistant history list")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        turns = tuple(Turn(**{**row, "cited": tuple(row["cited"]), "ids": tuple(row.get("ids", ()))}) for row in data["turns"])
    except FileNotFoundError:
        raise NotFoundError(f"{id}: no conversation of that name.", "See: assistant history list") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotFoundError(f"{path}: the conversation cannot be read ({error}).", f"Delete it: assistant history delete {id}") from None
    return Conversation(id, turns)


def last() -> Conversation:
    """The latest conversation.

    Raises:
        NotFoundError: there is none.
    """
    kept = ids()
    if not kept:
        raise NotFoundError("There is no conversation to go on with.", "Ask something first, without -c.")
    return read(kept[-1])


def delete(id: str) -> None:
    """Delete a conversation.

    Raises:
        NotFoundError: there is none of that name.
    """
    path = folder() / f"{id}.json"
    if Path(id).name != id or not path.exists():
        raise NotFoundError(f"{id}: no conversation of that name.", "See: assistant history list")
    path.unlink()
