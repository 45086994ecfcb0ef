"""What the clients are tested against: a scripted transport, a clock on the loop's time, and memories in memory.

`virtual` runs a coroutine under a loop whose time jumps to the next timer instead of waiting, so a test may sleep for
an hour and still takes a millisecond.
"""

import asyncio
import functools
import inspect
import json
import random
import selectors
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from daemon.apis.http import Request, Response, TransportError
from daemon.apis.pacing import Closure, Pacer
from daemon.apis.tiktok.client import TikTok
from daemon.apis.tiktok.grants import App
from daemon.core.tokens import Secret, TokenPair

START_MS = 1_767_225_600_000
DAY_MS = 86_400_000
FAR_MS = 4_903_858_076_000  # the year 2125

APP_SECRET = "canary-app-secret-5f1e"
ACCESS = "ROW_canary-access"
REFRESH = "ROW_canary-refresh"
API_KEY = "canaryc0ffee00112233445566778899"
CIPHER = "ROW_c2ltLXNob3AtMQ"


class _JumpSelector(selectors.DefaultSelector):
    def __init__(self):
        super().__init__()
        self.now_s = 1_000.0

    def select(self, timeout=None):
        if timeout is not None and timeout > 0:
            self.now_s += timeout
        return super().select(0)


class _JumpLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self._jumping = _JumpSelector()
        super().__init__(self._jumping)

    def time(self):
        return self._jumping.now_s


def virtual(test):
    """Run an `async def` test in virtual time."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        with asyncio.Runner(loop_factory=_JumpLoop) as runner:
            runner.run(asyncio.wait_for(test(*args, **kwargs), 10 * 365 * 86_400))

    run.__signature__ = inspect.signature(test)
    return run


class LoopClock:
    """`host_ahead_ms` makes the host's clock wrong; `correct` works as in the daemon."""

    def __init__(self, host_ahead_ms=0):
        self.host_ahead_ms = host_ahead_ms
        self.offset_ms = 0
        self.corrections = []

    def monotonic(self):
        return asyncio.get_running_loop().time()

    def true_ms(self):
        return START_MS + round((self.monotonic() - 1_000.0) * 1000)

    def now_ms(self):
        return self.true_ms() + self.host_ahead_ms + self.offset_ms

    def correct(self, offset_ms):
        self.corrections.append(offset_ms)
        self.offset_ms = offset_ms


@dataclass
class Seen:
    """A request as the other side reads it."""

    method: str
    path: str
    query: dict
    headers: dict
    body: bytes | None
    url: str
    at_s: float

    @property
    def json(self):
        return json.loads(self.body)


def answer(document, status=200, **headers):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Response(status, {key.replace("_", "-"): value for key, value in headers.items()}, body)


def ok(data=None, **headers):
    return answer({"code": 0, "message": "Success", "request_id": "2026010100", "data": data}, **headers)


def no(code, message="", status=200, **headers):
    return answer({"code": code, "message": message, "request_id": "20260101AB", "data": None}, status, **headers)


class Wire:
    """A transport that asks `routes[path]` (or `script`, in order) for each answer.

    A route is a `Response`, an exception, a list of these (the last one repeats), or a function of `Seen`.
    """

    def __init__(self, routes=None):
        self.routes = dict(routes or {})
        self.seen = []
        self.delay_s = 0.0

    async def send(self, request: Request) -> Response:
        parts = urlsplit(request.url)
        seen = Seen(
            request.method,
            parts.path,
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            dict(request.headers),
            request.body,
            request.url,
            asyncio.get_running_loop().time(),
        )
        self.seen.append(seen)
        route = self.routes[parts.path]
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if isinstance(route, list):
            route = route.pop(0) if len(route) > 1 else route[0]
        if callable(route):
            route = route(seen)
        if inspect.isawaitable(route):
            route = await route
        if isinstance(route, Exception):
            raise route
        return route

    async def aclose(self):
        pass

    def calls(self, path):
        return [seen for seen in self.seen if seen.path == path]


LOST = TransportError("reset", sent=True)
UNREACHABLE = TransportError("connect", sent=False)


@dataclass
class Counted:
    finished: list = field(default_factory=list)
    limited: list = field(default_factory=list)
    waits: list = field(default_factory=list)

    def call_finished(self, system, operation, outcome, seconds):
        self.finished.append((operation, outcome))

    def rate_limited(self, system, operation):
        self.limited.append(operation)

    def waited(self, system, operation, seconds):
        self.waits.append((operation, seconds))


class Throttles:
    def __init__(self, *closures: Closure):
        self.kept = {(closure.system, closure.operation): closure for closure in closures}
        self.saves = 0

    async def load(self):
        return list(self.kept.values())

    async def save(self, system, operation, until_ms, strikes):
        self.saves += 1
        self.kept[system, operation] = Closure(system, operation, until_ms, strikes)


class Tokens:
    """The store's side of the grant; `log` shows when a pair was saved, `failing` makes the disk full."""

    def __init__(self, pair=None):
        self.pair = pair
        self.before = None
        self.saved = []
        self.failing = False

    async def load(self):
        await asyncio.sleep(0)
        return self.pair

    async def save(self, pair):
        await asyncio.sleep(0)
        if self.failing:
            raise OSError("no space left on device")
        self.before, self.pair = self.pair, pair
        self.saved.append(pair)

    async def previous(self):
        return self.before


def pair(number=1, *, life_ms=7 * DAY_MS, obtained_ms=START_MS, refresh_ms=FAR_MS):
    return TokenPair(
        access_token=Secret(f"{ACCESS}-{number}"),
        access_expires_at_ms=obtained_ms + life_ms,
        refresh_token=Secret(f"{REFRESH}-{number}"),
        refresh_expires_at_ms=refresh_ms,
        open_id="open-1",
        scopes=("seller.order.info",),
        seller_name="Sim Seller",
        region="US",
        obtained_at_ms=obtained_ms,
    )


def token_answer(number, now_ms=START_MS, *, life_ms=7 * DAY_MS, refresh_ms=FAR_MS, refresh=None):
    return answer(
        {
            "code": 0,
            "message": "success",
            "request_id": "2026010100",
            "data": {
                "access_token": f"{ACCESS}-{number}",
                "access_token_expire_in": (now_ms + life_ms) // 1000,
                "refresh_token": refresh or f"{REFRESH}-{number}",
                "refresh_token_expire_in": refresh_ms // 1000,
                "open_id": "open-1",
                "seller_name": "Sim Seller",
                "seller_base_region": "US",
                "user_type": 0,
                "granted_scopes": ["seller.order.info"],
            },
        }
    )


def shop(number=1, cipher=CIPHER):
    return {
        "id": f"749500000000000000{number}",
        "name": "Sim Shop US",
        "region": "US",
        "seller_type": "LOCAL",
        "cipher": cipher,
        "code": "USSIM00001",
    }


SHOPS = "/authorization/202309/shops"
SEARCH = "/order/202309/orders/search"
DETAIL = "/order/202507/orders"
REFRESHING = "/api/v2/token/refresh"
TRADING = "/api/v2/token/get"


@dataclass
class Rig:
    tiktok: TikTok
    wire: Wire
    clock: LoopClock
    tokens: Tokens
    counted: Counted
    throttles: Throttles
    pacer: Pacer


def tiktok_rig(routes=None, *, stored=None, clock=None, per_second=1_000.0, **app):
    wire = Wire({SHOPS: ok({"shops": [shop()]}), SEARCH: ok({"orders": []}), **(routes or {})})
    clock, counted, throttles = clock or LoopClock(), Counted(), Throttles()
    tokens = Tokens(pair() if stored is None else stored or None)
    pacer = Pacer(clock=clock, rng=random.Random(1), observer=counted, memory=throttles)
    pacer.budget("tiktok", per_second=per_second, shared=False)
    client = TikTok.connect(
        App(
            key="simappkey01",
            secret=Secret(APP_SECRET),
            service_id="7300000000000000000",
            api_url="https://api.tiktok.test",
            auth_url="https://auth.tiktok.test",
            **app,
        ),
        transport=wire,
        pacer=pacer,
        clock=clock,
        observer=counted,
        memory=tokens,
    )
    return Rig(client, wire, clock, tokens, counted, throttles, pacer)


async def search(rig):
    return await rig.tiktok.search_orders(update_time_ge=1_767_139_200, update_time_lt=None)
