"""Where the texts of settings come from, and where exactly each was found.

In this order, for any setting: the environment, then the env file. For a secret also: the file
`$CREDENTIALS_DIRECTORY/<name in lower case>` (systemd's LoadCredential) and the file that `<NAME>_FILE` names. A secret
that is given in two of these ways with two different values is a problem and not a guess. An empty value is unset;
a `<NAME>_FILE` that cannot be read, or is empty, is a problem.

Nothing is interpreted here; what a text means is the business of `grammar.py`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from daemon.settings import envfile

ENV_FILE_BYTES_MAX = 1 << 20
SECRET_FILE_BYTES_MAX = 1 << 16
_GIVEN = ("STATE_DIRECTORY", "CREDENTIALS_DIRECTORY")


@dataclass(frozen=True, slots=True)
class Found:
    """One text and its place, in words for a person ("connector.env line 3"). The text stays out of the repr."""

    text: str = field(repr=False)
    place: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """Every variable of environment and env file, and what could not be read."""

    variables: Mapping[str, Found]
    credentials: Mapping[str, Found]
    problems: tuple[str, ...]
    in_env_file: frozenset[str]


def gather(environ: Mapping[str, str], env_file: Path | None) -> Gathered:
    """Read the env file, lay the environment over it, and look into the credentials directory."""
    problems: list[str] = []
    from_file = _env_file(env_file, problems) if env_file is not None else {}
    variables = dict(from_file)
    for name, text in environ.items():
        if text or name not in from_file:
            variables[name] = Found(text, "environment")
    directory = variables.get("CREDENTIALS_DIRECTORY")
    credentials = _credentials(Path(directory.text), problems) if directory and directory.text else {}
    return Gathered(variables, credentials, tuple(problems), frozenset(from_file))


def secret(name: str, gathered: Gathered) -> tuple[Found | None, list[str]]:
    """The one value of a secret, or what is wrong with its ways."""
    problems: list[str] = []
    ways: list[Found] = []
    given = gathered.variables.get(name)
    if given and given.text:
        ways.append(given)
    pointer = gathered.variables.get(f"{name}_FILE")
    if pointer and pointer.text:
        text, problem = _read_secret(Path(pointer.text))
        if problem or not text:
            problems.append(f"{name}_FILE ({pointer.place}): {problem or 'the file it names is empty'}")
        else:
            ways.append(Found(text, f"{name}_FILE"))
    credential = gathered.credentials.get(name.lower())
    if credential and credential.text:
        ways.append(credential)
    if len({way.text for way in ways}) > 1:
        places = " and ".join(way.place for way in ways)
        problems.append(f"{name}: is given with different values by {places}; keep one of them")
    return (ways[0] if ways and not problems else None), problems


def state_directory(gathered: Gathered) -> str:
    """The first of systemd's state directories, or an empty text."""
    given = gathered.variables.get("STATE_DIRECTORY")
    return given.text.split(":")[0] if given else ""


def _env_file(path: Path, problems: list[str]) -> dict[str, Found]:
    content, problem = _read(path, ENV_FILE_BYTES_MAX)
    if problem:
        problems.append(f"env file {path}: {problem}")
        return {}
    entries, wrong = envfile.parse(content)
    problems.extend(f"{path.name} line {line}: {what}" for line, what in wrong)
    return {entry.name: Found(entry.value.strip(), f"{path.name} line {entry.line}") for entry in entries}


def _credentials(directory: Path, problems: list[str]) -> dict[str, Found]:
    found: dict[str, Found] = {}
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        problems.append(f"CREDENTIALS_DIRECTORY: {directory}: {_why(error)}")
        return found
    for name in names:
        path = directory / name
        if not envfile.NAME.fullmatch(name) or not path.is_file():
            continue
        text, problem = _read_secret(path)
        if problem:
            problems.append(f"{name.upper()} (credential {name}): {problem}")
        else:
            found[name] = Found(text, f"credential {name}")
    return found


def _read_secret(path: Path) -> tuple[str, str]:
    text, problem = _read(path, SECRET_FILE_BYTES_MAX)
    return text.strip(), problem


def _read(path: Path, bytes_max: int) -> tuple[str, str]:
    """The text of a file, and why it cannot be had. Pipes are read (`<(pass show ...)`), but only up to the bound."""
    try:
        with path.open("rb") as stream:
            if stat.S_ISDIR(os.fstat(stream.fileno()).st_mode):
                return "", f"{path} is a directory"
            content = stream.read(bytes_max + 1)
    except (OSError, ValueError) as error:
        return "", f"{path}: {_why(error)}"
    if len(content) > bytes_max:
        return "", f"{path} is larger than {bytes_max} bytes"
    try:
        return content.decode("utf-8"), ""
    except UnicodeDecodeError:
        return "", f"{path} is not UTF-8 text"


def _why(error: Exception) -> str:
    return (error.strerror or "cannot be read").lower() if isinstance(error, OSError) else "cannot be read"
