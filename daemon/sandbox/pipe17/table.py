"""Records of one entity: by id, by a few members, and in the two orders in which lists go through them.

A document is never changed in place: every change is a new `Row`, so what a list showed a moment ago can still be
shown. Lists see a row only once it is *listed*; between a change and that moment they show the state before (the lag
of a search index). Sorted lists of `(instant, number, id)` keep a poll from going through all records.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

Mark = tuple[int, int, str]
"""Place of a row in a sorted list: instant in ms, number, id."""


@dataclass(frozen=True, slots=True)
class Row:
    """One version of a record. `number` is its place in the order of creation, `owner` the channel it belongs to."""

    id: str
    number: int
    version: int
    owner: str
    created_ms: int
    updated_ms: int
    document: Mapping[str, Any]


class Table:
    """All records of one entity. `indexed` are the members that can be looked up."""

    def __init__(self, plural: str, singular: str, indexed: tuple[str, ...]) -> None:
        self.plural = plural
        self.singular = singular
        self._rows: dict[str, Row] = {}
        self._by_member: dict[str, dict[str, list[str]]] = {member: {} for member in indexed}
        self._listed: dict[str, Row] = {}
        self._by_created: list[Mark] = []
        self._by_updated: list[Mark] = []
        self._unlisted: list[tuple[int, int, Row]] = []
        self._versions = 0
        self.changed: Callable[[str, str, str, int], None] | None = None
        """Told of every change: entity, create or update, id, instant in ms."""

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def __contains__(self, record_id: object) -> bool:
        return record_id in self._rows

    def get(self, record_id: str) -> Row | None:
        """The newest version of a record."""
        return self._rows.get(record_id)

    def find(self, member: str, value: str) -> list[Row]:
        """The newest versions of the records with this value, in the order of creation."""
        return [self._rows[record_id] for record_id in self._by_member[member].get(value, ())]

    def values(self, member: str) -> Iterator[str]:
        """The values that a member has or had."""
        return iter(self._by_member[member])

    def indexed(self, member: str) -> bool:
        """Whether `find` knows this member."""
        return member in self._by_member

    def add(
        self, record_id: str, owner: str, document: Mapping[str, Any], at_ms: int, listed_at_ms: int | None = None
    ) -> Row:
        """A new record; lists show it from `listed_at_ms` on (None: at once)."""
        self._versions += 1
        row = Row(record_id, len(self._rows) + 1, self._versions, owner, at_ms, at_ms, document)
        self._put(row, None, listed_at_ms)
        return row

    def replace(self, row: Row, document: Mapping[str, Any], at_ms: int, listed_at_ms: int | None = None) -> Row:
        """The next version of a record."""
        self._versions += 1
        newer = Row(row.id, row.number, self._versions, row.owner, row.created_ms, at_ms, document)
        self._put(newer, row, listed_at_ms)
        return newer

    def _put(self, row: Row, before: Row | None, listed_at_ms: int | None) -> None:
        self._rows[row.id] = row
        if self.changed is not None:
            self.changed(self.plural, "update" if before else "create", row.id, row.updated_ms)
        for member, places in self._by_member.items():
            value = row.document.get(member)
            old = before.document.get(member) if before else None
            if value == old:
                continue
            if old is not None:
                places[old].remove(row.id)
            if value is not None:
                places.setdefault(value, []).append(row.id)
        if listed_at_ms is None:
            self._list(row)
        else:
            heappush(self._unlisted, (listed_at_ms, row.version, row))

    def _list(self, row: Row) -> None:
        shown = self._listed.get(row.id)
        if shown is None:
            insort(self._by_created, (row.created_ms, row.number, row.id))
        elif shown.version > row.version:
            return
        else:
            del self._by_updated[bisect_left(self._by_updated, (shown.updated_ms, shown.number, shown.id))]
        insort(self._by_updated, (row.updated_ms, row.number, row.id))
        self._listed[row.id] = row

    def settle(self, now_ms: int) -> None:
        """Let lists see everything whose moment has come."""
        while self._unlisted and self._unlisted[0][0] <= now_ms:
            self._list(heappop(self._unlisted)[2])

    def listed(self, record_id: str) -> Row | None:
        """What lists show of a record."""
        return self._listed.get(record_id)

    def walk(
        self, *, updated: bool, descending: bool, from_ms: int | None, to_ms: int | None, skip: int = 0
    ) -> Iterator[Row]:
        """The listed rows by `updatedAt` or `createdAt`, both ends included, without the first `skip`."""
        marks = self._by_updated if updated else self._by_created
        first = 0 if from_ms is None else bisect_left(marks, (from_ms, 0, ""))
        last = len(marks) if to_ms is None else bisect_left(marks, (to_ms + 1, 0, ""))
        places = range(last - 1, first - 1, -1) if descending else range(first, last)
        return (self._listed[marks[place][2]] for place in places[skip:])
