"""The log: one line for one event, JSON for machines, plain text on a terminal, standard library only.

    {"ts": "2026-01-31T08:00:00.000Z", "level": "info", "logger": "daemon.flows.pull_orders", "event": "order created",
     "order_id": "576461413038785752"}

Every room logs with `logging.getLogger(__name__)`; the message is a short fixed event and the data goes into `extra`,
whose members become fields. Lines go to stderr, bounded in length, with every text passed through the `Redactor`.

A traceback shows where, and the type of each error, but the *message* only of our own errors and of a few from the
standard library whose texts are known: a foreign message may carry a request or a body. Locals and source lines are
never shown. Libraries that log URLs and headers (httpx) are kept to warnings, whatever the level.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import PurePath
from types import TracebackType
from typing import Any, TextIO

from daemon.errors import ConnectorError
from daemon.ops.redact import HIDDEN, Redactor

EVENT_CHARS_MAX = 1_000
VALUE_CHARS_MAX = 500
CUT_CHARS_MAX = 200
"""What is left of each text when a line as a whole is too long."""
FIELDS_MAX = 40
ITEMS_MAX = 50
LINE_CHARS_MAX = 8_192
FRAMES_MAX = 20
ERRORS_MAX = 12

_RECORD_MEMBERS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_OWN_FIELDS = ("ts", "level", "logger", "event", "error", "truncated")
_QUIET = ("httpx", "httpcore", "apscheduler", "uvicorn.access", "aiosqlite", "asyncio")


def configure(level: str, format: str, stream: TextIO | None = None, secrets: Iterable[str] = ()) -> Redactor:
    """Make this the process's only log; `format` is json, text or auto. May be called again.

    The redactor that comes back takes the secrets that are learnt later (tokens).
    """
    target = stream if stream is not None else sys.stderr
    redactor = Redactor(secrets)
    as_text = format == "text" or (format == "auto" and target.isatty())
    handler = logging.StreamHandler(target)
    handler.setFormatter(TextFormatter(redactor) if as_text else JsonFormatter(redactor))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # its report of a failed log call prints the arguments, unredacted
    _catch_what_nobody_caught()
    return redactor


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        members = _members(record, self._redactor)
        line = _json(members)
        if len(line) <= LINE_CHARS_MAX:
            return line
        # a control character takes six signs in JSON: what is kept must fit even then
        kept: dict[str, Any] = {name: members[name][:CUT_CHARS_MAX] for name in ("ts", "level", "logger", "event")}
        if "error" in members:
            kept["error"] = [text[:CUT_CHARS_MAX] for text in members["error"][:2]]
        return _json(kept | {"truncated": True})


class TextFormatter(logging.Formatter):
    """`08:00:00 INFO  flows.pull_orders  order created  order_id=5764…` for a person at a terminal."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        members = _members(record, self._redactor)
        error = members.pop("error", [])
        head = f"{members.pop('ts')[11:19]} {members.pop('level').upper():7} {members.pop('logger')}"
        line = f"{head}  {_printable(members.pop('event'))}"
        for name, value in members.items():
            line += f"  {name}={_printable(value if isinstance(value, str) else _json(value))}"
        lines = [line, *(f"    {_printable(text)}" for text in error)]
        return "\n".join(lines)[:LINE_CHARS_MAX]


def _members(record: logging.LogRecord, redactor: Redactor) -> dict[str, Any]:
    """What a record says, cleaned and bounded."""
    instant = datetime.fromtimestamp(record.created, UTC)
    members: dict[str, Any] = {
        "ts": instant.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name.removeprefix("daemon."),
        "event": redactor.text(_event(record)[: 4 * EVENT_CHARS_MAX])[:EVENT_CHARS_MAX],
    }
    extra = ((name, value) for name, value in vars(record).items() if name not in _RECORD_MEMBERS)
    for count, (name, value) in enumerate(extra):
        if count >= FIELDS_MAX:
            members["truncated"] = True
            break
        shown = f"{name}_" if name in _OWN_FIELDS else name
        members[redactor.text(shown[:60])] = _clean(name, value, redactor, depth=2)
    if record.exc_info and record.exc_info[1] is not None:
        members["error"] = [redactor.text(line)[:VALUE_CHARS_MAX] for line in describe(record.exc_info[1])]
    return members


def _event(record: logging.LogRecord) -> str:
    try:
        event = record.getMessage()
    except (TypeError, ValueError, KeyError):
        event = f"{record.msg} (log arguments do not fit)"
    # asyncio puts the repr of a failed task, with the error's message, on the lines below the first
    return event.partition("\n")[0] if record.name == "asyncio" else event


def _clean(name: str, value: object, redactor: Redactor, depth: int) -> object:
    """A field's value as JSON can hold it; containers two levels deep, numbers checked like texts."""
    if value is None or isinstance(value, bool):
        return value
    if name and redactor.hides_key(name):
        return HIDDEN
    if isinstance(value, int | float):
        shown = redactor.text(str(value))
        return value if shown == str(value) and abs(value) < 1 << 63 else shown[:VALUE_CHARS_MAX]
    if isinstance(value, BaseException):
        return redactor.text(_title(value))
    if isinstance(value, dict) and depth:
        items = list(value.items())[:ITEMS_MAX]
        return {redactor.text(str(key)[:60]): _clean(str(key), item, redactor, depth - 1) for key, item in items}
    if isinstance(value, list | tuple | set | frozenset) and depth:
        return [_clean("", item, redactor, depth - 1) for item in list(value)[:ITEMS_MAX]]
    if isinstance(value, bytes | bytearray | dict | list | tuple | set | frozenset):
        return f"({type(value).__name__} of {len(value)})"
    return redactor.text(str(value)[: 4 * VALUE_CHARS_MAX])[:VALUE_CHARS_MAX]


def describe(error: BaseException) -> list[str]:
    """An error, its causes and its members as lines: types and places, and messages where they are known to be safe."""
    lines: list[str] = []
    for count, (relation, one) in enumerate(_family(error)):
        if count >= ERRORS_MAX:
            lines.append("more errors left out")
            break
        lines.append(f"{relation}{_title(one)}")
        lines.extend(_frames(one.__traceback__))
    return lines


def _family(error: BaseException) -> Iterator[tuple[str, BaseException]]:
    """The error, then what it holds or came from, each once."""
    seen: set[int] = set()
    waiting: list[tuple[str, BaseException]] = [("", error)]
    while waiting:
        relation, one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield relation, one
        if isinstance(one, BaseExceptionGroup):
            waiting.extend(("holds ", member) for member in one.exceptions)
        cause = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
        if cause is not None:
            waiting.append(("from ", cause))


def _title(error: BaseException) -> str:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(error, ConnectorError | sqlite3.Error):
        return f"{name}: {error}"
    if isinstance(error, OSError) and error.strerror:
        return f"{name}: {error.strerror}"
    return name


def _frames(trace: TracebackType | None) -> Iterator[str]:
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(trace)]
    for code, line in frames[-FRAMES_MAX:]:
        yield f"  at {'/'.join(PurePath(code.co_filename).parts[-3:])}:{line} {code.co_name}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _catch_what_nobody_caught() -> None:
    """Python's own reports print messages and reprs; ours go through the formatter."""
    log = logging.getLogger("daemon")

    def main_thread(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            log.critical("stopped by an error", exc_info=(kind, error, trace))

    def other_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            log.critical("a thread ended with an error", exc_info=args.exc_value)

    def nowhere(args: sys.UnraisableHookArgs) -> None:
        log.error("an error that could not be raised", exc_info=args.exc_value)

    sys.excepthook = main_thread
    threading.excepthook = other_thread
    sys.unraisablehook = nowhere
