"""Records in the order of an instant, and pages over them.

A `TimeIndex` keeps `(second, id)` sorted; moving one costs a binary search and a memory move, a page costs its own
rows. `Pager` makes page tokens: opaque, bound to the filters they were given for, valid for a while. A page goes on
after the last row of the one before ("keyset"), so moved rows are seen again and none is skipped; at random it starts a
few rows early, so rows repeat. The option `offset` counts rows instead, as many vendors do: then rows that move make
others slip through between two pages.
"""

from __future__ import annotations

import base64
import json
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from zlib import crc32

from daemon.sandbox.tiktok.options import TikTokOptions
from daemon.sandbox.tiktok.shapes import Ask, bad

Key = tuple[int, str]


class TimeIndex:
    """Ids by second."""

    def __init__(self) -> None:
        self.rows: list[Key] = []
        self._second: dict[str, int] = {}

    def put(self, record_id: str, second: int) -> None:
        """Add a record, or move it."""
        before = self._second.get(record_id)
        if before == second:
            return
        if before is not None:
            del self.rows[bisect_left(self.rows, (before, record_id))]
        self._second[record_id] = second
        key = (second, record_id)
        if not self.rows or key > self.rows[-1]:
            self.rows.append(key)
        else:
            insort(self.rows, key)

    def drop(self, record_id: str) -> None:
        """The record is gone."""
        del self.rows[bisect_left(self.rows, (self._second.pop(record_id), record_id))]

    def span(self, ge: int | None, lt: int | None) -> tuple[int, int]:
        """The positions of the rows with `ge <= second < lt`."""
        low = 0 if ge is None else bisect_left(self.rows, (ge, ""))
        high = len(self.rows) if lt is None else bisect_left(self.rows, (lt, ""))
        return low, max(low, high)


@dataclass(frozen=True, slots=True)
class Page:
    """The ids of one page, the token of the next ("" on the last) and how many rows match in all."""

    ids: list[str]
    next_token: str
    total: int


class Pager:
    """Cuts pages out of an index as one request asks for."""

    def __init__(self, options: TikTokOptions, rng: Random) -> None:
        self._options = options
        self._rng = rng

    def page(
        self,
        ask: Ask,
        index: TimeIndex,
        span: tuple[int, int],
        *,
        size: int,
        descending: bool,
        keep: Callable[[str], bool] | None,
    ) -> Page:
        """One page. `keep` decides on rows that the index cannot; raises `Refused` for a token that does not fit."""
        low, high = span
        rows = index.rows
        filters = json.dumps([ask.body, size, descending, ask.query.get("sort_field", "")], sort_keys=True)
        token = ask.query.get("page_token", "")
        after, seen = self._read(token, filters, ask.now_ms) if token else (None, 0)
        start, step, stop = (high - 1, -1, low - 1) if descending else (low, 1, high)
        if after is not None and self._options.paging == "offset":
            start += step * seen
        elif after is not None:
            start = bisect_left(rows, after) - 1 if descending else bisect_right(rows, after)
            start = min(start, high - 1) if descending else max(start, low)
        found: list[Key] = []
        for position in range(start, stop, step):
            if keep is None or keep(rows[position][1]):
                found.append(rows[position])
                if len(found) > size:
                    break
        more = len(found) > size
        found = found[:size]
        total = high - low if keep is None else sum(1 for _, record in rows[low:high] if keep(record))
        last = found[-1] if found else (0, "")
        if more and size > 4 and self._rng.random() < self._options.repeat_rows:
            last = found[-1 - self._rng.randint(1, 3)]
        next_token = _token(last, seen + size, filters, ask.now_ms) if more else ""
        return Page([record for _, record in found], next_token, total)

    def _read(self, token: str, filters: str, now_ms: int) -> tuple[Key, int]:
        try:
            members = json.loads(_veil(base64.b64decode(token, validate=True)))
        except ValueError:
            raise bad("Invalid value: 'page_token'") from None
        if not isinstance(members, list) or [type(item) for item in members] != [int, str, int, int, int]:
            raise bad("Invalid value: 'page_token'")
        second, record, seen, issued_ms, mark = members
        if mark != hash_text(filters):
            raise bad("Invalid value: 'page_token' was issued for other filters")
        if now_ms - issued_ms > self._options.page_token_ms:
            raise bad("Invalid value: 'page_token' has expired")
        return (second, record), seen


def hash_text(text: str) -> int:
    """A number that stands for a text, the same in every process."""
    return crc32(text.encode())


def _veil(text: bytes) -> bytes:
    return bytes(byte ^ (0x5B + position % 97) for position, byte in enumerate(text))


def _token(last: Key, seen: int, filters: str, now_ms: int) -> str:
    text = json.dumps([*last, seen, now_ms, hash_text(filters)])
    return base64.b64encode(_veil(text.encode())).decode()
