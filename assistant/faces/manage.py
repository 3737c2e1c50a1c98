"""Commands for settings, prompts and kept conversations."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from assistant.faces.options import JsonOption, plural, print_json
from store.errors import SettingsError

config_app = typer.Typer(help="Settings: flags come before ASSISTANT_NAME in the environment, that before the file.", no_args_is_help=True)
prompts_app = typer.Typer(help="The prompts a model is sent.", no_args_is_help=True)


history_app = typer.Typer(
    help="Conversations kept on this machine (switched off by: assistant config set history false).", no_args_is_help=True
)


@history_app.command("list")
def history_list(as_json: JsonOption = False) -> None:
    """Every conversation: its name, how many turns, its first question."""
    from assistant import history
    from assistant.render.terminal import safe

    kept = [history.read(id) for id in history.ids()]
    if as_json:
        print_json(
            {
                "schema": 1,
                "conversations": [{"id": c.id, "turns": len(c.turns), "first": c.turns[0].asked if c.turns else ""} for c in kept],
            }
        )
        return
    for one in kept:
        print(f"{one.id}  {len(one.turns)} {plural(len(one.turns), 'turn')}  {safe(one.turns[0].asked) if one.turns else ''}")


@history_app.command("show")
def history_show(id: str) -> None:
    """Print a conversation."""
    from assistant import history
    from assistant.render.terminal import safe

    for turn in history.read(id).turns:
        print(f"> {safe(turn.asked)}\n" + "\n".join(map(safe, turn.text.splitlines())) + "\n")


@history_app.command("delete")
def history_delete(
    id: Annotated[str | None, typer.Argument()] = None, all_: Annotated[bool, typer.Option("--all", help="Every conversation.")] = False
) -> None:
    """Delete a conversation, or all."""
    from assistant import history

    if (id is None) != all_:
        raise SettingsError("Name one conversation, or say --all.", "See: assistant history list")
    gone = history.ids() if id is None else [id]
    for one in gone:
        history.delete(one)
    print(f"{len(gone)} {plural(len(gone), 'conversation')} deleted.")


@config_app.command("set")
def config_set(name: str, value: str) -> None:
    """Set a value: assistant config set llm ollama:llama3.2"""
    from assistant.settings import change

    print(f"{change(name, value)}: {name} is set.")


@config_app.command("unset")
def config_unset(name: str) -> None:
    """Take a value out of the file."""
    from assistant.settings import change

    print(f"{change(name, None)}: {name} is taken out.")


@config_app.command("list")
def config_list(as_json: JsonOption = False) -> None:
    """Every setting, its value and where that is from."""
    from assistant.settings import configured, settings_path

    found = configured()
    values = found.settings.model_dump()
    if as_json:
        print_json(
            {"schema": 1, "file": str(settings_path()), "settings": {n: {"value": v, "from": found.origins[n]} for n, v in values.items()}}
        )
        return
    print(f"file: {settings_path()}")
    print("\n".join(f"{name} = {value!r} ({found.origins[name]})" for name, value in values.items()))


@config_app.command("key")
def config_key() -> None:
    """Keep a model's key, typed or piped, in a file only you can read."""
    from assistant.settings import keep_key

    key = sys.stdin.readline().strip() if not sys.stdin.isatty() else typer.prompt("Key", hide_input=True, err=True)
    print(f"{keep_key(key)}: the key is kept; llm_key_file names it.")


@prompts_app.command("list")
def prompts_list() -> None:
    """Names, versions and where each is from."""
    from assistant.settings import configured
    from assistant.templates import load_template, names

    folder = configured().settings.prompts
    for name in names():
        template = load_template(name, folder)
        print(f"{name} {template.version} ({template.source})")


@prompts_app.command("show")
def prompts_show(name: str) -> None:
    """Print a prompt; save it as NAME.md in your own folder to change it (assistant config set prompts FOLDER)."""
    from assistant.settings import configured
    from assistant.templates import load_template

    template = load_template(name, configured().settings.prompts)
    print(f"---\nname: {name}\nversion: {template.version}\nvariables: {', '.join(sorted(template.variables))}\n---\n{template.body}")
