"""The README says what is so: its commands run or parse, and every file, setting, command and path in it exists."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import yaml

from daemon import __main__ as entry
from daemon.apis.tiktok.operations import SCOPES_NEEDED
from daemon.core.lifecycle import State
from daemon.ops import run
from daemon.ops.cli.commands import COMMANDS, FAILED, OK, UNREACHABLE, USAGE, WRONG_SETTINGS, parser
from daemon.settings.model import declarations
from tests.docs.generated import OF_PIPE17, OF_TIKTOK, README, ROOT, readme

TEXT = README.read_text()
OTHERS = [ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "monitoring/runbook.md", "monitoring/alerts.yml")]
PROMISE = (
    "> Every order that TikTok shows us is in Pipe17 exactly once, or `tiktok-pipe17 backlog` lists it with the reason "
    "and the next attempt.\n"
    "> No order leaves before its hold ends. Every shipment reaches TikTok once. Stock converges to the newest level "
    "we read.\n"
    "> Nothing is dropped in silence.\n"
)
UNIT = (ROOT / "systemd" / "tiktok-pipe17.service").read_text()
SETTING = (
    r"(?:TIKTOK|PIPE17|ORDERS|FULFILLMENTS|PRODUCTS|INVENTORY|LOCATIONS|RETURNS|REFUNDS|STATEMENTS|AI|CONNECTOR)"
    r"_[A-Z0-9_]+"
)


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def shell_lines() -> list[str]:
    """Every command of the shell blocks, here-documents left out, without sudo."""
    found: list[str] = []
    for block in blocks("sh"):
        ended = ""
        for line in block.splitlines():
            if ended:
                ended = "" if line == ended else ended
                continue
            here = re.search(r"<<'(\w+)'", line)
            ended = here[1] if here else ""
            found.append(line.strip().removeprefix("sudo "))
    return found


def commands_named(text: str) -> Iterator[str]:
    """What follows the name of the command in code, in a shell block or inline."""
    for code in re.findall(r"`([^`\n]+)`", text):
        words = code.removeprefix("sudo ")
        if words.startswith(("tiktok-pipe17 ", "python -m daemon ")):
            yield words.removeprefix("python -m daemon ").removeprefix("tiktok-pipe17 ")


def test_the_promise_word_for_word() -> None:
    assert PROMISE in TEXT


def test_the_generated_parts_are_those_of_the_code() -> None:
    assert readme(TEXT) == TEXT, "run: python -m tests.docs.generated"


@pytest.mark.parametrize("tag", [one.tag for one in (*OF_TIKTOK, *OF_PIPE17)])
def test_every_assumption_is_listed_once(tag: str) -> None:
    assert len(re.findall(rf"^\| {tag} \|", TEXT, re.MULTILINE)) == 1


def test_every_tag_that_the_code_mentions_is_an_assumption() -> None:
    known = {one.tag for one in (*OF_TIKTOK, *OF_PIPE17)}
    for path in (ROOT / "daemon").rglob("*.py"):
        mentioned = set(re.findall(r"\b(?:TT|P17)-\d\d\b", path.read_text()))
        assert mentioned <= known, f"{path.name} mentions {sorted(mentioned - known)}"


def test_every_setting_has_its_row() -> None:
    listed = re.findall(r"^\| `([A-Z0-9_]+)` \|", TEXT, re.MULTILINE)
    assert listed == list(declarations())


@pytest.mark.parametrize("path", [README, *OTHERS], ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    named = set(re.findall(rf"\b{SETTING}\b", path.read_text()))
    assert named <= set(declarations()), sorted(named - set(declarations()))


@pytest.mark.parametrize("path", [README, *OTHERS], ids=lambda path: path.name)
def test_every_command_that_is_named_exists(path: Path) -> None:
    names = {command.name for command in COMMANDS} | {"--version", "--help", "COMMAND"}
    named = {rest.split()[0] for rest in commands_named(path.read_text())}
    assert named <= names, sorted(named - names)


def test_the_table_of_commands_is_complete() -> None:
    listed = re.findall(r"^\| `tiktok-pipe17 (\w+)", TEXT, re.MULTILINE)
    assert sorted(listed) == sorted(command.name for command in COMMANDS)


@pytest.mark.parametrize("path", [README, *OTHERS], ids=lambda path: path.name)
def test_every_command_line_that_is_shown_parses(path: Path) -> None:
    shown = list(commands_named(path.read_text()))
    if path == README:
        lines = [re.sub(r"^(?:\.venv/bin/)?python -m daemon ", "tiktok-pipe17 ", line) for line in shell_lines()]
        shown += [line.removeprefix("tiktok-pipe17 ") for line in lines if line.startswith("tiktok-pipe17 ")]
    for line in shown:
        words = shlex.split(re.sub(r"\{\{[^}]*\}\}|COMMAND", "orders", line))
        if words not in (["trace"], ["--version"]):
            assert _understood(words), f"tiktok-pipe17 {line}"


def _understood(words: list[str]) -> bool:
    try:
        with redirect_stderr(io.StringIO()):
            parser().parse_args(words)
    except SystemExit:
        return False
    return True


def test_the_option_lists_of_the_table_exist() -> None:
    for row in re.findall(r"^\| `tiktok-pipe17 (.*) \|$", TEXT, re.MULTILINE):
        name = row.split()[0].strip("`")
        said = io.StringIO()
        with redirect_stdout(said), pytest.raises(SystemExit):
            parser().parse_args([name, "--help"])
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", row):
            assert option in said.getvalue(), f"{name} {option}"


def test_every_shell_block_is_understood_by_the_shell() -> None:
    for block in blocks("sh"):
        done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, done.stderr


def test_the_yaml_that_is_shown_is_yaml() -> None:
    for block in blocks("yaml"):
        assert yaml.safe_load(block)["rule_files"] == ["/etc/prometheus/tiktok-pipe17/alerts.yml"]


@pytest.mark.parametrize(
    "target", sorted(set(re.findall(r"(?:`|^)make (\w+)", TEXT + OTHERS[0].read_text(), re.MULTILINE)))
)
def test_every_make_target_exists(target: str) -> None:
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_commands_by_hand_are_those_of_make() -> None:
    """The steps of `make demo` and `make test`, without their quietness and their file stamps."""
    steps: list[str] = []
    for target in ("demo", "test"):
        arguments = ["make", "--no-print-directory", "-n", "-B", target]  # a test under `make` is a make within one
        done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
        steps += [line for line in done.stdout.splitlines() if not line.startswith(("touch", "python3 -c"))]
    quiet = " --quiet --disable-pip-version-check"
    made = [line.replace(quiet, "") for line in steps]
    by_hand = next(block for block in blocks("sh") if ".venv/bin/python -m daemon demo" in block).splitlines()
    assert by_hand == list(dict.fromkeys(made))


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not re.match(SETTING, name)}
    command = [sys.executable, "-m", "daemon", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_help_lists_every_command() -> None:
    done = _run("--help")
    assert done.returncode == OK
    assert all(f"    {command.name} " in done.stdout for command in COMMANDS)


def test_the_example_that_is_installed_is_the_one_that_is_printed() -> None:
    done = _run("settings", "--example")
    assert done.returncode == OK
    assert done.stdout == (ROOT / "config.example.env").read_text()


def test_the_exit_codes_are_those_of_the_code() -> None:
    section = TEXT.split("### Exit codes")[1].split("\n## ")[0]
    listed = [int(code) for code in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)]
    of_commands = {OK, FAILED, USAGE, UNREACHABLE, WRONG_SETTINGS, entry.INTERNAL, entry.INTERRUPTED}
    assert listed == sorted(of_commands | {run.EXIT_OK, run.EXIT_BROKE, run.EXIT_LOCKED, run.EXIT_CONFIG})
    assert f"RestartPreventExitStatus={run.EXIT_CONFIG}" in UNIT


def test_the_scopes_are_those_that_the_calls_need() -> None:
    section = TEXT.split("**Scopes**")[1].split("- **")[0]
    assert set(re.findall(r"`(seller\.[a-z._]+)`", section)) == set(SCOPES_NEEDED)


def test_the_states_of_a_row_are_all_explained() -> None:
    section = TEXT.split("## How it works")[1].split("\n## ")[0]
    assert {state.value for state in State} <= set(re.findall(r"`(\w+)`", section))


@pytest.mark.parametrize("path", [README, *OTHERS], ids=lambda path: path.name)
def test_every_file_that_is_named_exists(path: Path) -> None:
    text = path.read_text()
    named = set(re.findall(r"\]\((?!https?:|#)([^)#]+)", text))
    tops = "daemon|tests|monitoring|systemd|bench|\\.ci"
    named |= set(re.findall(rf"`((?:{tops})/[\w./@-]*)`", text))
    named |= set(re.findall(r"\b((?:requirements[\w-]*\.lock|config\.example\.env|pyproject\.toml))", text))
    named |= set(re.findall(r"(?<![\w/.-])systemd/[\w@-]+\.service", text))
    for name in named:
        assert (ROOT / name).exists() or (path.parent / name).exists(), f"{path.name} names {name}"


def test_links_within_the_readme_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    targets = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= targets


@pytest.mark.parametrize(
    "path",
    sorted(set(re.findall(r"(?:/opt|/etc|/var/lib)/tiktok-pipe17[\w./-]*\w", TEXT.split("### Several shops")[0]))),
)
def test_every_place_of_the_installation_is_the_units(path: str) -> None:
    """Folders, settings, credentials and the program, as `systemd/tiktok-pipe17.service` has them."""
    state = re.search(r"^StateDirectory=(.*)$", UNIT, re.MULTILINE)
    assert state is not None
    inside = UNIT + f"/var/lib/{state[1]}"
    program = "/opt/tiktok-pipe17/bin"
    assert path in inside or path.startswith(f"{program}/python"), path


def test_the_shop_of_several_has_the_paths_of_its_unit() -> None:
    unit = (ROOT / "systemd" / "tiktok-pipe17@.service").read_text().replace("%i", "acme")
    section = TEXT.split("### Several shops")[1].split("\n## ")[0]
    for path in re.findall(r"`(/etc/[\w./-]+)`", section):
        assert path in unit
    assert "StateDirectory=tiktok-pipe17-acme" in unit
    assert "/var/lib/tiktok-pipe17-acme" in section


def test_the_credentials_are_handed_over_by_the_unit() -> None:
    loop = next(line for line in shell_lines() if line.startswith("for name in"))
    named = [*loop.removeprefix("for name in ").removesuffix("; do").split(), "connector_token_key"]
    for name in named:
        assert f"LoadCredential={name}:" in UNIT
        assert declarations()[name.upper()].secret


def test_every_path_over_http_is_served() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "daemon" / "ops").glob("*.py"))
    routes = set(re.findall(r'Route\("(/[^"]*)"', sources)) | {"/webhooks/tiktok", "/webhooks/pipe17"}
    plain = {re.sub(r"\{\w+\}", "{}", route) for route in routes}
    named = set(re.findall(r"(?<![\w/])/(?:api/[\w/{}]+|metrics|readyz|healthz|webhooks/\w+)", TEXT))
    assert {re.sub(r"\{\w+\}", "{}", path) for path in named} <= plain


def test_no_text_names_a_machine_or_an_index_of_packages() -> None:
    for path in (README, *OTHERS):
        found = re.findall(r"/w[o]rk/|/home/|/root/|/tmp/|p[y]pi|index-url", path.read_text())
        assert not found, f"{path.name}: {found}"
