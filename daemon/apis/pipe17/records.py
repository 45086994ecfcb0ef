"""What every kind of record at Pipe17 has in common: a list by page, one by its id, a change of some members."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

from daemon.apis.pipe17.assumptions import ORDERS_SORT_BY
from daemon.apis.pipe17.session import Params, Rows, Session
from daemon.core.lanes import Lane
from daemon.core.verdicts import Rejected
from daemon.errors import ApiError

MOST_PAGES = 100
"""Pages of one list that we are willing to read whole; the bound that a broken `last` cannot pass."""


class Records:
    """Calls in one lane. `unsorted` remembers the lists that Pipe17 does not sort for us."""

    __slots__ = ("lane", "session", "unsorted")

    def __init__(self, session: Session, lane: Lane, unsorted: set[str] | None = None) -> None:
        self.session = session
        self.lane = lane
        self.unsorted = unsorted if unsorted is not None else set()

    async def page(self, plural: str, filters: Params, skip: int, count: int, keys: str = "*") -> Rows:
        """A page of a list, oldest change first; sorted here where Pipe17 refuses to."""
        operation = f"{plural}.list"
        params = [*filters, ("keys", keys), ("count", str(count)), ("skip", str(skip))]
        if operation not in self.unsorted:
            try:
                sort = ("order", ORDERS_SORT_BY.value)
                return await self.session.rows(operation, self.lane, plural, [*params, sort])
            except ApiError as error:
                if error.verdict != Rejected("bad_request"):
                    raise
        page = await self.session.rows(operation, self.lane, plural, params)
        self.unsorted.add(operation)
        return Rows(sorted(page.rows, key=lambda row: str(row.get(ORDERS_SORT_BY.value, ""))), page.last)

    async def every(self, plural: str, page: Callable[[int], Awaitable[Rows]]) -> list[dict[str, Any]]:
        """All records of a list; `page` gives those from a position on."""
        found: list[dict[str, Any]] = []
        for _ in range(MOST_PAGES):
            rows = await page(len(found))
            found += rows.rows
            if rows.last:
                return found
        raise self.session.misshapen(f"{plural}.list", write=False, member="pagination.last")

    async def one(self, operation: str, plural: str, name: str, singular: str) -> dict[str, Any] | None:
        """The record called `name`, None when there is none."""
        try:
            body = await self.session.call(operation, self.lane, "GET", f"/{plural}/{quote(name, safe=':')}")
        except ApiError as error:
            if error.verdict == Rejected("not_found"):
                return None
            raise
        found = body.get(singular)
        if not isinstance(found, dict):
            raise self.session.misshapen(operation, write=False, member=singular)
        return found

    async def update(self, plural: str, name: str, changes: Mapping[str, Any], singular: str) -> dict[str, Any] | None:
        """Change members (arrays whole); the new record where Pipe17 sends it, else None."""
        path = f"/{plural}/{quote(name, safe='')}"
        body = await self.session.call(f"{plural}.update", self.lane, "PUT", path, document=changes)
        found = body.get(singular)
        return found if isinstance(found, dict) else None
