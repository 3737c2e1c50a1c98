"""Errors a user can meet. Each says what happened and what to do next."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can put right.

    Args:
        message: one sentence saying what happened.
        fix: one sentence saying what to do next; empty where the message already says it.
    """

    exit_code = 2

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message} {self.fix}".strip()


class InputFileError(UserError):
    """A file that cannot be read as a corpus."""


class StoreError(UserError):
    """A store that is missing, empty, damaged or of another version."""


class RefusedError(StoreError):
    """Something that was to be agreed to, and was not."""


class StoreBusyError(StoreError):
    """Another process is writing to the store. Trying again later may work."""


class IndexDamagedError(StoreError):
    """An index that cannot be read or written as it is. The ledger has all that it held."""


class EmbedderError(UserError):
    """An embedder that cannot be loaded, or is not the one the store was made with."""


class SettingsError(UserError):
    """A setting or an option with a value that makes no sense."""


class NotFoundError(UserError):
    """An entry or a file that is not in the store."""


class QuestionError(UserError):
    """A question that cannot be asked: empty, too long, not English, only stop words."""
