"""The promised names and defaults, the code, and config.example.env say the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from daemon.settings import effective, example, load_settings, readme_table
from daemon.settings.declare import Declared
from daemon.settings.model import declarations

ROOT = Path(__file__).parents[2]
PROMISED: dict[str, str] = json.loads((Path(__file__).parent / "interface_settings.json").read_text())
SECRETS = {
    "TIKTOK_APP_KEY", "TIKTOK_APP_SECRET", "TIKTOK_REFRESH_TOKEN", "PIPE17_API_KEY", "CONNECTOR_ADMIN_TOKEN",
    "CONNECTOR_TOKEN_KEY", "AI_API_KEY",
}  # fmt: skip


def as_promised(entry: Declared) -> str:
    return "required" if entry.required else entry.default or "empty"


def test_code_has_the_promised_names_and_defaults() -> None:
    assert {name: as_promised(entry) for name, entry in declarations().items()} == PROMISED


def test_exactly_the_promised_secrets_are_secret() -> None:
    assert {name for name, entry in declarations().items() if entry.secret} == SECRETS


def test_the_file_is_what_the_code_prints() -> None:
    assert (ROOT / "config.example.env").read_text() == example()


def test_the_example_lists_each_setting_once_with_its_default_and_an_explanation() -> None:
    lines = example().splitlines()
    listed = [(number, re.fullmatch(r"#?([A-Z0-9_]+)=(.*)", line)) for number, line in enumerate(lines)]
    found = [(number, match[1], match[2]) for number, match in listed if match]
    assert [name for _, name, _ in found] == list(declarations())
    for number, name, default in found:
        assert default == declarations()[name].default
        assert lines[number - 1].startswith("# ")
        assert len(lines[number - 1]) > 10


def test_the_example_loads_once_the_required_ones_are_filled_in(tmp_path: Path) -> None:
    filled = re.sub(r"^([A-Z0-9_]+)=$", r"\1=filled-in-here", example(), flags=re.MULTILINE)
    path = tmp_path / "connector.env"
    path.write_text(filled)
    settings = load_settings({}, path)
    assert {line.name for line in effective(settings) if line.source != "default"} == {
        name for name, default in PROMISED.items() if default == "required"
    }


def test_every_default_written_out_is_the_default(tmp_path: Path) -> None:
    filled = re.sub(r"^#([A-Z0-9_]+=)", r"\1", example(), flags=re.MULTILINE)
    path = tmp_path / "connector.env"
    path.write_text(re.sub(r"^(TIKTOK_APP_KEY|TIKTOK_APP_SECRET|PIPE17_API_KEY)=$", r"\1=abcdefgh", filled, flags=re.M))
    required = {"TIKTOK_APP_KEY": "abcdefgh", "TIKTOK_APP_SECRET": "abcdefgh", "PIPE17_API_KEY": "abcdefgh"}
    assert dict(load_settings({}, path)) == dict(load_settings(required))


@pytest.mark.parametrize("name", PROMISED)
def test_the_readme_table_has_a_row_for(name: str) -> None:
    rows = [line for line in readme_table().splitlines() if line.startswith(f"| `{name}` |")]
    assert len(rows) == 1
    assert rows[0].count("|") == 4
