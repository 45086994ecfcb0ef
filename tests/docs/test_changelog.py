"""The changelog has an entry for the running version, in the form of Keep a Changelog."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from daemon import __version__

TEXT = (Path(__file__).parents[2] / "CHANGELOG.md").read_text()
VERSIONS = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$", TEXT, re.MULTILINE)
SECTIONS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_running_version_is_the_newest_entry() -> None:
    assert VERSIONS[0][0] == __version__


def test_there_is_room_for_what_comes() -> None:
    assert TEXT.index("## [Unreleased]") < TEXT.index(f"## [{__version__}]")


def test_versions_fall_and_their_dates_are_dates() -> None:
    numbers = [tuple(int(part) for part in version.split(".")) for version, _ in VERSIONS]
    assert numbers == sorted(set(numbers), reverse=True)
    days = [date.fromisoformat(day) for _, day in VERSIONS]
    assert days == sorted(days, reverse=True)


def test_every_heading_has_the_right_form() -> None:
    second = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    assert len(second) == len(VERSIONS) + 1
    assert set(re.findall(r"^### (.+)$", TEXT, re.MULTILINE)) <= SECTIONS
