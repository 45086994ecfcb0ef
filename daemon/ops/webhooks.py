"""TikTok's webhooks: let in, and asked for.

`Receiver` checks a delivery on its raw bytes, puts "read this order" into the store, and only then says 200. TikTok
waits three seconds; a store that has not answered after `ANSWER_WITHIN_S` gives a 503, and TikTok comes again. Nothing
in a delivery is believed: the poller's path reads the truth (design law 5). What each delivery came to is counted:

    stored · duplicate      the orders or the product are read now
    ignored · foreign       a type nobody needs, or another shop of the same app: 200, so that it does not come again
    forged                  401, nothing stored
    malformed               signed but not readable: 200, coming again would not help
    late                    503

Two types are about the grant. "Deauthorized" makes the keeper doubt its tokens and asks TikTok at once; "expiring" is
remembered for the status page. `Registration` sets our address for the events that the running flows want, where it
differs.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

import anyio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from daemon.apis.gate import Access
from daemon.apis.tiktok.client import TikTok
from daemon.apis.tiktok.webhooks import Notification, Topic, events_for, genuine, read
from daemon.app import Daemon
from daemon.clock import Clock
from daemon.core.lanes import Lane
from daemon.core.reading import BadShape, whole
from daemon.core.tokens import Secret
from daemon.core.verdicts import Rejected
from daemon.errors import ApiError, StoreError
from daemon.flows.connections import note_failure
from daemon.flows.engine import Signal
from daemon.flows.pull_orders import NAME as ORDERS
from daemon.ops.guard import read_body
from daemon.ops.metrics import Metrics
from daemon.ops.web import HEADERS
from daemon.store import facts, hints
from daemon.store.database import Tx
from daemon.store.hints import Hint

log = logging.getLogger("daemon.webhooks")

PRODUCTS = "products"
"""Name of the flow that reads products."""
PATH = "/webhooks/tiktok"
BODY_MAX = 256 * 1024
"""The longest notification known has a few hundred bytes; one about a large package a few thousand."""
ANSWER_WITHIN_S = 2.5
"""TikTok gives up after three seconds."""
ORDERS_MAX = 500
"""Orders of one notification that are read at once; the poller finds the others."""
COMPLAIN_EVERY = timedelta(minutes=1)
REGISTER_EVERY = timedelta(hours=1)
GRANT_FACT = "authorization_notice"

_ORDER_TOPICS = (Topic.ORDER_STATUS, Topic.RECIPIENT_ADDRESS, Topic.PACKAGE, Topic.CANCELLATION)
_PRODUCT_TOPICS = (
    Topic.PRODUCT_STATUS,
    Topic.PRODUCT_INFORMATION,
    Topic.PRODUCT_CREATION,
    Topic.PRODUCT_CATEGORY,
    Topic.PRODUCT_AUDIT,
    Topic.SKU_STATUS,
)
_GRANT = "authorization"
_ID = re.compile(r"\d{1,32}")
_KEY_CHARS_MAX = 200


@dataclass(frozen=True, slots=True)
class AppKeys:
    """What deliveries are signed with."""

    key: str
    secret: Secret


class Complaint:
    """Somebody knocks who must not: said once a minute, or the log would be theirs to fill."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next_at_s = float("-inf")

    def say(self, text: str) -> None:
        """A warning, unless there was one just now."""
        now_s = self._clock.monotonic()
        if now_s >= self._next_at_s:
            self._next_at_s = now_s + COMPLAIN_EVERY.total_seconds()
            log.warning(text)


class Receiver:
    """The door for TikTok's deliveries."""

    def __init__(self, daemon: Daemon, keys: AppKeys, metrics: Metrics) -> None:
        self._daemon = daemon
        self._keys = keys
        self._metrics = metrics
        self._doubt = Signal()
        self._complaint = Complaint(daemon.parts.clock)

    async def receive(self, headers: Mapping[str, str], body: bytes, within_s: float = ANSWER_WITHIN_S) -> int:
        """The HTTP status to answer with; what a 200 promises is on disk. Takes `within_s` seconds at most."""
        if not genuine(self._keys.key, self._keys.secret, headers, body):
            self._complaint.say("a webhook with a wrong signature was refused; is TIKTOK_APP_SECRET the app's?")
            return self._came_to("forged", 401)
        try:
            notification = read(body)
            hinted = _hints(notification)
        except BadShape as problem:
            log.warning("a signed webhook cannot be read: %s", problem)
            return self._came_to("malformed", 200)
        if not hinted:
            return self._came_to("ignored", 200)
        outcome = await self._store(notification, hinted, within_s)
        if outcome != "foreign":
            self._act(notification, outcome, hinted[0].kind)
        return self._came_to(outcome, 503 if outcome == "late" else 200)

    def routes(self) -> list[Route]:
        """Where TikTok finds it."""
        return [Route(PATH, self._answer, methods=["POST"])]

    async def _answer(self, request: Request) -> Response:
        begun_s = anyio.current_time()
        body = await read_body(request, BODY_MAX, ANSWER_WITHIN_S)
        left_s = ANSWER_WITHIN_S - (anyio.current_time() - begun_s)
        return Response(status_code=await self.receive(request.headers, body, within_s=left_s), headers=HEADERS)

    async def run(self) -> None:
        """Forever: ask TikTok about the grant when a delivery says that it is gone."""
        parts = self._daemon.parts
        while True:
            await self._doubt.wait()
            try:
                await parts.tiktok.authorized_shops()
            except ApiError as error:
                await note_failure(parts.engine.connections, error)
            else:
                log.info("TikTok still accepts the grant")
                await parts.engine.connections.accept("tiktok")
            await self._daemon.upkeep.watch_grant()

    async def _store(self, notification: Notification, hinted: list[Hint], within_s: float) -> str:
        parts, now_ms = self._daemon.parts, self._daemon.parts.clock.now_ms()
        wanted = parts.settings.tiktok_shop_id

        def work(tx: Tx) -> str:
            ours = wanted or str((facts.get(tx, "shop") or {}).get("id", ""))
            if ours and notification.shop_id and notification.shop_id != ours:
                return "foreign"
            fresh = [hint for hint in hinted if hints.add(tx, hint, now_ms)]
            if fresh and notification.topic == Topic.AUTHORIZATION_EXPIRING:
                expires_s = whole(notification.data, "expiration_time")
                notice = {"expires_at_ms": expires_s * 1000 if expires_s else None, "received_at_ms": now_ms}
                facts.put(tx, GRANT_FACT, notice, now_ms)
            return "stored" if fresh else "duplicate"

        with anyio.move_on_after(within_s):
            try:
                return await parts.database.write(work)
            except StoreError as error:
                log.error("a webhook cannot be stored: %s", error)
        return "late"

    def _act(self, notification: Notification, outcome: str, kind: str) -> None:
        self._daemon.hints.bell.ring(kind)
        if outcome == "duplicate":
            return
        if notification.topic == Topic.DEAUTHORIZED:
            log.warning("TikTok says that the seller took the grant back; asking")
            self._daemon.parts.tiktok.keeper.doubt()
            self._doubt.ring()
        elif notification.topic == Topic.AUTHORIZATION_EXPIRING:
            log.warning("TikTok says that the grant ends soon: run `tiktok-pipe17 connect` before it does")

    def _came_to(self, outcome: str, status: int) -> int:
        self._metrics.webhook("tiktok", outcome)
        return status


def _hints(notification: Notification) -> list[Hint]:
    """What to remember of a delivery, each under a key that every repeat of it has, too. Raises `BadShape`."""
    key = notification.key[:_KEY_CHARS_MAX]
    if notification.topic in (Topic.DEAUTHORIZED, Topic.AUTHORIZATION_EXPIRING):
        return [Hint(key, _GRANT, Topic(notification.topic).name.lower())]
    if notification.topic in _PRODUCT_TOPICS:
        if not _ID.fullmatch(notification.product_id):
            raise BadShape("data.product_id", "is missing or no id")
        return [Hint(key, PRODUCTS, notification.product_id)]
    if notification.topic not in _ORDER_TOPICS:
        return []
    if not notification.order_ids or not all(_ID.fullmatch(one) for one in notification.order_ids):
        raise BadShape("data.order_id", "is missing or no id")
    ids = notification.order_ids[:ORDERS_MAX]
    return [Hint(key if len(ids) == 1 else f"{key}:{order_id}", ORDERS, order_id) for order_id in ids]


class Registration:
    """Keeps our address registered for the events that the running flows want to hear of."""

    def __init__(self, tiktok: TikTok, public_url: str, flows: Collection[str]) -> None:
        self._tiktok = tiktok.at(Lane.STATEMENTS)
        self._address = f"{public_url}{PATH}"
        self._events = events_for(flows)
        self._failing = ""

    async def run(self) -> None:
        """Forever: once TikTok lets us in, then every hour, for somebody may have changed it."""
        while True:
            with anyio.move_on_after(REGISTER_EVERY.total_seconds()):
                while self._tiktok.keeper.state is not Access.AUTHORIZED:  # noqa: ASYNC110 (the keeper rings no bell)
                    await anyio.sleep(0.5)
            await self.once()
            await anyio.sleep(REGISTER_EVERY.total_seconds())

    async def once(self) -> bool:
        """Set what differs; False when TikTok refuses any of it. Polling goes on either way."""
        done: list[str] = []
        problem: ApiError | None = None
        try:
            registered = await self._tiktok.registrations.addresses()
            for event in self._events:
                if registered.get(event) != self._address:
                    problem = await self._set(event, done) or problem
        except ApiError as error:
            problem = error
        if done:
            log.info("webhooks registered at %s: %s", self._address, ", ".join(done))
        said = str(problem.verdict) if problem is not None else ""
        if problem is not None and self._failing != said:
            log.warning("webhooks cannot be registered, polling goes on without them: %s", problem)
        self._failing = said
        return problem is None

    async def _set(self, event: str, done: list[str]) -> ApiError | None:
        """Register one event; a refusal of this one is no reason to do without the others."""
        try:
            await self._tiktok.registrations.set(event, self._address)
        except ApiError as error:
            if not isinstance(error.verdict, Rejected):
                raise
            return error
        done.append(event)
        return None
