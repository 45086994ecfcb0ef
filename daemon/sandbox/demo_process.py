"""The real daemon as a process of its own: `python -m daemon run` on settings of ours and on nothing of the user's.

Its environment is made from scratch (a few names that have nothing to do with us come along), its settings are one env
file, its store and log lie in a folder that the caller owns. Killing it is part of the play; dying by itself is not and
raises `DaemonFailed` with the end of its log.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import daemon
from daemon.apis.http import HttpxTransport, Request, TransportError

READY_WITHIN_S = 20.0
STOP_WITHIN_S = 20.0
LOG_LINES = 20
KEPT_ENVIRONMENT = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "PYTHONHOME")

_BACKLOG = re.compile(r'^connector_backlog_items\{flow="(\w+)",state="(\w+)"\} (\S+)$', re.MULTILINE)
_EXCEPTIONS = re.compile(r'^connector_exceptions_open\{code="(\w+)",flow="(\w+)"\} (\S+)$', re.MULTILINE)


class DaemonFailed(Exception):
    """The daemon did not come up, or ended by itself; the text says how, with the end of its log."""


class DaemonProcess:
    """One daemon on one folder; started, killed and started again."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        """`settings` go into the env file; store and listening address are added where they are not given."""
        self.listen = settings.get("CONNECTOR_LISTEN") or f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.listen}"
        self.env_file = folder / "connector.env"
        self.log_file = folder / "connector.log"
        self.store = folder / "connector.db"
        self.settings = {
            "CONNECTOR_LISTEN": self.listen,
            "CONNECTOR_STORE_URL": f"sqlite:///{self.store}",
            "CONNECTOR_LOG_FORMAT": "text",
            **settings,
        }
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._http = HttpxTransport(connections=2, trust_env=False)
        self._killed = False

    @property
    def pid(self) -> int:
        """Of the process that runs, or ran last."""
        assert self._process is not None, "never started"
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How the last process ended; None while it runs."""
        return self._process.returncode if self._process else None

    async def start(self, *, ready: bool = True) -> None:
        """Start it; with `ready` returns once its first polls are over. Raises `DaemonFailed`."""
        text = "".join(f"{name}={value}\n" for name, value in self.settings.items())
        self.env_file.touch(mode=0o600)
        self.env_file.write_text(text)
        self._killed = False
        # in its own session, so that Ctrl-C reaches us alone and we end it in order
        with self.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "daemon",
                "run",
                "--env-file",
                str(self.env_file),
                cwd=self._folder,
                env=clean_environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if ready:
            await self._until_ready()

    async def _until_ready(self) -> None:
        loop = asyncio.get_running_loop()
        end_s = loop.time() + READY_WITHIN_S
        while loop.time() < end_s:
            self.check()
            if await self._get("/readyz") is not None:
                return
            await asyncio.sleep(0.05)
        raise DaemonFailed(self._with_log(f"the daemon was not ready after {READY_WITHIN_S:.0f} s"))

    def check(self) -> None:
        """Raises `DaemonFailed` when it ended and nobody killed it."""
        code = self.returncode
        if code is not None and not self._killed:
            raise DaemonFailed(self._with_log(f"the daemon ended by itself with status {code}"))

    def expect_kill(self) -> None:
        """Somebody is about to kill it: its end is no failure."""
        self._killed = True

    async def ended(self, within_s: float) -> bool:
        """Wait for its end; False when it still runs."""
        assert self._process is not None, "never started"
        try:
            await asyncio.wait_for(self._process.wait(), within_s)
        except TimeoutError:
            return False
        return True

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.expect_kill()
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM, as systemd would; SIGKILL when that takes too long."""
        self.expect_kill()
        await self._end(signal.SIGTERM)

    async def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(how)
        if not await self.ended(STOP_WITHIN_S):
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def kill_now(self) -> None:
        """SIGKILL without waiting, for the last resort."""
        if self._process is not None and self._process.returncode is None:
            self.expect_kill()
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    async def aclose(self) -> None:
        """Kill what still runs and give everything back."""
        try:
            await self.kill()
        finally:
            await self._http.aclose()

    async def backlog(self) -> dict[tuple[str, str], int] | None:
        """What it owes by (flow, state), from its metrics; None while it cannot be asked."""
        text = await self._get("/metrics")
        if text is None:
            return None
        return {(flow, state): int(float(count)) for flow, state, count in _BACKLOG.findall(text)}

    async def exceptions(self) -> dict[str, int]:
        """Open exceptions by code, from its metrics; empty while it cannot be asked."""
        text = await self._get("/metrics") or ""
        return {code: int(float(count)) for code, _, count in _EXCEPTIONS.findall(text) if float(count)}

    async def _get(self, path: str) -> str | None:
        try:
            answer = await self._http.send(Request("GET", f"{self.url}{path}", timeout_s=3.0))
        except TransportError:
            return None
        return answer.body.decode() if answer.status == 200 else None

    def log_tail(self, lines: int = LOG_LINES) -> list[str]:
        """The last lines of its log."""
        try:
            return self.log_file.read_text(errors="replace").splitlines()[-lines:]
        except FileNotFoundError:
            return []

    def _with_log(self, problem: str) -> str:
        lines = self.log_tail() or ["(its log is empty)"]
        return "\n".join([f"{problem}; the end of its log:", *(f"    {line}" for line in lines)])


def clean_environment() -> dict[str, str]:
    """An environment without any setting of ours; our package is found whether or not it is installed."""
    kept = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    return kept | {"PYTHONPATH": str(Path(daemon.__file__).parent.parent)}


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
