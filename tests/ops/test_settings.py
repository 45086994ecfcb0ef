"""Reading settings: what is accepted, what is refused and in which words, and where values come from."""

from __future__ import annotations

import base64
import os
import threading
from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import SettingsError
from daemon.settings import Settings, effective, load_settings, planned_in_use
from daemon.settings.grammar import duration
from daemon.settings.values import Buffer, Direction, Listen, Since

NEEDED = {
    "TIKTOK_APP_KEY": "canary-app-key",
    "TIKTOK_APP_SECRET": "canary-app-secret",
    "PIPE17_API_KEY": "canary-pipe17-key",
}
KEY = base64.b64encode(bytes(range(32))).decode()


def load(**variables: str) -> Settings:
    return load_settings({**NEEDED, **variables})


def problems(env_file: Path | None = None, /, **variables: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings({**NEEDED, **variables}, env_file)
    return caught.value.problems


def read(name: str, text: str) -> object:
    return getattr(load(**{name: text}), name.lower())


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("ORDERS_HOLD", "90s", timedelta(seconds=90)),
        ("ORDERS_HOLD", "5m", timedelta(minutes=5)),
        ("ORDERS_HOLD", "1h", timedelta(hours=1)),
        ("ORDERS_HOLD", "2d", timedelta(days=2)),
        ("ORDERS_HOLD", "2D", timedelta(days=2)),
        ("ORDERS_HOLD", "7", timedelta(seconds=7)),
        ("ORDERS_HOLD", "1.5h", timedelta(minutes=90)),
        ("ORDERS_HOLD", "0", timedelta()),
        ("ORDERS_EVERY", "1s", timedelta(seconds=1)),
        ("ORDERS_EVERY", "1d", timedelta(days=1)),
        ("ORDERS_PULL_ON_HOLD", "No", False),
        ("ORDERS_PULL_ON_HOLD", "0", False),
        ("ORDERS_PULL_SHIPPED_BY_PLATFORM", "ON", True),
        ("CONNECTOR_DRY_RUN", "yes", True),
        ("ORDERS", "off", Direction.OFF),
        ("RETURNS", "Both", Direction.BOTH),
        ("PRODUCTS", "push", Direction.PUSH),
        ("ORDERS_SINCE", "2026-01-31", Since(at_ms=1769817600000)),
        ("ORDERS_SINCE", "2026-01-31T02:00:00+02:00", Since(at_ms=1769817600000)),
        ("ORDERS_SINCE", "2026-01-31T00:00:00Z", Since(at_ms=1769817600000)),
        ("ORDERS_SINCE", "30d", Since(back=timedelta(days=30))),
        ("CONNECTOR_LISTEN", "0.0.0.0:80", Listen("0.0.0.0", 80)),
        ("CONNECTOR_LISTEN", "[::1]:9817", Listen("::1", 9817)),
        ("CONNECTOR_LISTEN", "localhost:0", Listen("localhost", 0)),
        ("CONNECTOR_LISTEN", "unix:/run/c.sock", Listen(path="/run/c.sock")),
        ("CONNECTOR_STORE_URL", "sqlite:////var/lib/c.db", "sqlite:////var/lib/c.db"),
        ("CONNECTOR_RECONCILE_AT", "4:05", time(4, 5)),
        ("CONNECTOR_RECONCILE_AT", "off", None),
        ("CONNECTOR_BACKUP_KEEP", "1", 1),
        ("CONNECTOR_PUBLIC_URL", "https://shop.example.com/", "https://shop.example.com"),
        ("CONNECTOR_PUBLIC_URL", "http://127.0.0.1:9817", "http://127.0.0.1:9817"),
        ("TIKTOK_API_URL", "http://127.0.0.1:8001", "http://127.0.0.1:8001"),
        ("TIKTOK_API_URL", "http://sandbox:8001", "http://sandbox:8001"),
        ("PIPE17_API_URL", "https://example.com/api/v3/", "https://example.com/api/v3"),
        ("TIKTOK_REQUESTS_PER_SECOND", "0.5", Decimal("0.5")),
        ("FULFILLMENTS_CARRIER_MAP", "Purolator:USPS, DHL e : USPS,", {"Purolator": "USPS", "DHL e": "USPS"}),
        ("PRODUCTS_STATUS_MAP", "Active:Keep", {"active": "keep"}),
        ("PRODUCTS_UPDATE_ONLY", "price, title,price", ("price", "title")),
        ("PRODUCTS_UPDATE_ONLY", "ALL", None),
        ("INVENTORY_SKUS", "A-1,B 2", ("A-1", "B 2")),
        ("INVENTORY_BUFFER", "3", Buffer(units=3)),
        ("INVENTORY_BUFFER", "10%", Buffer(share=Decimal("0.1"))),
        ("INVENTORY_GUARD", "12.5%", Decimal("0.125")),
        ("ORDERS_MESSAGE", "Hi {buyer_name}, {{order}} {order_id}", "Hi {buyer_name}, {{order}} {order_id}"),
    ],
)  # fmt: skip
def test_accepted(name: str, text: str, value: object) -> None:
    assert read(name, text) == value
    assert read(name, f"  {text} ") == value


@pytest.mark.parametrize(
    ("name", "text", "accepted"),
    [
        *(
            ("ORDERS_HOLD", text, "90s, 5m, 1h, 2d or plain seconds")
            for text in ("1w", "-5m", "1h30m", "1e3", "0.0001s", "inf", "nan", "٣m", "5 m m", "60m # a comment")
        ),
        ("ORDERS_HOLD", "31d", "0s to 30d"),
        ("ORDERS_EVERY", "0", "1s to 1d"),
        ("ORDERS_EVERY", "25h", "1s to 1d"),
        ("CONNECTOR_RETENTION", "1h", "1d to 3650d"),
        ("ORDERS_HOLD", "999999999999d", "too long"),
        ("ORDERS_PULL_ON_HOLD", "maybe", "true, false, 1, 0, yes, no, on or off"),
        ("ORDERS", "push", "pull, off"),
        ("FULFILLMENTS", "pull", "push, off"),
        ("REFUNDS", "sideways", "pull, push, both, off"),
        ("ORDERS_CANCEL_RACE", "win", "ship, hold"),
        *(
            ("ORDERS_SINCE", text, "2026-01-31")
            for text in ("yesterday", "2026-13-01", "2026-02-30", "2026-01-31T08:00", "31.01.2026", "20260131")
        ),
        ("ORDERS_SINCE", "1999-01-01", "year"),
        *(
            ("CONNECTOR_LISTEN", text, "host:port")
            for text in ("9817", ":9817", "host:", "host:65536", "::1:80", "h:٣", "unix:relative", "unix:/" + 200 * "x",
                         "300.1.1.1:80", "a b:80", "unix:/dir/", "[localhost]:1")
        ),
        *(
            ("CONNECTOR_STORE_URL", text, "sqlite:///")
            for text in ("postgresql://u:p@h/d", "sqlite://", "sqlite:///", "sqlite:///:memory:", "/var/c.db",
                         "sqlite:///a.db?mode=ro", "sqlite:///dir/")
        ),
        *(
            ("TIKTOK_API_URL", text, "https://")
            for text in ("example.com", "ftp://example.com", "http://example.com", "https://", "https://a b",
                         "https://h:99999", "https://u:pw@example.com", "https://h?x=1", "https://[::1", "http://8.8.8.8")
        ),
        *(
            ("CONNECTOR_PUBLIC_URL", text, "https")
            for text in ("http://shop.example.com", "https://shop.example.com:8443", "https://203.0.113.7")
        ),
        *(("CONNECTOR_RECONCILE_AT", text, "03:30") for text in ("24:00", "3", "03:60", "3:30pm", "never")),
        *(("CONNECTOR_BACKUP_KEEP", text, "1 to 1000") for text in ("0", "-1", "1.5", "many", "1001", "²")),
        *(
            ("PIPE17_REQUESTS_PER_SECOND", text, "0.01 to 10000")
            for text in ("0", "-1", "nan", "inf", "1e2", "10001", "fast")
        ),
        ("CONNECTOR_LOG_LEVEL", "loud", "debug, info, warning, error"),
        ("CONNECTOR_LOG_FORMAT", "xml", "auto, json, text"),
        ("FULFILLMENTS_CARRIER_MAP", ",", "A:B"),
        ("FULFILLMENTS_CARRIER_MAP", "DHL:USPS,dhl:UPS", '"dhl" is mapped twice'),
        ("PRODUCTS_STATUS_MAP", "active:explode", "activate, deactivate, keep"),
        ("PRODUCTS_UPDATE_ONLY", "price,colour", '"colour" not accepted'),
        ("INVENTORY_SKUS", " , ", "comma separated list"),
        *(("INVENTORY_BUFFER", text, "10%") for text in ("-3", "1.5", "a lot")),
        *(("INVENTORY_BUFFER", text, "0% to 100%") for text in ("101%", "-1%", "%")),
        *(("INVENTORY_GUARD", text, "30%") for text in ("30", "0.3", "101%", "%", "-1%")),
        ("ORDERS_MESSAGE", "Hi {name}", "{buyer_name}"),
        ("ORDERS_MESSAGE", "Hi {buyer_name.x}", "{buyer_name}"),
        ("ORDERS_MESSAGE", "Hi {buyer_name!r}", "{buyer_name}"),
        ("ORDERS_MESSAGE", "Hi {", "{buyer_name}"),
        ("ORDERS_MESSAGE", "Hi {}", "{buyer_name}"),
        ("TIKTOK_SHOP_ID", "1\n2", "one line"),
        ("CONNECTOR_TOKEN_KEY", base64.b64encode(b"short").decode(), "32 bytes"),
        ("CONNECTOR_TOKEN_KEY", "not/base64?", "32 bytes"),
        ("AI_PROVIDER", "human", "tiktok, openai"),
        ("PRODUCTS_MISSING_ATTRIBUTES", "guess", "ai, exception"),
    ],
)  # fmt: skip
def test_refused_by_name_with_what_is_accepted(name: str, text: str, accepted: str) -> None:
    (problem,) = problems(**{name: text})
    assert problem.startswith(f"{name}: ")
    assert accepted in problem
    assert len(problem) < 400


def test_every_problem_in_one_pass() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(
            {
                "TIKTOK_APP_KEY": "canary-app-key",
                "ORDERS_HOLD": "soon",
                "ORDERS_EVRY": "5m",
                "FULFILLMENTS_CARRIER_MAP": "A:B,C,:D,E:F:G",
                "INVENTORY_LOCATION": "loc",
                "INVENTORY_TOTAL_TO_DEFAULT": "true",
                "CONNECTOR_TOKEN_KEY": "short",
            }
        )
    text = str(caught.value)
    for name in ("TIKTOK_APP_SECRET", "PIPE17_API_KEY", "ORDERS_HOLD", "ORDERS_EVERY", "CONNECTOR_TOKEN_KEY"):
        assert name in text
    for entry in ('"C"', '":D"', '"E:F:G"'):
        assert entry in text
    assert "INVENTORY_LOCATION and INVENTORY_TOTAL_TO_DEFAULT" in text
    assert len(caught.value.problems) == 7


def test_required_ones_name_every_way_to_give_them() -> None:
    (problem,) = problems(PIPE17_API_KEY="")
    assert "PIPE17_API_KEY: is required" in problem
    assert "PIPE17_API_KEY_FILE" in problem
    assert "credential pipe17_api_key" in problem


def test_empty_is_unset() -> None:
    settings = load(ORDERS_HOLD="", CONNECTOR_LISTEN=" ", INVENTORY_LOCATION="", ORDERS_SINCE="", AI_API_KEY="")
    assert settings == load()
    assert settings.ai_api_key is None
    assert settings.orders_since is None


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().orders_hold = timedelta()


def test_a_file_for_later_versions_loads_and_says_what_has_no_effect_yet() -> None:
    settings = load(
        INVENTORY="off",
        CONNECTOR_BACKUP_AT="off",
        PRODUCTS_PROMOTIONS="no",
        RETURNS="both",
        INVENTORY_GUARD="0%",
        ORDERS_HOLD="2h",
    )
    assert planned_in_use(settings) == ("RETURNS",)
    assert planned_in_use(load()) == ()


def test_openai_needs_an_endpoint_only_when_it_would_be_asked() -> None:
    assert load(AI_PROVIDER="openai").ai_url == ""
    asked = {"PRODUCTS": "push", "PRODUCTS_MISSING_ATTRIBUTES": "ai", "AI_PROVIDER": "openai"}
    assert "AI_URL and AI_MODEL" in problems(**asked)[0]
    assert load(**asked, AI_URL="https://ai.example.com/v1", AI_MODEL="m").ai_model == "m"


class TestUnknownVariables:
    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("ORDERS_HOLDS", "ORDERS_HOLD"),
            ("TIKTOK_APP_SECRT", "TIKTOK_APP_SECRET"),
            ("PIPE17_APIKEY", "PIPE17_API_KEY"),
            ("FULFILMENTS", "FULFILLMENTS"),
            ("FULFILMENTS_CARRIER_MAP", "FULFILLMENTS_CARRIER_MAP"),
            ("CONNECTOR_LISTN", "CONNECTOR_LISTEN"),
            ("connector_listen", "CONNECTOR_LISTEN"),
        ],
    )
    def test_did_you_mean(self, name: str, meant: str) -> None:
        (problem,) = problems(**{name: "x"})
        assert problem.startswith(f"{name}: ")
        assert problem.rstrip("?").endswith(meant)

    @pytest.mark.parametrize(
        "name", ["AI_ZZZZ", "STATEMENTS_QQQQQQ", "LOCATIONS_XX", "REFUNDS_", "TIKTOK_SHOP_ID_FILE", "ORDERS_HOLD_FILE"]
    )
    def test_prefix_alone_is_enough(self, name: str) -> None:
        (problem,) = problems(**{name: "x"})
        assert problem.startswith(f"{name}: is no setting")

    def test_strangers_are_left_alone(self) -> None:
        assert load(PATH="/bin", ORDER="1", LOCATION="here", HOME="/", AIRFLOW="x", INVENTORYSYSTEM="y") == load()

    def test_variables_that_kubernetes_injects_are_no_typo(self) -> None:
        injected = {
            "CONNECTOR_SERVICE_HOST": "10.0.0.1", "CONNECTOR_SERVICE_PORT": "9817", "CONNECTOR_PORT": "tcp://10.0.0.1:9817",
            "CONNECTOR_PORT_9817_TCP": "tcp://10.0.0.1:9817", "CONNECTOR_PORT_9817_TCP_ADDR": "10.0.0.1",
            "TIKTOK_PIPE17_SERVICE_HOST": "10.0.0.1", "TIKTOK_PIPE17_SERVICE_PORT_HTTP": "9817",
        }  # fmt: skip
        assert load(**injected) == load()
        assert problems(CONNECTOR_PORT="9817")


class TestSecrets:
    def test_from_a_file_it_names(self, tmp_path: Path) -> None:
        path = tmp_path / "key"
        path.write_text("canary-from-file\n")
        settings = load(TIKTOK_REFRESH_TOKEN_FILE=str(path))
        assert settings.tiktok_refresh_token is not None
        assert settings.tiktok_refresh_token.get_secret_value() == "canary-from-file"

    def test_from_the_credentials_directory(self, tmp_path: Path) -> None:
        for name, value in NEEDED.items():
            (tmp_path / name.lower()).write_text(value + "\n")
        (tmp_path / "connector_token_key").write_text("\n")
        (tmp_path / "tls.pem").write_text("not ours")
        settings = load_settings({"CREDENTIALS_DIRECTORY": str(tmp_path)})
        assert settings.pipe17_api_key.get_secret_value() == "canary-pipe17-key"
        assert settings.connector_token_key is None
        assert settings.found["PIPE17_API_KEY"].place == "credential pipe17_api_key"

    def test_two_ways_that_agree(self, tmp_path: Path) -> None:
        (tmp_path / "pipe17_api_key").write_text("canary-pipe17-key")
        assert load(CREDENTIALS_DIRECTORY=str(tmp_path)) == load()

    def test_two_ways_that_differ_are_not_guessed(self, tmp_path: Path) -> None:
        (tmp_path / "pipe17_api_key").write_text("canary-other-value")
        (tmp_path / "named").write_text("canary-third-value")
        (problem,) = problems(CREDENTIALS_DIRECTORY=str(tmp_path), PIPE17_API_KEY_FILE=str(tmp_path / "named"))
        assert problem.startswith("PIPE17_API_KEY: is given with different values by environment")
        assert "PIPE17_API_KEY_FILE" in problem
        assert "credential pipe17_api_key" in problem
        assert "canary" not in problem

    def test_a_file_that_cannot_be_read(self, tmp_path: Path) -> None:
        (problem,) = problems(AI_API_KEY_FILE=str(tmp_path / "missing"))
        assert problem.startswith("AI_API_KEY_FILE (environment): ")
        assert "no such file" in problem
        (problem,) = problems(AI_API_KEY_FILE=str(tmp_path))
        assert "directory" in problem

    @pytest.mark.parametrize(
        ("content", "why"), [(b"", "empty"), (b" \n", "empty"), (b"\xff\xfe", "UTF-8"), (b"x" * 70_000, "larger")]
    )
    def test_a_file_that_holds_no_secret(self, tmp_path: Path, content: bytes, why: str) -> None:
        path = tmp_path / "key"
        path.write_bytes(content)
        (problem,) = problems(AI_API_KEY_FILE=str(path))
        assert why in problem

    def test_a_file_where_a_required_secret_should_be(self, tmp_path: Path) -> None:
        reported = problems(PIPE17_API_KEY="", PIPE17_API_KEY_FILE=str(tmp_path / "missing"))
        assert len(reported) == 1
        assert "PIPE17_API_KEY_FILE" in reported[0]

    def test_a_credentials_directory_that_is_missing(self, tmp_path: Path) -> None:
        (problem,) = problems(CREDENTIALS_DIRECTORY=str(tmp_path / "missing"))
        assert "CREDENTIALS_DIRECTORY" in problem

    def test_a_misspelt_credential(self, tmp_path: Path) -> None:
        (tmp_path / "tiktok_app_secrt").write_text("canary-misplaced")
        (tmp_path / "tiktok_shop_id").write_text("123")
        text = "\n".join(problems(CREDENTIALS_DIRECTORY=str(tmp_path)))
        assert "did you mean tiktok_app_secret?" in text
        assert "tiktok_shop_id: is not a secret, set the variable" in text
        assert "canary" not in text

    @pytest.mark.parametrize("value", ["canary with-blanks", "canary\nsecond-line", "canary-ümlaut"])
    def test_a_slip_of_the_copying_hand_is_refused_unseen(self, value: str) -> None:
        (problem,) = problems(TIKTOK_APP_SECRET=value)
        assert problem.startswith("TIKTOK_APP_SECRET: ")
        assert "canary" not in problem

    @pytest.mark.parametrize(
        "name", ["ORDERS_HOLD", "CONNECTOR_LISTEN", "FULFILLMENTS_CARRIER_MAP", "ORDERS", "AI_URL"]
    )
    def test_a_secret_pasted_into_another_variable_is_not_echoed(self, name: str) -> None:
        assert "canary" not in "\n".join(problems(**{name: NEEDED["TIKTOK_APP_SECRET"]}))

    def test_no_secret_in_texts_of_the_settings(self) -> None:
        settings = load(CONNECTOR_TOKEN_KEY=KEY, CONNECTOR_ADMIN_TOKEN="canary-admin")
        shown = f"{settings!r} {settings} {effective(settings)} {settings.found} {dict(settings)}"
        assert "canary" not in shown
        assert KEY not in shown
        assert repr(bytes(range(32))) not in shown

    def test_secret_values_are_all_of_them_for_the_log(self) -> None:
        settings = load(CONNECTOR_TOKEN_KEY=KEY, CONNECTOR_ADMIN_TOKEN="canary-admin")
        assert {*NEEDED.values(), "canary-admin", KEY} <= set(settings.secret_values())

    @pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
    def test_token_key_in_both_alphabets(self, encode: object) -> None:
        raw = bytes([0xFB, 0xEF] * 16)
        assert callable(encode)
        key = load(CONNECTOR_TOKEN_KEY=encode(raw).decode()).connector_token_key
        assert key is not None
        assert key.get_secret_value() == raw


class TestEnvFile:
    def write(self, tmp_path: Path, content: str) -> Path:
        path = tmp_path / "connector.env"
        path.write_text(content)
        return path

    def test_values_and_their_places(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, "# ours\n\nORDERS_HOLD=2h\n; theirs\n  ORDERS_EVERY = '5m' \nTZ=UTC\n")
        settings = load_settings(NEEDED, path)
        assert settings.orders_hold == timedelta(hours=2)
        assert settings.orders_every == timedelta(minutes=5)
        assert settings.found["ORDERS_EVERY"].place == "connector.env line 5"

    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("plain text here  ", "plain text here"),
            ('"two words"', "two words"),
            ("'it''s'", "its"),
            ('"a \\"b\\" \\$c \\d"', 'a "b" $c \\d'),
            ("'a \\ b'", "a \\ b"),
            ("a\\ b\\#", "a b#"),
            ("one \\\ntwo", "one two"),
            ("a \"b\" 'c'", "a \"b\" 'c'"),
            ("x # y", "x # y"),
            ("a=b=c", "a=b=c"),
            ('"a"   "b"', "ab"),
            ("text\r", "text"),
        ],
    )
    def test_quotes_escapes_and_joined_lines(self, tmp_path: Path, written: str, meant: str) -> None:
        path = self.write(tmp_path, f"INVENTORY_LOCATION={written}\nORDERS_HOLD=2h\n")
        settings = load_settings(NEEDED, path)
        assert settings.inventory_location == meant
        assert settings.orders_hold == timedelta(hours=2)

    def test_problems_name_the_line(self, tmp_path: Path) -> None:
        content = (
            'ORDERS_HOLD=soon\nwhat is this\nexport ORDERS=off\n1A=b\nFULFILMENT=off\nORDERS_EVRY="a\nb"\nRETURNS=\'x\n'
        )
        text = "\n".join(problems(self.write(tmp_path, content)))
        for place in (
            "ORDERS_HOLD (connector.env line 1)", "connector.env line 2: is not of the form NAME=value",
            "connector.env line 3: leave out the word export", "connector.env line 4: ",
            "FULFILMENT (connector.env line 5): is no setting; did you mean FULFILLMENTS?",
            "ORDERS_EVRY (connector.env line 6)", "connector.env line 8: RETURNS: the quote",
        ):  # fmt: skip
            assert place in text

    def test_the_environment_wins_and_the_last_line_wins(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, "ORDERS_HOLD=2h\nORDERS_EVERY=2m\nORDERS_EVERY=3m\n")
        settings = load_settings({**NEEDED, "ORDERS_HOLD": "3h"}, path)
        assert (settings.orders_hold, settings.orders_every) == (timedelta(hours=3), timedelta(minutes=3))
        assert settings.found["ORDERS_HOLD"].place == "environment"
        assert load_settings({**NEEDED, "ORDERS_HOLD": ""}, path).orders_hold == timedelta(hours=2)

    def test_secrets_are_read_from_it_and_not_repeated(self, tmp_path: Path) -> None:
        path = self.write(
            tmp_path, "TIKTOK_APP_KEY=canary-file-key\nPIPE17_API_KEY='canary broken'\ncanary-loose-line\n"
        )
        with pytest.raises(SettingsError) as caught:
            load_settings({"TIKTOK_APP_SECRET": "canary-app-secret"}, path)
        assert "canary" not in str(caught.value)
        assert "PIPE17_API_KEY (connector.env line 2)" in str(caught.value)

    def test_a_byte_order_mark_and_dos_lines(self, tmp_path: Path) -> None:
        path = tmp_path / "connector.env"
        path.write_bytes(b"\xef\xbb\xbfORDERS_HOLD=2h\r\nORDERS_EVERY=2m\r\n")
        assert load_settings(NEEDED, path).orders_hold == timedelta(hours=2)

    @pytest.mark.parametrize(("content", "why"), [(b"\xff", "UTF-8"), (b"#" * ((1 << 20) + 1), "larger")])
    def test_unusable_files(self, tmp_path: Path, content: bytes, why: str) -> None:
        path = tmp_path / "connector.env"
        path.write_bytes(content)
        assert why in problems(path)[0]
        assert "no such file" in problems(tmp_path / "missing.env")[0]
        assert "directory" in problems(tmp_path)[0]

    @given(content=st.text(alphabet=st.sampled_from("A=_ \"'\\#;\n$x1"), max_size=60))
    def test_any_text_gives_settings_or_problems(self, content: str) -> None:
        from daemon.settings.envfile import parse

        entries, wrong = parse(content)
        lines = content.count("\n") + 1
        assert all(1 <= entry.line <= lines for entry in entries)
        assert all(1 <= line <= lines for line, _ in wrong)

    @given(value=st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=40))
    def test_a_double_quoted_value_comes_back(self, value: str) -> None:
        from daemon.settings.envfile import parse

        quoted = "".join("\\" + sign if sign in '"\\`$' else sign for sign in value)
        entries, wrong = parse(f'A="{quoted}"\nB=1\n')
        assert not wrong
        assert [entry.value for entry in entries] == [value, "1"]
        assert entries[1].line == 2 + value.count("\n")


class TestStateDirectory:
    def test_store_and_backups_go_there(self) -> None:
        settings = load(STATE_DIRECTORY="/var/lib/tiktok-pipe17:/var/lib/other")
        assert settings.store_path == Path("/var/lib/tiktok-pipe17/connector.db")
        assert settings.connector_backup_dir == "/var/lib/tiktok-pipe17/backups"
        shown = {line.name: (line.value, line.source) for line in effective(settings)}
        assert shown["CONNECTOR_STORE_URL"] == ("sqlite:////var/lib/tiktok-pipe17/connector.db", "default")

    def test_without_it_under_the_working_directory(self) -> None:
        assert load().store_path == Path("var/connector.db")

    def test_named_in_a_value(self) -> None:
        settings = load(STATE_DIRECTORY="/srv/s", CONNECTOR_STORE_URL="sqlite:///${STATE_DIRECTORY}/x.db")
        assert settings.store_path == Path("/srv/s/x.db")
        (problem,) = problems(CONNECTOR_STORE_URL="sqlite:///$STATE_DIRECTORY/x.db")
        assert "$STATE_DIRECTORY, which is not set" in problem


def test_effective_names_value_and_source() -> None:
    lines = {line.name: line for line in effective(load(ORDERS_HOLD="2h", CONNECTOR_ADMIN_TOKEN="canary-admin"))}
    assert (lines["ORDERS_HOLD"].value, lines["ORDERS_HOLD"].source) == ("2h", "environment")
    assert (lines["ORDERS_EVERY"].value, lines["ORDERS_EVERY"].source) == ("60s", "default")
    assert lines["CONNECTOR_ADMIN_TOKEN"].value == "(hidden)"
    assert lines["CONNECTOR_TOKEN_KEY"].value == ""
    assert lines["RETURNS"].planned


@pytest.mark.parametrize(
    ("listen", "local"),
    [("127.0.0.1:1", True), ("127.9.9.9:1", True), ("[::1]:1", True), ("localhost:1", True), ("unix:/x", True),
     ("0.0.0.0:1", False), ("[::]:1", False), ("10.0.0.1:1", False), ("shop.example.com:1", False)],
)  # fmt: skip
def test_local_only(listen: str, local: bool) -> None:
    settings = load(CONNECTOR_LISTEN=listen)
    assert settings.connector_listen.local_only is local
    assert str(settings.connector_listen) == listen


def test_since_counts_back_from_the_first_run() -> None:
    assert Since(back=timedelta(hours=1)).start_ms(7_200_000) == 3_600_000
    assert Since(at_ms=5).start_ms(7_200_000) == 5


@given(amount=st.integers(0, 10**6), unit=st.sampled_from(["", "s", "m", "h", "d"]))
def test_durations_are_exact(amount: int, unit: str) -> None:
    factor = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
    assert duration(f"{amount}{unit}") == timedelta(seconds=amount * factor)


TAKES_ANY_TEXT = (
    "ORDERS_HOLD", "CONNECTOR_LISTEN", "CONNECTOR_PUBLIC_URL", "FULFILLMENTS_CARRIER_MAP", "ORDERS_SINCE",
    "INVENTORY_BUFFER", "ORDERS_MESSAGE", "CONNECTOR_STORE_URL", "AI_URL", "INVENTORY_GUARD", "CONNECTOR_BACKUP_AT",
    "TIKTOK_REQUESTS_PER_SECOND", "AI_API_KEY",
)  # fmt: skip


@given(name=st.sampled_from(TAKES_ANY_TEXT), text=st.text(max_size=30))
def test_no_text_is_worse_than_a_problem_by_name(name: str, text: str) -> None:
    reported: tuple[str, ...] = ()
    try:
        load(**{name: text})
    except SettingsError as error:
        reported = error.problems
    assert all(problem.startswith(name) for problem in reported)


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=("AI_MODEL=from-a-pipe\n",), daemon=True)
    writer.start()
    assert load_settings(NEEDED, path).ai_model == "from-a-pipe"
    writer.join()
