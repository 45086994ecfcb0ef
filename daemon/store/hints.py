"""Webhook notifications: durable before they are answered, handled once, remembered against duplicates (law 5).

What a person asks for by name (`pull`) is such a notification, too, with an id of ours.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from daemon.store.database import Tx


@dataclass(frozen=True, slots=True)
class Hint:
    """Somebody says that something changed: `kind` is the webhook type, `subject` what to read."""

    notification_id: str
    kind: str
    subject: str

    @property
    def asked(self) -> bool:
        """A person asked for it, and not a webhook."""
        return self.notification_id.startswith(_ASKED)


_ASKED = "pull:"


def asked_for(kind: str, subject: str, now_ms: int) -> Hint:
    """The hint that a person's `pull` leaves."""
    return Hint(f"{_ASKED}{kind}:{subject}:{now_ms}", kind, subject)


def add(tx: Tx, hint: Hint, now_ms: int) -> bool:
    """Store a hint; False when this notification was stored before."""
    return tx.one("hint_add", (hint.notification_id, hint.kind, hint.subject, now_ms)) is not None


def waiting(tx: Tx, kind: str, limit: int) -> list[Hint]:
    """The oldest hints of a kind that nobody has acted on."""
    return [Hint(*row) for row in tx.all("hints_waiting", (kind, limit))]


def crowded(tx: Tx, kind: str, limit: int) -> bool:
    """Whether so many of a kind wait already that reading the source is the shorter way."""
    (count,) = tx.one("hints_waiting_count", (kind, limit))
    return bool(count >= limit)


def handled(tx: Tx, notification_ids: Iterable[str], now_ms: int) -> None:
    """These were acted on, in this same transaction."""
    for notification_id in notification_ids:
        tx.run("hint_handled", (now_ms, notification_id))


def put_away_strangers(tx: Tx, known: Collection[str], now_ms: int) -> None:
    """Count as handled what waits for a flow that is not `known`."""
    for (kind,) in tx.all("hints_waiting_kinds"):
        if kind not in known:
            tx.run("hints_put_away", (now_ms, kind))
