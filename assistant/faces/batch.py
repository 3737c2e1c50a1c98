"""Many questions at once: a file with one a line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from assistant.faces.options import open_assistant, print_json
from store.errors import QuestionError, SettingsError, UserError
from store.types import Filters


def ask_batch(batch: Path, store: Path | None, filters: Filters | None, as_json: bool, flags: dict[str, Any]) -> None:
    from assistant.render.terminal import render

    try:
        lines = (sys.stdin.buffer.read() if str(batch) == "-" else batch.read_bytes()).split(b"\n")
    except OSError as error:
        raise SettingsError(f"{batch}: cannot be read ({error.strerror}).", "Give a UTF-8 file with one question a line.") from None
    if not any(line.strip() for line in lines):
        raise SettingsError(f"{batch}: no question in this file.", "Write one question, or one JSON object, a line.")
    assistant = open_assistant(store, flags)
    failed = False
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row: dict[str, Any] = {}
        try:
            row = _batch_row(line, number)
            answer = _batch_answer(assistant, row, filters)
        except UserError as error:
            failed = True
            if as_json:
                print_json({"id": row.get("id"), "line": number, "error": {"message": error.message, "fix": error.fix}})
            else:
                print(f"error: line {number}: {error}", file=sys.stderr)
            continue
        given = {"id": row["id"]} if "id" in row else {}
        if as_json:
            print_json({**given, **answer.as_json()})
        else:
            print(f"# {answer.question}\n\n{render(answer)}")
        sys.stdout.flush()
    if failed:
        raise SystemExit(2)


def _batch_answer(assistant: Any, row: dict[str, Any], filters: Filters | None) -> Any:
    """The answer to a row's question, or to the last of its turns; those before are asked without a model."""
    from assistant import history

    *before, last = row.get("turns") or [row["question"]]
    conversation = history.new()
    for turn in before:
        conversation = conversation.after(turn, assistant.plain(turn, filters, conversation.turns))
    return assistant.ask(last, filters, conversation.turns)


def _batch_row(raw: bytes, number: int) -> dict[str, Any]:
    try:
        line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
    except UnicodeDecodeError as error:
        raise QuestionError(f"The line is not UTF-8 (byte 0x{raw[error.start]:02X}).", "Save the file as UTF-8.") from None
    if not line.startswith("{"):
        return {"question": line}
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        raise QuestionError("The line is not valid JSON.", 'Write {"id": ..., "question": ...} or the bare question.') from None
    turns = row.get("turns")
    if turns is not None and not (isinstance(turns, list) and turns and all(isinstance(turn, str) for turn in turns)):
        raise QuestionError("The line's turns are not a list of questions.", 'Write {"id": ..., "turns": ["first question", "second"]}.')
    if turns is None and not isinstance(row.get("question"), str):
        raise QuestionError("The line has no question.", 'Write {"id": ..., "question": ...} or {"id": ..., "turns": [...]}.')
    return dict(row)
