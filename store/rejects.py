"""Files of what was rejected, in the form it had, to be corrected and read again."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import IO

from store.errors import StoreError
from store.parse.base import raw_bytes
from store.types import Reject


class RejectsFile:
    """The rejects of one file. Nothing is made until there is one.

    Args:
        folder: where to; None to keep nothing.
        name: base name of the file they come from; a compressed one's are kept plain.
    """

    def __init__(self, folder: Path | None, name: str) -> None:
        self._path = folder / name.removesuffix(".gz") if folder else None
        self._file: IO[bytes] | None = None
        self._head = ""

    @property
    def written(self) -> bool:
        """Whether anything was rejected."""
        return self._file is not None

    def write(self, reject: Reject) -> None:
        """Add a reject.

        Raises:
            StoreError: the folder cannot be written.
        """
        if self._path is None or not reject.raw:
            return
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("wb")
            if reject.head and reject.head != self._head:
                new = reject.head.removeprefix(self._head)
                self._file.write(raw_bytes(new.rstrip("\n")) + b"\n")
                self._head = reject.head
            self._file.write(raw_bytes(reject.raw) + b"\n")
            if "\n" in reject.raw:
                self._file.write(b"\n")
        except OSError as error:
            raise StoreError(f"{self._path}: rejects cannot be written ({error.strerror}).", "Name another folder: --rejects DIR") from None

    def close(self) -> Path | None:
        """Finish the file; its path, or None where nothing was rejected."""
        if self._file is None:
            return None
        self._file.close()
        return self._path

    def discard(self) -> None:
        """Take the file back, as that which it comes from could not be read."""
        if self._file is not None and self._path is not None:
            self._file.close()
            with contextlib.suppress(OSError):
                self._path.unlink()
