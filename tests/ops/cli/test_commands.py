"""The command line as a whole: what it lists, its exit statuses, what it imports, what it prints for settings."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon import __version__
from daemon.ops.cli.commands import COMMANDS

Command = Callable[..., Any]
NOW = ["run", "demo", "sandbox", "connect", "check", "status", "trace", "backlog", "exceptions", "retry", "dismiss"]
NOW += ["pull", "backfill", "resync", "approve", "rollback", "selftest", "settings"]
LATER = ["reconcile", "products", "statements"]
LATER += ["backup", "restore", "support-bundle"]


def process(*argv: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *argv], capture_output=True, text=True, timeout=30, check=False, **more)


def test_help_lists_what_this_version_has(command: Command) -> None:
    ran = command("--help")
    listed = [line.split()[0] for line in ran.out.splitlines() if line.startswith("    ") and line[4] != " "]
    assert [name for name in listed if name in NOW] == NOW
    assert [one.name for one in COMMANDS] == NOW
    assert not any(f"    {name} " in ran.out for name in LATER)
    assert ran.status == 0


@pytest.mark.parametrize("name", [one.name for one in COMMANDS if not one.module.startswith("daemon.sandbox")])
def test_each_command_explains_itself(command: Command, name: str) -> None:
    ran = command(name, "--help")
    assert ran.status == 0
    assert "--json" in ran.out
    assert "--env-file" in ran.out


def test_version(command: Command) -> None:
    assert command("--version").out == f"tiktok-pipe17 {__version__}\n"


@pytest.mark.parametrize("argv", [[], ["nonsense"], ["status", "--nonsense"], ["trace"], ["connect", "--listen", "x"]])
def test_wrong_usage_is_2(command: Command, argv: list[str]) -> None:
    assert command(*argv).status == 2


@pytest.mark.parametrize("name", ["check", "connect", "run", "settings"])
def test_every_wrong_setting_is_named_and_78(command: Command, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("ORDERS_HOLD", "an hour")
    monkeypatch.setenv("ORDERS_EVRY", "5m")
    monkeypatch.delenv("PIPE17_API_KEY")
    ran = command(name)
    lines = ran.err.splitlines()
    assert ran.status == 78
    assert ran.out == ""
    for variable in ("ORDERS_HOLD", "ORDERS_EVRY", "PIPE17_API_KEY"):
        assert sum(line.startswith(variable) for line in lines) == 1
    assert len(lines) == 3


@pytest.mark.parametrize("argv", [["status"], ["backlog"], ["exceptions"], ["trace", "1"], ["retry", "--all"]])
def test_looking_at_the_store_needs_no_credentials(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, argv: list[str]
) -> None:
    for variable in ("TIKTOK_APP_KEY", "TIKTOK_APP_SECRET", "PIPE17_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("CONNECTOR_STORE_URL", f"sqlite:///{tmp_path}/none.db")
    ran = command(*argv)
    assert "is required" not in ran.err
    assert "none.db" in ran.err


def test_an_env_file_is_read_before_or_after_the_command(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "connector.env"
    path.write_text("ORDERS_HOLD=2h\n")
    for argv in (("--env-file", str(path), "settings", "--json"), ("settings", "--json", "--env-file", str(path))):
        lines = {line["name"]: line for line in command(*argv).json}
        assert (lines["ORDERS_HOLD"]["value"], lines["ORDERS_HOLD"]["source"]) == ("2h", "connector.env line 1")
    assert command("settings", "--env-file", str(tmp_path / "none.env")).status == 78


def test_settings_hide_secrets(command: Command) -> None:
    lines = command("settings").out.splitlines()
    (secret,) = (line for line in lines if line.startswith("TIKTOK_APP_SECRET"))
    assert secret.split()[1:3] == ["(hidden)", "environment"]


def test_the_example_needs_no_settings(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from daemon.settings import example

    monkeypatch.delenv("TIKTOK_APP_KEY")
    assert command("settings", "--example").out == example()
    assert command("settings", "--example", "--json").json == {"example": example()}


def test_an_error_nobody_thought_of_tells_nothing(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("simsecret0123456789abcdef")

    monkeypatch.setattr("daemon.settings.load_settings", broken)
    monkeypatch.setattr("daemon.ops.cli.given.load_settings", broken)
    ran = command("status")
    assert ran.status == 70
    assert "RuntimeError" in ran.err


def test_help_imports_nothing_of_the_daemon() -> None:
    code = (
        "import sys; from daemon.__main__ import main; main(['--help']);"
        "rooms = {n.split('.')[1] for n in sys.modules if n.startswith('daemon.')}; print(sorted(rooms))"
    )
    ran = process("-c", code)
    assert ran.stdout.splitlines()[-1] == "['__main__', 'ops']"


def test_status_in_a_process_of_its_own(filled: Path) -> None:
    code = (
        "import sys; from daemon.__main__ import main; status = main(['status', '--json']);"
        "print([n for n in ('httpx', 'uvicorn', 'starlette', 'daemon.app') if n in sys.modules], file=sys.stderr);"
        "sys.exit(status)"
    )
    ran = process("-c", code)
    assert ran.returncode == 0
    assert ran.stderr == "[]\n"
    assert json.loads(ran.stdout)["daemon"] == "stopped"


def test_a_reader_that_has_seen_enough_is_no_error(filled: Path) -> None:
    line = f"{sys.executable} -m daemon settings | head -c 10; echo ${{PIPESTATUS[0]}}"
    ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=30, check=False)
    assert ran.stderr == ""
    assert ran.stdout.endswith("0\n")


def test_a_store_of_something_else_ends_at_once(environment: Path) -> None:
    environment.write_bytes(b"this is no database, and long enough to look like a file of something else" * 20)
    ran = process("-m", "daemon", "status")
    assert ran.returncode == 78
    assert "cannot be read" in ran.stderr
