"""The statements of queries.sql by name. A line `-- name: outbox_claim` opens a statement; comments stay with it."""

from __future__ import annotations

from importlib import resources


def read_statements(text: str) -> dict[str, str]:
    """Split a file of named statements; a name used twice is an error."""
    statements: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("-- name:"):
            name = line.removeprefix("-- name:").strip()
            if name in statements:
                raise ValueError(f"statement {name} is defined twice")
            statements[name] = ""
        elif name and not line.startswith("--"):
            statements[name] += line + "\n"
    return {key: body.strip().rstrip(";") for key, body in statements.items()}


SQL = read_statements(resources.files("daemon.store").joinpath("queries.sql").read_text(encoding="utf-8"))
