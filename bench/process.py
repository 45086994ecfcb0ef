"""The real daemon as a process of its own, `python -m daemon run`, and what the kernel says about it.

CPU time and memory come from /proc, so these benches need Linux. READY is the daemon's own word: this side of the
socket plays systemd (sd_notify).
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import daemon

READY_WITHIN_S = 60.0
STOP_WITHIN_S = 30.0
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Measured:
    """A daemon that runs. `ready_s` is from the start of the process to READY=1."""

    folder: Path
    port: int
    ready_s: float
    _process: asyncio.subprocess.Process

    @property
    def url(self) -> str:
        """Where its web side listens."""
        return f"http://127.0.0.1:{self.port}"

    def cpu_s(self) -> float:
        """Seconds of CPU that the process has used, in user and system mode, all threads."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def rss_mb(self) -> float:
        """Resident memory in megabytes (10^6 bytes)."""
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise AssertionError("no VmRSS in /proc")

    def must_live(self) -> None:
        """Raises with the end of its log when it has ended."""
        if self._process.returncode is not None:
            log = (self.folder / "daemon.log").read_text()[-3000:]
            raise RuntimeError(f"the daemon ended with {self._process.returncode}:\n{log}")

    async def stop(self) -> float:
        """SIGTERM; returns how many seconds it took to end."""
        started_s = time.monotonic()
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(self._process.wait(), STOP_WITHIN_S)
        return time.monotonic() - started_s


async def start(folder: Path, settings: Mapping[str, str], *, profile: Path | None = None) -> Measured:
    """Start a daemon on `folder`/connector.db and return at READY=1. With `profile` it runs under cProfile."""
    port = _free_port()
    environ = {name: os.environ[name] for name in KEPT if name in os.environ}
    environ |= {
        "PYTHONPATH": str(Path(daemon.__file__).parent.parent),
        "CONNECTOR_STORE_URL": f"sqlite:///{folder / 'connector.db'}",
        "CONNECTOR_LISTEN": f"127.0.0.1:{port}",
        "NOTIFY_SOCKET": str(folder / "notify"),
        **settings,
    }
    command = [sys.executable, *(("-m", "cProfile", "-o", str(profile)) if profile else ()), "-m", "daemon", "run"]
    with _service_manager(folder / "notify") as line, (folder / "daemon.log").open("wb") as log:
        started_s = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *command, env=environ, cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
        )
        running = Measured(folder, port, 0.0, process)
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                while b"READY=1" not in await asyncio.get_running_loop().sock_recv(line, 4096):
                    running.must_live()
        except TimeoutError:
            process.kill()
            await process.wait()
            running.must_live()
        running.ready_s = time.monotonic() - started_s
    return running


def _service_manager(path: Path) -> socket.socket:
    """The socket that systemd would listen on."""
    path.unlink(missing_ok=True)
    line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    line.bind(str(path))
    line.setblocking(False)
    return line


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
