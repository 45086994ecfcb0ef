"""How far the products are read: the cursor, and windows that TikTok answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.reading import BadShape
from daemon.core.sweeps import Progress, halves, progress

DAY_MS = 86_400_000


@given(st.builds(Progress, *[st.none() | st.integers(1, 10**15)] * 3, st.integers(0, 10**10)))
def test_a_cursor_reads_as_it_was_written(at: Progress) -> None:
    assert progress(at.text()) == at


def test_no_cursor_is_nothing_read_and_rubbish_is_refused() -> None:
    assert progress(None) == Progress()
    with pytest.raises(BadShape):
        progress("17")


@pytest.mark.parametrize(("swept_at_ms", "due"), [(None, True), (0, True), (1, False)])
def test_everything_is_read_once_a_day(swept_at_ms: int | None, due: bool) -> None:
    assert Progress(swept_at_ms=swept_at_ms).sweep_is_due(DAY_MS) is due


@given(ge_s=st.integers(0, 10**9), le_s=st.none() | st.integers(0, 10**9), now_s=st.integers(0, 10**9))
def test_halves_cover_the_window_and_meet(ge_s: int, le_s: int | None, now_s: int) -> None:
    found = halves(ge_s, le_s, now_s)
    end_s = max(now_s, ge_s) if le_s is None else le_s
    if end_s <= ge_s:
        assert found is None
        return
    assert found is not None
    older, newer = found
    assert older[0] == ge_s
    assert newer[1] == le_s
    assert older[1] + 1 == newer[0]
    assert older[0] <= older[1] < end_s
