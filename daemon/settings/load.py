"""One pass from texts to `Settings`, with every problem found on the way in one `SettingsError`.

The order: gather the texts; name every variable that is not ours but looks like it; read each setting; then the checks
that need two settings, on those that could be read. Problems name the variable, its place when that is a line of the
env file, what is wrong and what is accepted. The text of a secret is never part of one, wherever it was pasted.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from daemon.errors import SettingsError
from daemon.settings.declare import Declared
from daemon.settings.model import Settings, declarations
from daemon.settings.sources import Found, Gathered, gather, secret, state_directory
from daemon.settings.values import AiProvider, Direction, MissingAttributes

PREFIXES = (
    "TIKTOK_", "PIPE17_", "ORDERS_", "FULFILLMENTS_", "PRODUCTS_", "INVENTORY_", "LOCATIONS_", "RETURNS_", "REFUNDS_",
    "STATEMENTS_", "AI_", "CONNECTOR_",
)  # fmt: skip
STATE_DEFAULTS = {"CONNECTOR_STORE_URL": "sqlite:///{}/connector.db", "CONNECTOR_BACKUP_DIR": "{}/backups"}
SECRET_SHORTEST = 6
"""A shorter secret is not looked for in problem texts: it would blot out plain words."""

_STATE_VARIABLE = re.compile(r"\$STATE_DIRECTORY\b|\$\{STATE_DIRECTORY\}")
_NEAR_IN_FILE, _NEAR_ELSEWHERE, _NEAR_LENGTH_MIN = 0.85, 0.9, 9
_KUBERNETES = re.compile(r"(\w+?)_(SERVICE_HOST|SERVICE_PORT\w*|PORT|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")


def load_settings(
    environ: Mapping[str, str], env_file: Path | None = None, *, credentials_needed: bool = True
) -> Settings:
    """The settings, or a `SettingsError` with every problem. The environment wins over the env file.

    Without `credentials_needed` the required secrets may be missing and are empty then: for commands that read the
    store or ask the running daemon, whose operator has no business with the service's credentials.
    """
    gathered = gather(environ, env_file)
    problems = [*gathered.problems, *_unknown(gathered)]
    found: dict[str, Found] = {}
    bad: set[str] = set()
    for name, entry in declarations().items():
        value, wrong = _value(entry, gathered)
        if wrong:
            problems.extend(wrong)
            bad.add(name)
        elif value is not None:
            found[name] = value
    absent = set() if credentials_needed else {name for name, entry in declarations().items() if entry.required}
    settings, wrong_values = _build(found, bad, absent - found.keys() - bad, state_directory(gathered))
    problems.extend(wrong_values)
    if settings is not None:
        problems.extend(_clashes(settings, bad))
    if problems or settings is None:
        raise SettingsError(_without_secrets(problems, gathered))
    return settings


def planned_in_use(settings: Settings) -> tuple[str, ...]:
    """The variables that ask for something this version does not do yet; one set to off or false asks for nothing."""
    known = declarations()
    names = tuple(name for name in settings.found if known[name].planned and not _asks_nothing(settings, name))
    return ("PRODUCTS=push", *names) if settings.products is Direction.PUSH else names


def _asks_nothing(settings: Settings, name: str) -> bool:
    value = getattr(settings, name.lower())
    return value is None or value is False or value is Direction.OFF


def _value(entry: Declared, gathered: Gathered) -> tuple[Found | None, list[str]]:
    if entry.secret:
        return secret(entry.name, gathered)
    given = gathered.variables.get(entry.name)
    if given is None or not given.text.strip():
        return None, []
    text = given.text.strip()
    if entry.name not in STATE_DEFAULTS or not _STATE_VARIABLE.search(text):
        return Found(text, given.place), []
    state = state_directory(gathered)
    if not state:
        return None, [f"{_where(entry.name, given)}: names $STATE_DIRECTORY, which is not set; write the path itself"]
    return Found(_STATE_VARIABLE.sub(lambda _: state, text), given.place), []


def _build(
    found: Mapping[str, Found], bad: set[str], absent: set[str], state: str
) -> tuple[Settings | None, list[str]]:
    """Read every value. On problems, what the rest makes, so that the other checks still have their say."""
    values: dict[str, Any] = {name.lower(): one.text for name, one in found.items()}
    values |= {name.lower(): SecretStr("") for name in absent}
    if state:
        for name, pattern in STATE_DEFAULTS.items():
            values.setdefault(name.lower(), pattern.format(state))
    for name in bad:
        values[name.lower()] = _stand_in(name)
    problems: list[str] = []
    try:
        settings = Settings(**values)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            name = str(detail["loc"][0]).upper()
            problems.append(_problem(name, found.get(name), detail))
            bad.add(name)
            values[name.lower()] = _stand_in(name)
        settings = Settings(**values)
    settings._found = {name: _kept(name, one) for name, one in found.items() if name not in bad}
    return settings, problems


def _problem(name: str, found: Found | None, detail: Mapping[str, Any]) -> str:
    if detail["type"] == "missing":
        ways = f"set it, or {name}_FILE, or the credential {name.lower()}"
        return f"{name}: is required ({declarations()[name].help}); {ways}"
    cause = detail.get("ctx", {}).get("error")
    return f"{_where(name, found)}: {cause}"


def _stand_in(name: str) -> Any:
    """What a setting that cannot be read is taken for while the others are checked; never handed out."""
    entry = declarations()[name]
    return "unreadable" if entry.required else entry.default


def _kept(name: str, found: Found) -> Found:
    return Found("", found.place) if declarations()[name].secret else found


def _where(name: str, found: Found | None) -> str:
    return name if found is None or found.place == "environment" else f"{name} ({found.place})"


def _unknown(gathered: Gathered) -> Iterator[str]:
    known = {*declarations(), *(f"{entry.name}_FILE" for entry in declarations().values() if entry.secret)}
    for name, found in gathered.variables.items():
        if name in known or _from_kubernetes(name, gathered):
            continue
        if name.upper() in known and "_" in name:
            yield f"{_where(name, found)}: is written in capitals: {name.upper()}"
        elif name.startswith(PREFIXES):
            yield f"{_where(name, found)}: is no setting{_nearest(name, known, 0.6)}"
        else:
            in_file = name in gathered.in_env_file
            nearest = _nearest(name, known, _NEAR_IN_FILE if in_file else _NEAR_ELSEWHERE)
            if nearest and (in_file or len(name) >= _NEAR_LENGTH_MIN):
                yield f"{_where(name, found)}: is no setting{nearest}"
    secrets = {entry.name.lower() for entry in declarations().values() if entry.secret}
    for name in gathered.credentials:
        if name not in secrets and name.upper().startswith(PREFIXES):
            what = "is not a secret, set the variable" if name.upper() in known else "is no secret of ours"
            yield f"credential {name}: {what}{_nearest(name, secrets, 0.6) if name.upper() not in known else ''}"


def _nearest(name: str, known: set[str], cutoff: float) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=cutoff)
    if not near:
        return ""
    if near[0].endswith("_FILE") and not name.endswith("_FILE"):
        near = [near[0].removesuffix("_FILE")]
    return f"; did you mean {near[0]}?"


def _from_kubernetes(name: str, gathered: Gathered) -> bool:
    """A Service called `tiktok-pipe17` or `connector` puts variables of its own into every container beside it."""
    match = _KUBERNETES.fullmatch(name)
    return match is not None and f"{match[1]}_SERVICE_HOST" in gathered.variables


def _location_or_total(settings: Settings) -> str:
    if not (settings.inventory_location and settings.inventory_total_to_default):
        return ""
    return (
        "INVENTORY_LOCATION and INVENTORY_TOTAL_TO_DEFAULT: one location or the total of all, not both; "
        "leave one of them out"
    )


def _ai_without_endpoint(settings: Settings) -> str:
    asked = settings.products is Direction.PUSH and settings.products_missing_attributes is MissingAttributes.AI
    if not asked or settings.ai_provider is not AiProvider.OPENAI or (settings.ai_url and settings.ai_model):
        return ""
    return "AI_PROVIDER: openai needs AI_URL and AI_MODEL"


CLASHES: tuple[tuple[Callable[[Settings], str], frozenset[str]], ...] = (
    (_location_or_total, frozenset({"INVENTORY_LOCATION", "INVENTORY_TOTAL_TO_DEFAULT"})),
    (
        _ai_without_endpoint,
        frozenset({"PRODUCTS", "PRODUCTS_MISSING_ATTRIBUTES", "AI_PROVIDER", "AI_URL", "AI_MODEL"}),
    ),
)
"""Each check that needs more than one setting, with those it reads: it is left out when one of them is unreadable."""


def _clashes(settings: Settings, bad: set[str]) -> Iterator[str]:
    for check, reads in CLASHES:
        problem = "" if reads & bad else check(settings)
        if problem:
            yield problem


def _without_secrets(problems: list[str], gathered: Gathered) -> list[str]:
    """The same texts with every secret blotted out, also one that was pasted into the wrong variable."""
    hidden: list[str] = []
    for entry in declarations().values():
        if entry.secret:
            ways = (gathered.variables.get(entry.name), gathered.credentials.get(entry.name.lower()))
            hidden.extend(way.text for way in ways if way is not None and len(way.text) >= SECRET_SHORTEST)
    cleaned: list[str] = []
    for problem in problems:
        for text in hidden:
            problem = problem.replace(text, "(hidden)")
        cleaned.append(problem)
    return cleaned
