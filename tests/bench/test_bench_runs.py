"""Every bench runs, on sizes that measure nothing, and hands back sane figures. How fast it was is not tested.

They run side by side, because most of their time is spent waiting for daemons and holds.
"""

import math
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from bench.__main__ import BENCHES, main, measure, summary
from bench.figures import Figure, Plan, percentile, table
from bench.filled import HELD_EVERY, fill
from bench.peers import PEERS
from daemon.store.database import Database

MAY_BE_ZERO = {"idle: CPU"}
USES_A_FOLDER_TWICE = {"claim", "start"}


@pytest.fixture(autouse=True)
def bench_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_FOLDER", str(tmp_path))


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> dict[str, Future[list[Figure]]]:
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(len(BENCHES)) as pool:
        patch.setenv("BENCH_FOLDER", str(tmp_path_factory.mktemp("bench")))
        plans = {name: Plan(runs=2 if name in USES_A_FOLDER_TWICE else 1, small=True) for name in BENCHES}
        return {name: pool.submit(measure, name, plan) for name, plan in plans.items()}


@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_yields_figures_that_make_sense(name, measured):
    figures = measured[name].result()
    assert len({figure.name for figure in figures}) == len(figures) > 1
    for figure in figures:
        assert math.isfinite(figure.value)
        assert figure.value > 0 or figure.name in MAY_BE_ZERO
        assert figure.unit
    assert any(figure.goal for figure in figures)
    assert summary(name).endswith(".")


def test_every_peer_is_measured_beside_us(measured):
    names = {figure.name for figure in measured["outbox"].result()}
    assert {"ours", *(f"ours : {peer.name}" for peer in PEERS)} <= names


def test_the_median_counts_and_the_spread_is_shown():
    figure = Figure("orders", "orders/s", (1500.0, 3.25, 100.0), ">= 300")
    assert figure.value == 100.0
    assert "| orders | 100 | 3.25 | 1,500 | orders/s | >= 300 |" in table([figure])


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 51), (0.99, 100), (1.0, 100)])
def test_a_percentile(share, expected):
    assert percentile(range(100, 0, -1), share) == expected


async def test_a_filled_store_is_one_that_the_daemon_opens(tmp_path):
    fill(tmp_path / "connector.db", rows=50)
    database = await Database.open(tmp_path / "connector.db")
    counted = await database.write(lambda tx: {state: items for _, state, items in tx.all("tally_all")})
    assert counted == {"held": 50 // HELD_EVERY, "done": 50 - 50 // HELD_EVERY}
    await database.aclose()


def test_the_command_line_lists_runs_and_refuses(capsys):
    assert main(["--list"]) == 0
    assert set(BENCHES) == {line.split()[0] for line in capsys.readouterr().out.splitlines()}
    assert main(["claim", "--small", "--runs", "1"]) == 0
    assert "### claim" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["nonsense"])
