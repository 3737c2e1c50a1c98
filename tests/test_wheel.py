"""The wheel, built and used in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_the_wheel_answers_in_a_fresh_environment(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "env", with_pip=True)
    scripts = tmp_path / "env" / "bin"
    subprocess.run([str(scripts / "pip"), "install", "-q", "-c", str(ROOT / "constraints.txt"), str(wheel)], check=True)
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "XDG_DATA_HOME": str(tmp_path / "data")}
    done = subprocess.run([str(scripts / "ask"), "what papers study grokking?"], capture_output=True, text=True, env=env, cwd=tmp_path)
    assert done.returncode == 0 and "Omnigrok" in done.stdout

    def told(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(scripts / "assistant"), *arguments], capture_output=True, text=True, env=env, cwd=tmp_path)

    assert "judged relevant" in told("summarize", "pruning of neural networks").stdout
    assert "60 papers in" in told("topics").stdout
    for command, extra in (("serve", "serve"), ("mcp", "serve"), ("slack", "slack")):
        lacking = told(command)
        assert lacking.returncode == 2 and f"paper-assistant[{extra}]" in lacking.stderr and "Traceback" not in lacking.stderr
    assert {"assistant/faces/http/page/app.js", "assistant/faces/http/page/style.css"} <= set(zipfile.ZipFile(wheel).namelist())
