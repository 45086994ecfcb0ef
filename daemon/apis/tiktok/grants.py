"""The token host: trades a grant code or a refresh token for a `TokenPair`.

Both calls are unsigned GETs with the app secret in the query, so their URL is never shown. A failed refresh is turned
into its consequence for the call that needed the token: that call was never sent, so it is never `Unknown`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from daemon.apis.caller import Caller, unreadable
from daemon.apis.gate import again
from daemon.apis.http import Request
from daemon.apis.tiktok.assumptions import LOST_REFRESH_IS_TRIED_AGAIN, US_AUTHORIZE_PAGE
from daemon.apis.tiktok.operations import TOKEN_GET, TOKEN_PATHS, TOKEN_REFRESH
from daemon.apis.tiktok.signing import query
from daemon.clock import Clock
from daemon.core import reading
from daemon.core.lanes import Lane
from daemon.core.tokens import Secret, TokenPair
from daemon.core.verdicts import Reauth, Rejected, Retry, Unknown
from daemon.errors import ApiError

CALL_TIMEOUT_S = 12.0
"""Shorter than the daemon may take to stop: a refresh is not cancelled, because its answer may be the only copy."""
WORLD_AUTHORIZE_PAGE = "https://services.tiktokshop.com/open/authorize"


@dataclass(frozen=True, slots=True)
class App:
    """The app as registered in Partner Center, and where its hosts are."""

    key: str
    secret: Secret
    service_id: str = ""
    api_url: str = "https://open-api.tiktokglobalshop.com"
    auth_url: str = "https://auth.tiktok-shops.com"
    authorize_url: str = ""
    shop_id: str = ""
    first_refresh_token: Secret = field(default_factory=lambda: Secret(""))

    def authorize_link(self, state: str, market: str = "") -> str:
        """Where the owner grants access; `state` comes back beside the code. `market` is a region code, "" unknown."""
        page = self.authorize_url or (US_AUTHORIZE_PAGE.value if market.upper() == "US" else WORLD_AUTHORIZE_PAGE)
        return f"{page}?{urlencode({'service_id': self.service_id, 'state': state})}"


class TokenHost:
    """Asks TikTok for pairs; keeps nothing."""

    def __init__(self, app: App, caller: Caller, clock: Clock) -> None:
        self._app = app
        self._caller = caller
        self._clock = clock

    async def exchange(self, auth_code: str) -> TokenPair:
        """The pair for the code of a fresh grant: single use, 30 minutes. Raises `ApiError`."""
        return await self._ask(TOKEN_GET, "auth_code", auth_code, "authorized_code")

    async def refresh(self, token: Secret) -> TokenPair:
        """A new pair; raises `ApiError`: `Reauth` when the token is refused, `Retry` when nobody could be asked."""
        text = token.get_secret_value()
        try:
            return await self._ask(TOKEN_REFRESH, "refresh_token", text, "refresh_token")
        except ApiError as error:
            if not (isinstance(error.verdict, Unknown) and LOST_REFRESH_IS_TRIED_AGAIN.value):
                raise _for_the_needy(error) from None
        try:
            return await self._ask(TOKEN_REFRESH, "refresh_token", text, "refresh_token")
        except ApiError as error:
            raise _for_the_needy(error) from None

    async def _ask(self, operation: str, name: str, credential: str, grant_type: str) -> TokenPair:
        app = self._app
        params = {
            "app_key": app.key,
            "app_secret": app.secret.get_secret_value(),
            name: credential,
            "grant_type": grant_type,
        }
        request = Request(
            "GET",
            f"{app.auth_url}{TOKEN_PATHS[operation]}?{query(params)}",
            {"accept": "application/json"},
            timeout_s=CALL_TIMEOUT_S,
        )
        answer = await self._caller.call(
            operation, lane=Lane.FULFILLMENTS, write=True, build=lambda: request, secrets=(credential,)
        )
        try:
            return read_pair(answer.get("data"), self._clock.now_ms())
        except reading.BadShape as shape:
            raise self._caller.error(operation, unreadable(True), str(shape)) from None


def read_pair(data: Any, now_ms: int) -> TokenPair:
    """The pair in the `data` of a token answer; raises `BadShape`, which names a member and never its value."""
    raw = reading.record(data, "data")
    access_ms = reading.seconds_as_ms(raw, "access_token_expire_in")
    refresh_ms = reading.seconds_as_ms(raw, "refresh_token_expire_in")
    if access_ms is None or refresh_ms is None:
        raise reading.BadShape("access_token_expire_in" if access_ms is None else "refresh_token_expire_in", "missing")
    scopes = raw.get("granted_scopes")
    return TokenPair(
        access_token=Secret(reading.required_text(raw, "access_token")),
        access_expires_at_ms=access_ms,
        refresh_token=Secret(reading.required_text(raw, "refresh_token")),
        refresh_expires_at_ms=refresh_ms,
        open_id=reading.text(raw, "open_id"),
        scopes=tuple(scope for scope in scopes if isinstance(scope, str)) if isinstance(scopes, list) else (),
        seller_name=reading.text(raw, "seller_name"),
        region=reading.text(raw, "seller_base_region"),
        obtained_at_ms=now_ms,
    )


def _for_the_needy(error: ApiError) -> ApiError:
    """The same failure, with the verdict for the call that waits for the token."""
    verdict = error.verdict
    changed = again(error)
    if isinstance(verdict, Unknown):
        changed.verdict = Retry(verdict.code)
    elif isinstance(verdict, Rejected) or (isinstance(verdict, Retry) and verdict.tries is not None and error.code):
        # Any business code of the token host that is not its own trouble is a refusal of the token: which codes a
        # dead refresh token gets is nowhere written.
        changed.verdict = Reauth("expired")
    return changed
