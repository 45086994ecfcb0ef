"""The door for Pipe17's webhooks: an address that nobody can guess, and "read this id now" on disk before the 200.

Pipe17 signs nothing (contract pipe17.md 13). What proves a delivery is the secret at the end of its path; where it also
carries the registered key, that must be right, too. Whoever does not know the secret gets the answer of a page that
does not exist. Nothing in a delivery is believed: the flow reads the record (design law 5). What each one came to:

    stored · duplicate      the record is read now
    polled                  the flow reads its source now: a topic where one list says more than many records (orders of
                            every channel, for the few that were cancelled), or so many hints wait already
    ignored · unknown_topic nobody needs it: 200, so that it does not come again
    forged                  404, nothing stored
    malformed               200, coming again would not help
    late                    503: the store did not answer in time

The secret is in no log, metric or page; the web server does not log requests.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from daemon.apis.pipe17.assumptions import WEBHOOK_KEY_HEADER
from daemon.apis.pipe17.webhooks import Delivery, read
from daemon.app import Daemon
from daemon.core.reading import BadShape
from daemon.core.tokens import Secret
from daemon.errors import StoreError
from daemon.flows.push_fulfillments import NAME as FULFILLMENTS
from daemon.flows.push_inventory import ROW
from daemon.flows.stock_reader import NAME as INVENTORY
from daemon.ops.guard import read_body
from daemon.ops.metrics import Metrics
from daemon.ops.web import HEADERS
from daemon.ops.webhooks import ANSWER_WITHIN_S, BODY_MAX, Complaint
from daemon.store import hints
from daemon.store.database import Tx
from daemon.store.hints import Hint

log = logging.getLogger("daemon.webhooks")

PATH = "/webhooks/pipe17/"
WAITING_MAX = 300
"""Hints of one flow that wait; beyond it a read of the source, a hundred rows a call, is the shorter way."""
FLOW_OF: Mapping[str, str] = {"fulfillments": FULFILLMENTS, "orders": "cancellations", "inventory": INVENTORY}
"""Topic to the flow that reads its records; the name of the flow is the kind of its hints."""
POLLED = frozenset({"orders"})
"""Topics whose flow reads its source, and not the record. It does so at every start, so nothing need be kept."""
NO_NEWS = frozenset({("orders", "create"), ("orders", "delete"), ("fulfillments", "delete"), ("inventory", "delete")})
"""What calls for no read: an order that was just made is not cancelled, and what is gone is not zero."""


class Pipe17Receiver:
    """Takes Pipe17's deliveries."""

    def __init__(self, daemon: Daemon, secret: Secret, api_key: Secret, metrics: Metrics) -> None:
        self._daemon = daemon
        self._secret = secret
        self._api_key = api_key
        self._metrics = metrics
        self._pollers = {poller.flow.name: poller for poller in daemon.pollers}
        self._complaint = Complaint(daemon.parts.clock)

    def routes(self) -> list[Route]:
        """Where Pipe17 finds it."""
        return [Route(PATH + "{secret}", self._answer, methods=["POST"])]

    def knows(self, secret: str, headers: Mapping[str, str]) -> bool:
        """Whether somebody who was told the address sends this; every comparison takes constant time."""
        right = hmac.compare_digest(secret.encode(), self._secret.get_secret_value().encode())
        sent = {name.lower(): value for name, value in headers.items()}.get(WEBHOOK_KEY_HEADER.value)
        if sent is not None:
            right &= hmac.compare_digest(sent.encode(), self._api_key.get_secret_value().encode())
        if not right:
            self._complaint.say("a webhook for Pipe17 came to a wrong address or with a wrong key and was refused")
            self._came_to("forged", 404)
        return right

    async def receive(self, body: bytes, within_s: float = ANSWER_WITHIN_S) -> int:
        """The HTTP status to answer to a delivery of somebody who `knows`. Takes `within_s` seconds at most."""
        try:
            delivery = read(body)
        except BadShape as problem:
            log.warning("a webhook of Pipe17 cannot be read: %s", problem)
            return self._came_to("malformed", 200)
        if not delivery.topic:
            return self._came_to("unknown_topic", 200)
        flow = FLOW_OF.get(delivery.topic, "")
        if flow not in self._pollers or (delivery.topic, delivery.action) in NO_NEWS:
            return self._came_to("ignored", 200)
        outcome = "polled" if delivery.topic in POLLED else await self._store(delivery, flow, within_s)
        if outcome == "polled":
            self._pollers[flow].poke_soon()
        else:
            self._daemon.hints.bell.ring(flow)
        return self._came_to(outcome, 503 if outcome == "late" else 200)

    async def _answer(self, request: Request) -> Response:
        begun_s = anyio.current_time()
        if not self.knows(request.path_params["secret"], request.headers):
            raise HTTPException(404)
        body = await read_body(request, BODY_MAX, ANSWER_WITHIN_S)
        left_s = ANSWER_WITHIN_S - (anyio.current_time() - begun_s)
        return Response(status_code=await self.receive(body, within_s=left_s), headers=HEADERS)

    async def _store(self, delivery: Delivery, flow: str, within_s: float) -> str:
        now_ms = self._daemon.parts.clock.now_ms()
        subject = f"{ROW}{delivery.item_id}" if flow == INVENTORY else delivery.item_id
        key = delivery.key or f"pipe17:{delivery.topic}:{delivery.item_id}:{delivery.action}:{now_ms}"

        def work(tx: Tx) -> str:
            if hints.crowded(tx, flow, WAITING_MAX):
                return "polled"
            return "stored" if hints.add(tx, Hint(key, flow, subject), now_ms) else "duplicate"

        with anyio.move_on_after(within_s):
            try:
                return await self._daemon.parts.database.write(work)
            except StoreError as error:
                log.error("a webhook cannot be stored: %s", error)
        return "late"

    def _came_to(self, outcome: str, status: int) -> int:
        self._metrics.webhook("pipe17", outcome)
        return status
