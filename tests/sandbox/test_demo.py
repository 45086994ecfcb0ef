"""The demo for real: services, daemon process, kill -9 and all, on a small day; and the sandbox command.

Every run is a process, as a user starts it; they all start at once and are read one by one, because a day takes its
time: twelve seconds of it are the hold.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
JUNK = {"TIKTOK_APP_KEY": "somebody-else", "ORDERS_HOLD": "not a duration", "PIPE17_NO_SUCH": "1"}
"""Settings of a user that the demo must not even look at."""

PLANTED = """
import sys
from daemon.__main__ import main
from daemon.sandbox import demo

honest = demo.judge

def judge(played):
    orders = played.pipe17.books.orders
    row = next(row for row in orders if row.document["status"] == "fulfilled")
    orders._rows.pop(row.id)
    for member, places in orders._by_member.items():
        if row.document.get(member) is not None:
            places[row.document[member]].remove(row.id)
    return honest(played)

demo.judge = judge
sys.exit(main(["demo", "--orders", "12", "--seed", "2"]))
"""


@dataclass(slots=True)
class Run:
    process: subprocess.Popen[str]
    folder: Path

    def finish(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=110)
        return self.process.returncode, out, err

    def left_behind(self) -> list[str]:
        """Files of the demo, and processes that still work on one."""
        found = [str(path) for path in self.folder.rglob("tiktok-pipe17-demo-*")]
        for command in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = command.read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(self.folder) in line:
                found.append(line.replace("\0", " "))
        return found


def start(folder: Path, *words: str) -> Run:
    folder.mkdir()
    command = [sys.executable, *words]
    environment = {**os.environ, **JUNK, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    return Run(process, folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Run]]:
    folder = tmp_path_factory.mktemp("demo")
    demo = ("-m", "daemon", "demo")
    started = {
        "agree": start(folder / "agree", *demo, "--orders", "30", "--json"),
        "planted": start(folder / "planted", "-c", PLANTED),
        "interrupted": start(folder / "interrupted", *demo, "--orders", "12"),
        "hopeless": start(folder / "what$ever", *demo),
    }
    yield started
    for run in started.values():
        if run.process.poll() is None:
            run.process.terminate()
        run.process.communicate()


def test_a_daemon_that_does_not_come_up_is_shown_with_the_end_of_its_log(runs: dict[str, Run]) -> None:
    run = runs["hopeless"]
    code, _, err = run.finish()
    assert code == 1
    assert "the daemon ended by itself with status 78" in err
    assert "CONNECTOR_STORE_URL" in err, "what its log said; a path with a $ is no address of a store"
    assert "Traceback" not in err
    assert not run.left_behind()


def test_ctrl_c_ends_everything_and_leaves_nothing(runs: dict[str, Run]) -> None:
    run = runs["interrupted"]
    assert run.process.stdout is not None
    while "ON_HOLD" not in run.process.stdout.readline():
        assert run.process.poll() is None
    assert len(run.left_behind()) > 1, "a folder and a daemon"
    run.process.send_signal(signal.SIGINT)
    code, _, err = run.finish()
    assert code == 130
    assert "Traceback" not in err
    assert not run.left_behind()


def test_a_rough_day_ends_with_both_sides_agreed(runs: dict[str, Run]) -> None:
    run = runs["agree"]
    code, out, err = run.finish()
    assert code == 0, err
    told = json.loads(out)
    assert told["agree"]
    assert told["orders"] == 30
    assert told["differences"] == []
    assert told["packages"] == told["tracking"] == told["fulfillments"] > 10
    assert told["doubled"] == told["lost"] == told["early_releases"] == told["limited_by_our_fault"] == 0
    for rough in ("held", "edited", "cancelled_on_hold", "cancelled_late", "shipped_apart", "fallback_carrier"):
        assert told[rough] > 0, rough
    assert told["skus_linked"] == told["skus"] == 8
    assert told["skus_agreed"] == told["skus_with_stock"] == 7, "all but the bundle"
    assert told["stock_moves"] > 10
    assert told["zeroed_by_fault"] == told["oversold"] == told["told_twice"] == 0
    assert told["cancels_arrived"] == told["cancelled_in_pipe17"] > 0
    assert told["buyers_told"] > 15
    assert "stock agrees 7 of 7 SKUs" in err
    assert "buyers told" in err
    assert told["limited_by_the_play"] > 0
    assert told["outages"] > 0
    assert told["lost_answers"] > 0
    assert told["webhooks"] > 0
    assert "kill -9" in err
    assert "TikTok and Pipe17 agree, line by line" in err
    assert not run.left_behind()


def test_a_planted_difference_is_found(runs: dict[str, Run]) -> None:
    run = runs["planted"]
    code, out, err = run.finish()
    assert code == 1, err
    assert "TikTok and Pipe17 DO NOT AGREE" in out
    assert "  missing: order 5764614" in out
    assert "1 difference:" in out
    assert not run.left_behind()


def follow(line: str) -> dict[str, Any]:
    """Do what a printed curl command does; its answer."""
    curl = argparse.ArgumentParser()
    curl.add_argument("-X", dest="method", default="GET")
    curl.add_argument("-d", dest="body", default="")
    curl.add_argument("url")
    asked = curl.parse_args(shlex.split(line)[1:])
    request = urllib.request.Request(asked.url, asked.body.encode() or None, method=asked.method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_the_sandbox_alone_tells_how_to_use_it_and_works(tmp_path: Path) -> None:
    run = start(tmp_path / "sandbox", "-m", "daemon", "sandbox", "--port", "0", "--pipe17-port", "0")
    assert run.process.stdout is not None
    said: list[str] = []
    while not said or "Ctrl-C" not in said[-1]:
        said.append(run.process.stdout.readline())
        assert said[-1] or run.process.poll() is None
    settings = dict(line.strip().split("=", 1) for line in said if line.startswith(("TIKTOK_", "PIPE17_")))
    assert {"TIKTOK_APP_KEY", "TIKTOK_REFRESH_TOKEN", "TIKTOK_API_URL", "PIPE17_API_KEY"} <= settings.keys()
    answers = {line: follow(line) for line in said if line.startswith("curl ")}
    assert len(answers) >= 11
    shop, organisation = (
        follow(f"curl {settings['TIKTOK_API_URL']}/_sandbox/{side}/state") for side in ("tiktok", "pipe17")
    )
    placed = [answer["result"] for line, answer in answers.items() if "place_order" in line]
    assert placed
    assert set(placed) <= shop["orders"].keys()
    assert shop["stock"]["MUG-BLUE"]
    assert 3 in organisation["stock"]["MUG-BLUE"].values()
    run.process.send_signal(signal.SIGTERM)
    assert run.finish()[0] == 0


def test_a_taken_port_is_said_plainly(tmp_path: Path) -> None:
    first = start(tmp_path / "one", "-m", "daemon", "sandbox", "--port", "0", "--pipe17-port", "0", "--json")
    assert first.process.stdout is not None
    text = ""
    while not text.endswith("}\n}\n"):
        text += first.process.stdout.readline()
        assert text
    port = json.loads(text)["tiktok_url"].rpartition(":")[2]
    begun_s = time.monotonic()
    second = start(tmp_path / "two", "-m", "daemon", "sandbox", "--port", port, "--pipe17-port", "0")
    code, _, err = second.finish()
    assert code == 1
    assert "in use" in err
    assert "Traceback" not in err
    assert time.monotonic() - begun_s < 20
    first.process.terminate()
    first.finish()
