"""The TikTok grant on disk: the pair in use and the one before it.

The documents are sealed (`sealing.py`) under the name of their slot. One that cannot be opened is an error that says so
and never an empty store: silently asking for a new grant would hide the mistake.
"""

from __future__ import annotations

from typing import Any

from daemon.clock import Clock
from daemon.core.jsontext import dumps, loads
from daemon.core.tokens import Secret, TokenPair
from daemon.errors import StoreError
from daemon.store.database import Database, Tx
from daemon.store.sealing import Seal

CURRENT, PREVIOUS = "current", "previous"


class StoredTokens:
    """Implements `TokenMemory` of apis/tiktok/auth.py."""

    def __init__(self, database: Database, clock: Clock, key: bytes | None) -> None:
        self._database = database
        self._clock = clock
        self._seal = Seal(key)

    async def load(self) -> TokenPair | None:
        """The pair in force, None before the first grant. Raises `StoreError` when it cannot be unsealed."""
        return await self._read(CURRENT)

    async def previous(self) -> TokenPair | None:
        """The pair before it."""
        return await self._read(PREVIOUS)

    async def save(self, pair: TokenPair) -> None:
        """Durable when it returns; what was in force becomes `previous`, unless it cannot be unsealed any more."""
        now_ms = self._clock.now_ms()
        fresh = self._sealed(CURRENT, pair)

        def work(tx: Tx) -> None:
            row = tx.one("token_get", (CURRENT,))
            before = None if row is None else self._opened_if_possible(row[0])
            if before is None:
                tx.run("token_drop", (PREVIOUS,))
            else:
                tx.run("token_put", (PREVIOUS, self._sealed(PREVIOUS, before), now_ms))
            tx.run("token_put", (CURRENT, fresh, now_ms))

        await self._database.write(work)

    def _opened_if_possible(self, document: str) -> TokenPair | None:
        try:
            return self._open(CURRENT, document)
        except StoreError:
            return None

    async def _read(self, slot: str) -> TokenPair | None:
        row = await self._database.write(lambda tx: tx.one("token_get", (slot,)))
        return None if row is None else self._open(slot, row[0])

    def _sealed(self, slot: str, pair: TokenPair) -> str:
        return self._seal.close(slot, dumps(_document(pair)))

    def _open(self, slot: str, document: str) -> TokenPair:
        return _pair(loads(self._seal.open(slot, document)))


def _document(pair: TokenPair) -> dict[str, Any]:
    return {
        "access_token": pair.access_token.get_secret_value(),
        "access_expires_at_ms": pair.access_expires_at_ms,
        "refresh_token": pair.refresh_token.get_secret_value(),
        "refresh_expires_at_ms": pair.refresh_expires_at_ms,
        "open_id": pair.open_id,
        "scopes": list(pair.scopes),
        "seller_name": pair.seller_name,
        "region": pair.region,
        "obtained_at_ms": pair.obtained_at_ms,
    }


def _pair(document: dict[str, Any]) -> TokenPair:
    return TokenPair(
        access_token=Secret(document["access_token"]),
        access_expires_at_ms=document["access_expires_at_ms"],
        refresh_token=Secret(document["refresh_token"]),
        refresh_expires_at_ms=document["refresh_expires_at_ms"],
        open_id=document["open_id"],
        scopes=tuple(document["scopes"]),
        seller_name=document["seller_name"],
        region=document["region"],
        obtained_at_ms=document["obtained_at_ms"],
    )
