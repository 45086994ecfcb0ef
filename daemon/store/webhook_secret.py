"""The part of our webhook address that nobody can guess, for Pipe17, whose deliveries are not signed.

Made once and kept sealed as a fact. One that cannot be opened any more (CONNECTOR_TOKEN_KEY was changed) is made anew:
nothing is lost by it, because the registration is brought in line with the next look at it.
"""

from __future__ import annotations

import logging

from daemon.errors import StoreError
from daemon.store import facts
from daemon.store.database import Tx
from daemon.store.sealing import Seal

log = logging.getLogger("daemon.webhooks")

FACT = "pipe17_webhook_secret"


def stored(tx: Tx, seal: Seal) -> str:
    """The secret, "" when there is none that can be read."""
    sealed = facts.get(tx, FACT)
    try:
        return seal.open(FACT, sealed) if isinstance(sealed, str) else ""
    except StoreError:
        return ""


def keep(tx: Tx, seal: Seal, fresh: str, now_ms: int) -> str:
    """The secret in force; `fresh` becomes it where there is none that can be read."""
    known, before = stored(tx, seal), facts.get(tx, FACT)
    if known and not seal.due(before):
        return known
    if before is not None and not known:
        log.warning("the secret of the webhook address cannot be read with this CONNECTOR_TOKEN_KEY; a new one is made")
    facts.put(tx, FACT, seal.close(FACT, known or fresh), now_ms)
    return known or fresh
