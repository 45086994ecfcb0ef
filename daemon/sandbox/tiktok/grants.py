"""What the shop's owner has granted to the app: authorization codes, token pairs, the authorize page.

A code is used once and lives 30 minutes. An access token lives seven days; both expiries are *absolute* seconds, the
refresh token's usually lies in the next century. With `rotate_refresh` a refresh kills the refresh token it used at
once, so a lost answer costs the grant, as the contract says a client must fear (14 #1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from random import Random
from typing import Any
from urllib.parse import urlencode

from daemon.sandbox.tiktok.options import ALL_SCOPES, MINUTE_MS, TikTokOptions
from daemon.sandbox.tiktok.shapes import Ask, Refused
from daemon.sandbox.wire import Call, Reply

CODE_MS = 30 * MINUTE_MS
FAR_FUTURE_S = 4_890_000_000
"""The end of an unlimited grant, as live answers have it: beyond 32 bits."""

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Authorize</title></head><body>
<h1>{shop}</h1><p>The app asks for access to this shop.</p>
<p><a id="approve" href="{approve}">Authorize</a> <a id="deny" href="{deny}">Deny</a></p></body></html>"""


@dataclass(slots=True)
class Grant:
    """One act of granting. `alive` ends with a revocation; its tokens go with it."""

    number: int
    scopes: tuple[str, ...]
    ends_s: int
    alive: bool = True


@dataclass(slots=True)
class Grants:
    """The tokens of one app and shop. Token texts are counted, so a run is the same every time."""

    options: TikTokOptions
    rng: Random
    codes: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    access: dict[str, tuple[Grant, int]] = field(default_factory=dict)
    """Access token to its grant and the instant it expires."""
    refresh: dict[str, Grant] = field(default_factory=dict)
    refreshes: int = 0
    """How often a refresh succeeded."""
    _numbers: int = 0

    def issue_code(self, now_ms: int, scopes: tuple[str, ...] = ALL_SCOPES) -> str:
        """The owner approves: a fresh authorization code."""
        code = f"SIMCODE_{self._number():04d}_{self.rng.getrandbits(48):012x}"
        self.codes[code] = (now_ms + CODE_MS, scopes)
        return code

    def issue_pair(self, now_ms: int, scopes: tuple[str, ...] = ALL_SCOPES) -> dict[str, Any]:
        """A grant with its first token pair, as the token endpoint would answer it."""
        ends_s = FAR_FUTURE_S if self.options.grant_ms is None else (now_ms + self.options.grant_ms) // 1000
        return self._pair(Grant(self._number(), scopes, ends_s), now_ms, None)

    def revoke(self) -> None:
        """The owner disconnects the app: every token is dead."""
        for grant, _ in self.access.values():
            grant.alive = False
        for grant in self.refresh.values():
            grant.alive = False

    def expire_access(self) -> None:
        """Every access token handed out so far has expired."""
        self.access = {token: (grant, 0) for token, (grant, _) in self.access.items()}

    def check(self, token: str | None, now_ms: int) -> Grant:
        """The grant behind an `x-tts-access-token`; raises `Refused`."""
        if not token:
            raise Refused(36009004, "Invalid credentials: 'x-tts-access-token' header", 400)
        held = self.access.get(token)
        if held is None or not held[0].alive or held[0].ends_s * 1000 <= now_ms:
            raise Refused(105001, "Invalid access token", 401)
        if held[1] <= now_ms:
            raise Refused(105002, "Expired credentials", 401)
        return held[0]

    def token_get(self, call: Call, now_ms: int) -> dict[str, Any]:
        """`GET /api/v2/token/get`: a code for a pair."""
        self._check_app(call, "authorized_code")
        code = self.codes.pop(call.param("auth_code") or "", None)
        if code is None or code[0] < now_ms:
            raise Refused(36004004, "invalid auth code")
        return self.issue_pair(now_ms, code[1])

    def token_refresh(self, call: Call, now_ms: int) -> dict[str, Any]:
        """`GET /api/v2/token/refresh`: a refresh token for a pair."""
        self._check_app(call, "refresh_token")
        token = call.param("refresh_token") or ""
        grant = self.refresh.get(token)
        if grant is None or not grant.alive or grant.ends_s * 1000 <= now_ms:
            raise Refused(36004004, "invalid refresh token")
        self.refreshes += 1
        if self.options.rotate_refresh:
            del self.refresh[token]
            return self._pair(grant, now_ms, None)
        return self._pair(grant, now_ms, token)

    def shops(self, ask: Ask) -> dict[str, Any]:
        """`GET /authorization/202309/shops`: the one shop that every grant here is for."""
        shop = {
            "id": self.options.shop_id,
            "name": self.options.shop_name,
            "region": self.options.region,
            "seller_type": self.options.seller_type,
            "cipher": self.options.shop_cipher,
            "code": self.options.shop_code,
        }
        return {"shops": [shop]}

    def authorize(self, call: Call, now_ms: int) -> Reply:
        """The authorize page: two links, or at once a redirect with the code."""
        if call.param("service_id") != self.options.service_id and call.param("app_key") != self.options.app_key:
            return Reply(404, b"no such app", {"content-type": "text/plain"})
        state = call.param("state")
        answer = call.param("answer") or ("approve" if self.options.auto_approve else "")
        if answer == "approve":
            back = {"code": self.issue_code(now_ms), "app_key": self.options.app_key, "locale": "en"}
            back["shop_region"] = self.options.region
        elif answer == "deny":
            back = {"code": "null", "error": "auth_denied"}
        else:
            here = f"{call.path}?{urlencode(call.query)}&answer="
            page = PAGE.format(
                shop=escape(self.options.shop_name), approve=escape(here + "approve"), deny=escape(here + "deny")
            )
            return Reply(200, page.encode(), {"content-type": "text/html; charset=utf-8"})
        if state is not None:
            back["state"] = state
        return Reply(302, b"", {"location": f"{self.options.redirect_url}?{urlencode(back)}"})

    def _check_app(self, call: Call, grant_type: str) -> None:
        if call.param("app_key") != self.options.app_key or call.param("app_secret") != self.options.app_secret:
            raise Refused(36009004, "Invalid credentials: 'app_key' query parameter", 400)
        if call.param("grant_type") != grant_type:
            raise Refused(36009004, "Invalid value: 'grant_type'", 400)

    def _pair(self, grant: Grant, now_ms: int, refresh: str | None) -> dict[str, Any]:
        number = self._number()
        access = f"ROW_sim-access-{number:04d}-{self.rng.getrandbits(64):016x}"
        refresh = refresh or f"ROW_sim-refresh-{number:04d}-{self.rng.getrandbits(64):016x}"
        expires_ms = now_ms + self.options.access_token_ms
        self.access[access] = (grant, expires_ms)
        self.refresh[refresh] = grant
        return {
            "access_token": access,
            "access_token_expire_in": expires_ms // 1000,
            "refresh_token": refresh,
            "refresh_token_expire_in": grant.ends_s,
            "open_id": "simOpenId0001",
            "seller_name": "Sim Seller",
            "seller_base_region": self.options.region,
            "user_type": 0,
            "granted_scopes": list(grant.scopes),
        }

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers
