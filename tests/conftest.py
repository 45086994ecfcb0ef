"""What the whole suite needs of the machine: compiled code is kept, and temporary files lie in memory where they can.

The tests start some hundred processes, and each would compile the daemon again where the environment forbids to keep
it. Stores are on real files with real fsyncs, which a disk that others use, too, answers in its own time.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from hypothesis import settings

RAM = Path("/dev/shm")
ROOM = 2_000_000_000
"""Bytes that must be free there; a container often has 64 MB, which is too little."""

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

if "TMPDIR" not in os.environ and RAM.is_dir() and os.access(RAM, os.W_OK) and shutil.disk_usage(RAM).free > ROOM:
    os.environ["TMPDIR"] = str(RAM)
    tempfile.tempdir = None

# a busy machine is no reason to fail: how long an example takes says nothing about whether it is right
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
