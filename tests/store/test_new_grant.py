"""A grant sealed with a key that is gone: it cannot be read, and a new one can be stored all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.clock import SystemClock
from daemon.core.tokens import Secret, TokenPair
from daemon.errors import StoreError
from daemon.store.database import Database
from daemon.store.tokens import StoredTokens

PAIR = TokenPair(Secret("ROW_a"), 1, Secret("ROW_r"), 2, "open", ("seller.order.info",), "Shop", "US", 0)


async def test_a_new_grant_replaces_one_that_cannot_be_unsealed(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "connector.db")
    try:
        await StoredTokens(database, SystemClock(), b"1" * 32).save(PAIR)
        other = StoredTokens(database, SystemClock(), b"2" * 32)
        with pytest.raises(StoreError, match="CONNECTOR_TOKEN_KEY"):
            await other.load()
        await other.save(PAIR)
        assert await other.load() == PAIR
        assert await other.previous() is None
    finally:
        await database.aclose()
