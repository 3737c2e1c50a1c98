"""Files of what was rejected, in the form it had, to be corrected and read again."""

from __future__ import annotations

import contextlib
import filecmp
from pathlib import Path
from typing import IO

from store.errors import StoreError
from store.parse.base import raw_bytes
from store.types import Reject


class RejectsFile:
    """The rejects of one file. Nothing is made until there is one, and no file that is there is written over.

    Args:
        folder: where to; None to keep nothing.
        name: base name of the file they come from; a compressed one's are kept plain.
    """

    def __init__(self, folder: Path | None, name: str) -> None:
        self._path = folder / name.removesuffix(".gz") if folder else None
        self._part = self._path.with_name(f".{self._path.name}.part") if self._path else None
        self._file: IO[bytes] | None = None
        self._head = ""

    def write(self, reject: Reject) -> None:
        """Add a reject.

        Raises:
            StoreError: the folder cannot be written.
        """
        if self._part is None or not reject.raw:
            return
        try:
            if self._file is None:
                self._part.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._part.open("wb")
            if reject.head and reject.head != self._head:
                new = reject.head.removeprefix(self._head)
                self._file.write(raw_bytes(new.rstrip("\n")) + b"\n")
                self._head = reject.head
            self._file.write(raw_bytes(reject.raw) + b"\n")
            if "\n" in reject.raw:
                self._file.write(b"\n")
        except OSError as error:
            raise StoreError(
                f"{self._part.parent}: rejects cannot be written ({error.strerror}).", "Name another folder: --rejects DIR"
            ) from None

    def close(self) -> Path | None:
        """Finish the file.

        Returns:
            Its path, which has a number where another file has the name: one that is being corrected, or of another
            folder. None where nothing was rejected.
        """
        if self._file is None or self._path is None or self._part is None:
            return None
        self._file.close()
        target, number = self._path, 1
        while target.exists():
            if filecmp.cmp(target, self._part, shallow=False):
                break
            number += 1
            target = self._path.with_name(f"{self._path.stem}-{number}{self._path.suffix}")
        self._part.replace(target)
        return target

    def discard(self) -> None:
        """Leave nothing, as that which it comes from could not be read."""
        if self._file is not None and self._part is not None:
            self._file.close()
            with contextlib.suppress(OSError):
                self._part.unlink()
