"""The static half of the promise: style, types and import rules, as one more layer of the tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent

CHECKS = {
    "ruff format": ["ruff", "format", "--check", "."],
    "ruff": ["ruff", "check", "."],
    "mypy strict": ["mypy"],
    "basedpyright": ["basedpyright"],
    "import rules": ["lint-imports"],
}


@pytest.mark.parametrize("command", CHECKS.values(), ids=CHECKS)
def test_static_check(command: list[str]) -> None:
    program = BIN / command[0]
    assert program.exists(), f"{command[0]} is not installed; run `make test`"
    done = subprocess.run([program, *command[1:]], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
