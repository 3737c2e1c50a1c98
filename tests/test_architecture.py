"""Rules of the layout: imports point one way, and starting is cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FORBIDDEN = {"store": {"assistant", "evals"}, "assistant": {"evals"}}
ONLY_IN = {"chromadb": "store/vectors.py", "tantivy": "store/lexical.py"}


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", sorted(FORBIDDEN))
def test_imports_point_one_way(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        assert not _imports(path) & FORBIDDEN[package], path


@pytest.mark.parametrize("module", sorted(ONLY_IN))
def test_each_index_has_one_door(module: str) -> None:
    users = [
        str(p.relative_to(ROOT)) for pkg in ("store", "assistant", "evals") for p in (ROOT / pkg).rglob("*.py") if module in _imports(p)
    ]
    assert users == [ONLY_IN[module]]


def test_importing_the_cli_loads_nothing_heavy() -> None:
    code = "import sys, assistant.faces.cli; print([m for m in ('chromadb','llama_index','openai','onnxruntime','tantivy','torch') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
