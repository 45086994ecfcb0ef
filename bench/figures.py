"""What a bench hands back: figures with the values of every run, and how they are printed.

The value of a figure is the median of its runs. A goal is shown beside it and never enforced: a shared machine makes
one run of anything slow, and a bench that fails for that would teach nobody anything.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One number: the median of `runs`."""

    name: str
    unit: str
    runs: tuple[float, ...]
    goal: str = ""

    @property
    def value(self) -> float:
        return statistics.median(self.runs)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much a bench does: `runs` repetitions; `small` is for its tests and measures nothing worth keeping."""

    runs: int = 5
    small: bool = False

    def of(self, full: int, small: int) -> int:
        """A size: `full`, or `small` where only the code is to run."""
        return small if self.small else full


def say(text: str) -> None:
    """Progress, where it does not get between the figures."""
    print(text, file=sys.stderr, flush=True)


def table(figures: Sequence[Figure]) -> str:
    """The figures as a table in Markdown: median, lowest and highest run, goal."""
    lines = ["| figure | median | lowest | highest | unit | goal |", "|---|---:|---:|---:|---|---|"]
    lines += [
        f"| {one.name} | {short(one.value)} | {short(min(one.runs))} | {short(max(one.runs))} "
        f"| {one.unit} | {one.goal} |"
        for one in figures
    ]
    return "\n".join(lines)


def short(value: float) -> str:
    """Three digits that count; whole numbers from a hundred on."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder on a real disk: under `$BENCH_FOLDER`, else under var/ here. A RAM disk makes fsync free."""
    parent = Path(os.environ.get("BENCH_FOLDER") or "var/bench")
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix="run-", ignore_cleanup_errors=True) as made:
        yield Path(made).resolve()


def disk_flush_ms(where: Path, times: int = 100) -> float:
    """How long this disk takes to make 64 kB durable: the median of `times`, milliseconds. The ground of every figure
    that waits for a disk; compare it before comparing machines."""
    took: list[float] = []
    with (where / "flush").open("wb", buffering=0) as file:
        for _ in range(times):
            file.write(b"\0" * 65_536)
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took)
