"""Entry points: Ctrl-C while modules are still being imported ends as quietly as later."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of ``assistant``."""
    _run(sys.argv[1:])


def ask_main() -> None:
    """Entry point of ``ask``: the same as ``assistant ask``."""
    _run(["ask", *sys.argv[1:]])


def _run(arguments: list[str]) -> None:
    try:
        from assistant.faces.cli import run

        run(arguments)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
