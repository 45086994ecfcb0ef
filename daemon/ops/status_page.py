"""The status page: one HTML document, made on the server, that needs no script and loads nothing.

It shows what `status`, `exceptions` and `backlog` show, for a person with a browser or a telephone: is it well, what
waits and why, what needs a person and what that person does. Every text goes through `escape`; nothing can be changed
here.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from daemon.ops.cli import times
from daemon.ops.cli.state import guard_text, resync_text
from daemon.ops.stock_locations import left_out_text
from daemon.ops.web import HEADERS, Site
from daemon.ops.web_api import open_exceptions, whole_status
from daemon.store import reports

REFRESH_S = 30
_PART_NAMES = {"order": "Order", "product": "Product", "sku": "SKU"}
ROWS_MAX = 50
STATES = ("held", "ready", "sending", "unknown", "dead")

_STYLE = """
:root{color-scheme:light dark;--line:#8886;--bad:#b3261e;--good:#1b6e3c}
@media(prefers-color-scheme:dark){:root{--bad:#ff8a80;--good:#7bd88f}}
body{font:16px/1.45 system-ui,sans-serif;margin:0 auto;max-width:72rem;padding:1rem}
h1{font-size:1.4rem;margin:.2rem 0}h2{font-size:1.15rem;margin:1.6rem 0 .4rem}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{border-bottom:1px solid var(--line);padding:.35rem .6rem .35rem 0;text-align:left;vertical-align:top}
td.n,th.n{text-align:right}dl{display:grid;gap:.2rem .8rem;grid-template-columns:max-content 1fr;margin:0}
dt{opacity:.75}dd{margin:0;overflow-wrap:anywhere}.bad{color:var(--bad)}.good{color:var(--good)}
article{border:1px solid var(--line);border-radius:.4rem;margin:.6rem 0;padding:.6rem .8rem}
article h3{font-size:1rem;margin:0 0 .3rem;overflow-wrap:anywhere}footer{margin-top:2rem;opacity:.75}
"""
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
PAGE_HEADERS = HEADERS | {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
}


class StatusPage:
    """`GET /`."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Where it is found."""
        return [Route("/", self.page, methods=["GET"])]

    async def page(self, request: Request) -> Response:
        status = await whole_status(self._site)
        exceptions = await open_exceptions(self._site, ROWS_MAX)
        backlog = await reports.backlog(self._site.reader, ROWS_MAX)
        return HTMLResponse(render(status, exceptions, backlog), headers=PAGE_HEADERS)


def render(status: dict[str, Any], exceptions: list[dict[str, Any]], backlog: list[dict[str, Any]]) -> str:
    """The page, from what the API says."""
    now_ms = status["now_ms"]
    shop = status["shop"].get("name", "")
    title = f"tiktok-pipe17{f' · {shop}' if shop else ''}"
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="refresh" content="{REFRESH_S}">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<header><h1>{escape(title)}</h1>{_state(status)}</header><main>",
            _connections(status, now_ms),
            _flows(status, now_ms),
            _exceptions(status, exceptions, now_ms),
            _backlog(backlog, now_ms),
            f"</main><footer>Version {escape(status['version'])} · {times.instant(now_ms)} · "
            '<a href="/metrics">metrics</a> · <a href="/api/status">status as JSON</a></footer>',
            "</body></html>",
        )
    )


def _state(status: dict[str, Any]) -> str:
    if status["ready"]:
        return '<p class="good">Ready.</p>'
    return f'<p class="bad">Not ready: {escape("; ".join(status["reasons"]))}</p>'


def _connections(status: dict[str, Any], now_ms: int) -> str:
    grant = status["authorization"]
    pairs = [(name, _connection(status["connections"].get(system), now_ms)) for name, system in _SYSTEMS]
    grant_text = f"{grant['state']}, {times.end_of_grant(grant.get('refresh_expires_at_ms'), now_ms)}"
    pairs.insert(1, ("Authorization", grant_text))
    if grant.get("missing_scopes"):
        pairs.insert(2, ("Missing scopes", ", ".join(grant["missing_scopes"])))
    pairs.append(("Orders on hold", str(status["orders_on_hold"])))
    if status["paused"]:
        pairs.append(("Paused by a person", ", ".join(status["paused"])))
    backfill = status["backfill"]
    if backfill:
        text = f"{backfill['state']}, {backfill['percent']} %, {backfill['read']} orders read {backfill['problem']}"
        pairs.append(("Backfill", text.strip()))
    pairs.append(("Inventory guard", guard_text(status["inventory_guard"])))
    pairs.append(("Stock", left_out_text(status["stock_locations"], now_ms)))
    pairs.append(("Resync", resync_text(status["resync"])))
    return f'<section aria-labelledby="sides"><h2 id="sides">Connections</h2>{_pairs(pairs)}</section>'


_SYSTEMS = (("TikTok Shop", "tiktok"), ("Pipe17", "pipe17"))


def _connection(known: dict[str, Any] | None, now_ms: int) -> str:
    if not known:
        return "not called yet"
    return " ".join(part for part in (known["state"], times.since(known["since_ms"], now_ms), known["text"]) if part)


def _flows(status: dict[str, Any], now_ms: int) -> str:
    head = ("Flow", "Read", *(state.capitalize() for state in STATES), "Oldest", "Deadline", "Done", "Problem")
    rows = []
    for flow, one in status["flows"].items():
        oldest = times.span(max(one["oldest_ms"].values())) if one["oldest_ms"] else ""
        read = "" if one["last_success_at_ms"] is None else times.ago(one["last_success_at_ms"], now_ms)
        counts = [str(one["backlog"].get(state, 0)) for state in STATES]
        deadline = times.due(one["nearest_deadline_at_ms"], now_ms)
        rows.append((flow, read, *counts, oldest, deadline, str(one["done"]), one["problem"]))
    table = _table(head, rows, numbers=(2, 3, 4, 5, 6, 9)) if rows else "<p>No flow runs.</p>"
    return f'<section aria-labelledby="flows"><h2 id="flows">Flows</h2>{table}</section>'


def _exceptions(status: dict[str, Any], exceptions: list[dict[str, Any]], now_ms: int) -> str:
    total = sum(one["open"] for one in status["exceptions"])
    parts = [f'<section aria-labelledby="exceptions"><h2 id="exceptions">Exceptions ({total})</h2>']
    if not exceptions:
        parts.append("<p>Nothing needs a person.</p>")
    for row in exceptions:
        repeated = f", seen {row['times']} times" if row["times"] > 1 else ""
        pairs = [
            ("What", row["detail"]),
            ("Meaning", row["meaning"]),
            ("Since", f"{times.instant(row['opened_at_ms'])}, {times.ago(row['opened_at_ms'], now_ms)}{repeated}"),
            ("Cure", row["cure"]),
            ("Next attempt", _next(row["state"], row["next_attempt_at_ms"], now_ms)),
            ("Deadline", times.due(row["deadline_at_ms"], now_ms)),
        ]
        pairs = [*((_PART_NAMES[name], row[name]) for name in reports.PART_OF if row.get(name)), *pairs]
        head = " · ".join((row["flow"], row["key"], row["code"]))
        parts.append(f"<article><h3>{escape(head)}</h3>{_pairs(pairs)}</article>")
    if total > len(exceptions):
        parts.append(f"<p>The oldest {len(exceptions)} of {total}; the command <code>exceptions</code> lists all.</p>")
    return "".join(parts) + "</section>"


def _backlog(backlog: list[dict[str, Any]], now_ms: int) -> str:
    head = ("Flow", "Record", "State", "Waits", "Next attempt", "Deadline", "Why")
    rows = [
        (
            row["flow"],
            " ".join(part for part in (row["key"], row.get("sku")) if part),
            row["state"],
            times.span(now_ms - row["changed_at_ms"]),
            _next(row["state"], row["due_at_ms"], now_ms),
            times.due(row["deadline_at_ms"], now_ms),
            row["reason"],
        )
        for row in backlog
    ]
    table = _table(head, rows) if rows else "<p>Nothing is owed.</p>"
    more = f"<p>The first {ROWS_MAX}; the command <code>backlog</code> lists all.</p>" if len(rows) == ROWS_MAX else ""
    return f'<section aria-labelledby="backlog"><h2 id="backlog">Backlog</h2>{table}{more}</section>'


def _next(state: str | None, due_at_ms: int | None, now_ms: int) -> str:
    """When something is tried again, in words."""
    if state in (None, "dead", "done", "dropped"):
        return "when a person acts, or the record changes"
    return "under way" if state == "sending" else times.next_try(due_at_ms, now_ms)


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(text)}</dd>' for name, text in pairs if text)}</dl>"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], numbers: tuple[int, ...] = ()) -> str:
    def cells(tag: str, texts: Iterable[str]) -> str:
        marks = (' class="n"' if at in numbers else "" for at, _ in enumerate(head))
        scope = ' scope="col"' if tag == "th" else ""
        return "".join(f"<{tag}{scope}{mark}>{escape(text)}</{tag}>" for mark, text in zip(marks, texts, strict=True))

    head = tuple(head)
    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{cells("th", head)}</tr></thead><tbody>{body}</tbody></table></div>'
