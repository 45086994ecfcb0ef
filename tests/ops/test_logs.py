"""The log: its shape, its bounds, and that nothing private gets into a line."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
import sqlite3
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import SettingsError
from daemon.ops.logs import LINE_CHARS_MAX, configure, describe
from daemon.ops.redact import SECRETS_MAX, Redactor

SECRET = "canary/secret+value=="
log = logging.getLogger("daemon.test.logs")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """`configure` is process-wide: put back what it changed."""
    root = logging.getLogger()
    handlers, level, raising = list(root.handlers), root.level, logging.raiseExceptions
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raising
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def logged(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def start(level: str = "info", format: str = "json") -> io.StringIO:
    stream = io.StringIO()
    configure(level, format, stream, [SECRET])
    return stream


def failing(error: BaseException) -> io.StringIO:
    stream = start()
    buyer = "canary-local"
    try:
        raise error
    except type(error):
        log.exception("it failed", extra={"length": len(buyer)})
    return stream


def test_one_object_a_line() -> None:
    stream = start()
    log.info("order %s", "created", extra={"order_id": "576461413038785752", "tries": 2, "at_ms": 1769817600000})
    (line,) = logged(stream)
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "info", "logger": "test.logs", "event": "order created", "order_id": "576461413038785752",
        "tries": 2, "at_ms": 1769817600000,
    }  # fmt: skip


def test_auto_is_json_unless_a_terminal() -> None:
    terminal, pipe = Terminal(), io.StringIO()
    configure("info", "auto", terminal)
    log.info("seen", extra={"order_id": "1", "parts": ["a"], "text": "two\nlines"})
    configure("info", "auto", pipe)
    log.info("seen", extra={"order_id": "1"})
    assert 'INFO    test.logs  seen  order_id=1  parts=["a"]  text=two lines\n' in terminal.getvalue()
    assert logged(pipe)[0]["event"] == "seen"
    assert len(terminal.getvalue().splitlines()) == 1


def test_below_the_level_nothing() -> None:
    stream = start("warning")
    log.info("quiet")
    log.warning("loud")
    assert [line["event"] for line in logged(stream)] == ["loud"]


@pytest.mark.parametrize("name", ["httpx", "httpcore", "uvicorn.access"])
def test_libraries_that_log_urls_stay_quiet_at_debug(name: str) -> None:
    stream = start("debug")
    logging.getLogger(name).info("GET https://host/path?anything")
    logging.getLogger(f"{name}.deeper").debug("headers")
    assert stream.getvalue() == ""


def test_fields_cannot_replace_ours() -> None:
    stream = start()
    log.info("seen", extra={"ts": "x", "level": "y", "event": "z", "logger": "w"})
    (line,) = logged(stream)
    assert (line["event"], line["level"], line["event_"], line["level_"]) == ("seen", "info", "z", "y")


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"https://h/p?x={SECRET}",
        "canary%2Fsecret%2Bvalue%3D%3D",
        "access_token=canary-unknown-token",
        "GET /x?app_key=canary-key&sign=canary-sign",
        "callback?code=canary-code&state=1",
        "Authorization: Bearer canary-bearer-token",
        "x-tts-access-token: canary-header",
        "{'X-Pipe17-Key': 'canary-header'}",
        "mail to canary@example.com now",
        "canary%40example.com",
        "canary.o'neil@mail.example.co.uk",
        "call +1 (213) 555-0142 canary"[:22],
        "(+1)2135550142",
        "+44 20 7946 0958",
        "213-555-0142",
        "(213) 555-0142",
        "2135550142",
        "07700 900142",
    ],
)
def test_nothing_private_wherever_it_stands(text: str) -> None:
    for format in ("json", "text"):
        stream = start(format=format)
        log.warning("saw %s", text)
        log.warning(text)
        log.warning("deep", extra={"note": text, "list": [text], "map": {"k": text, text: 1}, text: "v"})
        log.warning("cause", extra={"cause": ValueError(text)})
        written = stream.getvalue()
        assert "canary" not in written
        assert "0142" not in written
        assert "0958" not in written


@pytest.mark.parametrize("key", ["buyer_email", "phone", "access_token", "shipping_address", "zip_code", "first_name",
                                 "Authorization", "client_secret", "shop_cipher", "recipient"])  # fmt: skip
def test_a_field_by_its_name(key: str) -> None:
    stream = start()
    log.warning("seen", extra={key: "canary", "nested": {key: ["canary"]}})
    assert "canary" not in stream.getvalue()


@pytest.mark.parametrize(
    "text", ["576461413038785752", "1769817600000", "1769817600", "9400111899223197428490", "2026-01-31T08:00:00Z",
             "1Z999AA10123456784", "HTTP 429, code 36009004", "line 3 of 100", "2026-01-31 08:00:00+00:00", "v0.1.0"],
)  # fmt: skip
def test_what_is_needed_to_follow_an_order_stays(text: str) -> None:
    stream = start()
    log.info("seen %s", text, extra={"value": text})
    (line,) = logged(stream)
    assert line["event"] == f"seen {text}"
    assert line["value"] == text


def test_a_telephone_number_as_a_number() -> None:
    stream = start()
    log.info("seen", extra={"value": 2135550142, "flag": True, "nothing": None, "share": 0.5})
    (line,) = logged(stream)
    assert line["value"] == "[hidden]"
    assert (line["flag"], line["nothing"], line["share"]) == (True, None, 0.5)


def test_tokens_that_are_learnt_later() -> None:
    stream = io.StringIO()
    redactor = configure("info", "json", stream)
    redactor.hide("canary-new-token")
    log.info("got canary-new-token")
    assert "canary" not in stream.getvalue()


def test_the_redactor_has_a_bound_and_leaves_plain_words() -> None:
    redactor = Redactor(["key", ""])
    assert redactor.text("the key is here") == "the key is here"
    for number in range(2 * SECRETS_MAX):
        redactor.hide(f"canary-{number:05}")
    assert "canary" not in redactor.text(f"canary-{2 * SECRETS_MAX - 1:05}")


class TestErrors:
    def test_a_foreign_message_is_not_shown(self) -> None:
        (line,) = logged(failing(ValueError("canary body {'name': 'canary'}")))
        assert line["error"][0] == "ValueError"
        assert any("test_logs.py" in text and "failing" in text for text in line["error"])
        assert "canary" not in json.dumps(line)

    @pytest.mark.parametrize(
        ("error", "shown"),
        [
            (SettingsError(["ORDERS_HOLD: wrong"]), "daemon.errors.SettingsError: ORDERS_HOLD: wrong"),
            (sqlite3.OperationalError("disk I/O error"), "sqlite3.OperationalError: disk I/O error"),
            (
                FileNotFoundError(2, "No such file or directory", "/canary"),
                "FileNotFoundError: No such file or directory",
            ),
        ],
    )
    def test_known_messages_are(self, error: Exception, shown: str) -> None:
        (line,) = logged(failing(error))
        assert line["error"][0] == shown
        assert "canary" not in json.dumps(line)

    def test_causes_and_groups(self) -> None:
        try:
            try:
                raise KeyError("canary")
            except KeyError as inner:
                raise ExceptionGroup("canary", [ValueError("canary"), OSError(5, "Input/output error")]) from inner
        except ExceptionGroup as group:
            lines = describe(group)
        titles = [line for line in lines if not line.startswith("  at ")]
        assert titles == ["ExceptionGroup", "holds ValueError", "holds OSError: Input/output error", "from KeyError"]

    def test_a_cycle_and_a_crowd_have_an_end(self) -> None:
        one, two = ValueError("a"), ValueError("b")
        one.__cause__, two.__cause__ = two, one
        assert len(describe(one)) == 2
        assert describe(ExceptionGroup("g", [ValueError(str(n)) for n in range(500)]))[-1] == "more errors left out"

    def test_deep_recursion_is_cut(self) -> None:
        def deeper(count: int) -> None:
            if count:
                deeper(count - 1)
            raise RuntimeError("canary")

        with pytest.raises(RuntimeError) as caught:
            deeper(200)
        assert len(describe(caught.value)) < 30

    async def test_a_task_nobody_awaited(self) -> None:
        stream = start()

        async def fails() -> None:
            raise ValueError("canary body")

        task = asyncio.create_task(fails())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert task.done()
        del task
        gc.collect()
        (line,) = logged(stream)
        assert line["event"] == "Task exception was never retrieved"
        assert "canary" not in stream.getvalue()

    def test_errors_that_nobody_caught(self) -> None:
        stream = start()
        error = ValueError("canary body")
        sys.excepthook(ValueError, error, None)
        sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)

        def fails() -> None:
            raise error

        thread = threading.Thread(target=fails)
        thread.start()
        thread.join()
        assert [line["event"] for line in logged(stream)] == ["stopped by an error", "a thread ended with an error"]
        assert "canary" not in stream.getvalue()


class TestBounds:
    def test_a_huge_event_and_huge_fields(self) -> None:
        stream = start()
        log.info("x" * 100_000, extra={f"field{n}": "y" * 10_000 for n in range(200)})
        log.info("\x00" * 100_000, extra={"map": {str(n): "\x01" * 9_000 for n in range(1_000)}})
        lines = stream.getvalue().splitlines()
        assert len(lines) == 2
        assert all(len(line) <= LINE_CHARS_MAX for line in lines)
        assert all(json.loads(line)["truncated"] for line in lines)

    def test_things_json_does_not_know(self) -> None:
        stream = start()
        loop: list[Any] = []
        loop.append(loop)
        log.info("seen", extra={"a": object, "b": {1, 2}, "c": b"canary", "d": loop, "e": 10**30, "f": float("nan")})
        (line,) = logged(stream)
        assert line["c"] == "(bytes of 6)"
        assert line["e"] == str(10**30)
        assert "canary" not in stream.getvalue()

    def test_arguments_that_do_not_fit_are_still_a_line(self, capfd: pytest.CaptureFixture[str]) -> None:
        stream = start()
        log.info("%d orders", "canary")
        log.info("%s %s", "canary")
        assert [line["event"] for line in logged(stream)] == [
            "%d orders (log arguments do not fit)", "%s %s (log arguments do not fit)",
        ]  # fmt: skip
        assert capfd.readouterr().err == ""

    def test_a_broken_stream_is_no_reason_to_stop(self, capfd: pytest.CaptureFixture[str]) -> None:
        stream = start()
        stream.close()
        log.info("canary %s", "canary")
        assert "canary" not in capfd.readouterr().err

    def test_configured_twice_is_one_line(self) -> None:
        start()
        stream = start()
        log.info("once")
        assert len(logged(stream)) == 1

    @given(
        event=st.text(max_size=200),
        fields=st.dictionaries(
            st.text(min_size=1, max_size=20).filter(lambda key: key not in vars(logging.makeLogRecord({}))),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50) | st.binary(max_size=9),
                lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
                max_leaves=12,
            ),
            max_size=6,
        ),
    )
    def test_any_record_is_one_line_of_json(self, event: str, fields: dict[str, Any]) -> None:
        stream = io.StringIO()
        configure("info", "json", stream)
        members = {"msg": event.replace("%", ""), "levelname": "INFO", "levelno": logging.INFO, "name": "x"}
        log.handle(logging.makeLogRecord({**fields, **members}))
        (line, end) = stream.getvalue().split("\n")
        assert end == ""
        assert isinstance(json.loads(line, parse_constant=pytest.fail), dict)
