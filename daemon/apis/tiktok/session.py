"""A call to TikTok with everything that belongs to it: gate, token, cipher, signature, and the cures.

Some refusals are no news for the caller because we know the cure: an expired token is renewed, a stale cipher read
again, a wrong timestamp signed again after the clock was set, a retired version replaced by the next one. All of these
are refused before TikTok looks at the request, so writes are repeated too. Each cure is tried once in a call; what is
still refused then is raised, and a refused grant closes the gate.

The JSON of a body is made once; the same bytes are signed and sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from daemon.apis.caller import TIMESTAMP_REFUSED, Caller, Judgement, unreadable
from daemon.apis.gate import EVERYTHING, Gate
from daemon.apis.http import Request
from daemon.apis.tiktok.auth import TokenKeeper
from daemon.apis.tiktok.grants import App
from daemon.apis.tiktok.operations import OPERATIONS, Operation
from daemon.apis.tiktok.shops import Shop, ShopChoice, read_shops
from daemon.apis.tiktok.signing import signed_url
from daemon.clock import Clock
from daemon.core import jsontext
from daemon.core.lanes import Lane
from daemon.core.reading import BadShape, records
from daemon.core.tiktok_errors import tiktok_verdict
from daemon.core.tokens import Secret
from daemon.core.verdicts import Reauth, Rejected, Retry
from daemon.errors import ApiError

SYSTEM = "tiktok"
CALL_TIMEOUT_S = 30.0
_NONE: Mapping[str, str] = {}

BodyOf = Callable[[int], Any]
"""The body for a version of an operation, by its place in `Operation.paths`."""


def judge(operation: str, write: bool, status: int, body: Any, wait: timedelta | None) -> Judgement:
    """TikTok's envelope: `{code, message, request_id, data}`; only code 0 under a good status is a success."""
    code, message, request_id = None, "", ""
    if isinstance(body, dict):
        code = _code(body.get("code"))
        message = _text(body.get("message"))
        request_id = _text(body.get("request_id"))
    if code == 0 and status < 400:
        return Judgement(None, "0", message, request_id)
    failure = tiktok_verdict(
        operation=operation, write=write, status=status, code=code, message=message, retry_after=wait
    )
    return Judgement(failure, "" if code is None else str(code), message, request_id)


class Session:
    """What all lanes of the client share."""

    def __init__(self, *, app: App, caller: Caller, keeper: TokenKeeper, gate: Gate, clock: Clock) -> None:
        self.keeper = keeper
        self.caller = caller
        self.shops = ShopChoice(app.shop_id)
        self._app = app
        self._gate = gate
        self._clock = clock
        self._versions: dict[str, int] = {}

    async def call(
        self,
        name: str,
        lane: Lane,
        *,
        ids: Mapping[str, str] = _NONE,
        params: Mapping[str, str] = _NONE,
        body: BodyOf | None = None,
    ) -> Any:
        """`data` of a successful answer. `ids` fill the path, `params` the query; raises `ApiError`."""
        operation = OPERATIONS[name]
        if self._gate.enter(operation.scope, name):
            await self.keeper.load()
        return await self._inside(operation, lane, ids, params, body)

    def misshapen(self, name: str, shape: BadShape) -> ApiError:
        """What to raise for an answer that says success and lacks what a success must have."""
        return self.caller.error(name, unreadable(OPERATIONS[name].write), str(shape))

    async def _inside(
        self,
        operation: Operation,
        lane: Lane,
        ids: Mapping[str, str] = _NONE,
        params: Mapping[str, str] = _NONE,
        body: BodyOf | None = None,
    ) -> Any:
        """The call behind the gate, with its cures."""
        name = operation.name
        cured: set[str] = set()
        while True:
            token: Secret | None = None
            try:
                token = await self.keeper.token()
                shop = await self._shop(lane) if operation.cipher else None
                data = await self._once(operation, lane, token, shop, ids, params, body)
            except ApiError as error:
                cure = _cure(error) if error.operation == name else None
                if cure is not None and cure not in cured and await self._apply(cure, error, operation, token):
                    cured.add(cure)
                    continue
                if error.operation == name:
                    self._gate.refused(error, operation.scope)
                raise
            self._gate.accepted(operation.scope)
            self.keeper.succeeded()
            return data

    async def read_shops(self, lane: Lane) -> tuple[Shop, ...]:
        """Every shop the grant covers."""
        return self._granted(await self.call("shops.list", lane))

    async def shop(self, lane: Lane) -> Shop:
        """The shop we serve; raises `ApiError` when the grant does not say which."""
        if self._gate.enter(EVERYTHING, "shops.list"):
            await self.keeper.load()
        return await self._shop(lane)

    async def _shop(self, lane: Lane) -> Shop:
        shops = self.shops
        if shops.current is not None and shops.generation == self.keeper.generation:
            return shops.current
        async with shops.lock:
            if shops.current is None or shops.generation != self.keeper.generation:
                try:
                    granted = self._granted(await self._inside(OPERATIONS["shops.list"], lane))
                    problem = shops.choose(granted, self.keeper.generation)
                    if problem:
                        raise self.caller.error("shops.list", Reauth("scope"), problem)
                except ApiError as error:
                    # Without a shop nothing can be called: a refusal here is one of everything, and never the
                    # fault of the row that happened to need the shop first.
                    if isinstance(error.verdict, Rejected):
                        error.verdict = Retry(error.verdict.code)
                    self._gate.refused(error, EVERYTHING)
                    raise
            return shops.chosen()

    def _granted(self, data: Any) -> tuple[Shop, ...]:
        try:
            return read_shops(data)
        except BadShape as shape:
            raise self.caller.error("shops.list", Retry("shape"), str(shape)) from None

    async def _once(
        self,
        operation: Operation,
        lane: Lane,
        token: Secret,
        shop: Shop | None,
        ids: Mapping[str, str],
        params: Mapping[str, str],
        body: BodyOf | None,
    ) -> Any:
        version = self._versions.get(operation.name, 0)
        path = operation.paths[version].format_map({key: quote(value, safe="") for key, value in ids.items()})
        query = params if shop is None else {**params, "shop_cipher": shop.cipher}
        document = None if body is None else body(version)
        payload = None if body is None else jsontext.dumps(document).encode()
        app = self._app

        def build() -> Request:
            url = signed_url(
                app.api_url,
                path,
                query,
                payload,
                app_key=app.key,
                secret=app.secret.get_secret_value(),
                timestamp_s=self._clock.now_ms() // 1000,
            )
            headers = {"x-tts-access-token": token.get_secret_value(), "content-type": "application/json"}
            return Request(operation.method, url, headers, payload, CALL_TIMEOUT_S)

        answer = await self.caller.call(operation.name, lane=lane, write=operation.write, build=build, sent=document)
        return answer.get("data")

    async def _apply(self, cure: str, error: ApiError, operation: Operation, token: Secret | None) -> bool:
        """Do what helps; False when there is nothing left to do."""
        if cure == "token":
            if token is not None:
                await self.keeper.renew(token, revoked=error.verdict == Reauth("revoked"))
            return token is not None
        if cure == "cipher":
            self.shops.forget()
        if cure == "version":
            version = self._versions.get(operation.name, 0) + 1
            if version >= len(operation.paths):
                return False
            self._versions[operation.name] = version
        return True


def objects(data: Mapping[str, Any], member: str) -> list[dict[str, Any]]:
    """The records of a list member; raises `BadShape`."""
    return [dict(row) for row in records(data, member)]


def _cure(error: ApiError) -> str | None:
    verdict = error.verdict
    if isinstance(verdict, Reauth) and verdict.code in ("expired", "revoked"):
        return "token"
    if isinstance(verdict, Retry) and verdict.code in ("cipher", TIMESTAMP_REFUSED):
        return verdict.code
    if isinstance(verdict, Rejected) and verdict.code == "endpoint_gone":
        return "version"
    return None


def _code(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        return int(value)
    return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
