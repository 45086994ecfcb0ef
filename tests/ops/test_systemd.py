"""The line to systemd, and the unit files."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.ops.systemd import Notifier
from daemon.settings.model import declarations

UNITS = Path(__file__).parents[2] / "systemd"
UNIT_NAMES = ("tiktok-pipe17.service", "tiktok-pipe17@.service")
ANALYZE = shutil.which("systemd-analyze")
KNOWN = {
    "Unit": {"Description", "Wants", "After", "StartLimitIntervalSec", "StartLimitBurst"},
    "Service": {
        "Type", "NotifyAccess", "ExecStart", "EnvironmentFile", "LoadCredential", "SetCredential", "Restart",
        "RestartSec", "RestartPreventExitStatus", "TimeoutStartSec", "TimeoutStopSec", "WatchdogSec", "KillMode",
        "DynamicUser", "StateDirectory", "StateDirectoryMode", "RuntimeDirectory", "UMask", "MemoryHigh", "MemoryMax",
        "MemorySwapMax", "TasksMax", "LimitNOFILE", "LimitCORE", "OOMPolicy", "CapabilityBoundingSet",
        "AmbientCapabilities", "NoNewPrivileges", "KeyringMode", "LockPersonality", "MemoryDenyWriteExecute",
        "PrivateDevices", "PrivateIPC", "PrivateTmp", "PrivateUsers", "ProcSubset", "ProtectClock",
        "ProtectControlGroups", "ProtectHome", "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules",
        "ProtectKernelTunables", "ProtectProc", "ProtectSystem", "RemoveIPC", "RestrictAddressFamilies",
        "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "SystemCallArchitectures",
        "SystemCallErrorNumber", "SystemCallFilter",
    },
    "Install": {"WantedBy"},
}  # fmt: skip
"""Directives of systemd 252 (Debian 12) that we use: a misspelt one is ignored by systemd, not refused."""


def unit(name: str) -> dict[str, list[tuple[str, str]]]:
    sections: dict[str, list[tuple[str, str]]] = {}
    section = ""
    for line in (UNITS / name).read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
            assert section not in sections
            sections[section] = []
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals
            sections[section].append((key, value))
    return sections


@pytest.fixture(params=["path", "abstract"])
def line(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A listening socket, and what NOTIFY_SOCKET says."""
    address = str(tmp_path / "notify") if request.param == "path" else f"@connector-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        listener.settimeout(2)
        yield listener, address


def test_what_systemd_hears(line: tuple[socket.socket, str]) -> None:
    listener, address = line
    notifier = Notifier({"NOTIFY_SOCKET": address})
    for tell, heard in (
        (notifier.ready, b"READY=1"),
        (notifier.alive, b"WATCHDOG=1"),
        (notifier.stopping, b"STOPPING=1"),
        (lambda: notifier.status("2 flows\nREADY=1\n  fine"), b"STATUS=2 flows READY=1 fine"),
    ):
        assert tell()
        assert listener.recv(4096) == heard
    assert notifier.status("x" * 5000)
    assert len(listener.recv(8192)) < 300


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:1", "/nowhere/at/all", "/" + 300 * "x", "@" + 300 * "x"])
def test_without_a_listener_nothing_happens(address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address})
    assert not notifier.ready()
    assert not notifier.status("fine")
    assert not Notifier({}).alive()


def test_a_full_socket_does_not_block(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        notifier = Notifier({"NOTIFY_SOCKET": address})
        answers = [notifier.alive() for _ in range(5_000)]
    assert answers[0]
    assert not answers[-1]


@pytest.mark.parametrize(
    ("environ", "every"),
    [
        ({"WATCHDOG_USEC": "60000000"}, timedelta(seconds=20)),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, timedelta(seconds=20)),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_watchdog(environ: dict[str, str], every: timedelta | None) -> None:
    assert Notifier({"NOTIFY_SOCKET": "/run/x", **environ}).watchdog_every == every
    assert Notifier(environ).watchdog_every is None


@pytest.mark.parametrize("name", UNIT_NAMES)
def test_every_directive_is_known(name: str) -> None:
    found = unit(name)
    assert set(found) == set(KNOWN)
    for section, entries in found.items():
        assert {key for key, _ in entries} <= KNOWN[section]


@pytest.mark.parametrize("name", UNIT_NAMES)
def test_what_the_daemon_relies_on(name: str) -> None:
    entries = unit(name)["Service"]
    for needed in (
        ("Type", "notify"), ("Restart", "on-failure"), ("RestartPreventExitStatus", "78"), ("TimeoutStopSec", "30"),
        ("DynamicUser", "yes"), ("StateDirectoryMode", "0700"), ("ProtectSystem", "strict"),
        ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"), ("CapabilityBoundingSet", ""),
        ("NoNewPrivileges", "yes"), ("SystemCallFilter", "@system-service"),
    ):  # fmt: skip
        assert needed in entries
    keys = {key for key, _ in entries}
    assert {"WatchdogSec", "MemoryMax", "StateDirectory"} <= keys


@pytest.mark.parametrize("name", UNIT_NAMES)
def test_each_secret_can_come_as_a_credential_and_none_must(name: str) -> None:
    entries = unit(name)["Service"]
    secrets = {entry.name.lower() for entry in declarations().values() if entry.secret}
    loaded = dict(value.split(":", 1) for key, value in entries if key == "LoadCredential")
    assert set(loaded) == secrets
    assert all(path.startswith("/etc/tiktok-pipe17/credentials/") for path in loaded.values())
    assert all(path.endswith(f"/{secret}") for secret, path in loaded.items())
    assert {value for key, value in entries if key == "SetCredential"} == {f"{secret}:\\n" for secret in secrets}


def test_the_template_keeps_shops_apart() -> None:
    one, many = unit(UNIT_NAMES[0]), unit(UNIT_NAMES[1])
    own = {"Description", "EnvironmentFile", "LoadCredential", "StateDirectory", "RuntimeDirectory"}
    for section in one:
        for (key, value), (key_many, value_many) in zip(one[section], many[section], strict=True):
            assert key == key_many
            assert ("%i" in value_many) == (key in own)
            assert "%" not in value
            if key not in own:
                assert value == value_many


if ANALYZE is not None:  # Debian's own judgement, where it is installed; the tests above hold everywhere

    @pytest.mark.parametrize("name", UNIT_NAMES)
    def test_systemd_itself_accepts_the_unit(name: str, tmp_path: Path) -> None:
        text = (UNITS / name).read_text().replace("/opt/tiktok-pipe17/bin/tiktok-pipe17", "/bin/true")
        path = tmp_path / name.replace("@", "@shop")
        path.write_text(text)
        assert ANALYZE is not None
        done = subprocess.run([ANALYZE, "verify", str(path)], capture_output=True, text=True, timeout=60, check=False)
        complaints = [line for line in done.stderr.splitlines() if str(path) in line or path.name in line]
        assert not complaints

    def test_systemd_finds_little_exposed() -> None:
        assert ANALYZE is not None
        command = [ANALYZE, "security", "--offline=true", "--threshold=15", str(UNITS / UNIT_NAMES[0])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0
