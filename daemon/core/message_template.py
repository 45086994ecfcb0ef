"""The template of a message to the buyer: plain text with `{order_id}`, `{buyer_name}`, `{shop_name}`, `{ship_by}`.

`{{` and `}}` are braces. Checked when the settings are read, with the place of what is wrong, counted from 1. TikTok
takes `TEXT_MAX` characters, so the longest text that a template can become is what counts; values are cut to `WIDEST`.
"""

from __future__ import annotations

TEXT_MAX = 2_000
"""Characters of a TEXT message (contract 9)."""
WIDEST = {"order_id": 20, "buyer_name": 60, "shop_name": 100, "ship_by": 30}
"""The placeholders, and the most characters that each becomes."""
_USE = "use " + ", ".join(f"{{{name}}}" for name in WIDEST) + ", and {{ or }} for a brace"


def check_template(template: str) -> str:
    """The template as it is; raises `ValueError` with what is wrong and where."""
    widest = sum(len(piece) if is_text else WIDEST[piece] for is_text, piece in pieces(template))
    if widest > TEXT_MAX:
        raise ValueError(f"can become {widest} characters long; TikTok takes {TEXT_MAX}")
    return template


def pieces(template: str) -> list[tuple[bool, str]]:
    """Plain text (True, text) and placeholders (False, name), in order."""
    found: list[tuple[bool, str]] = []
    at = 0
    while at < len(template):
        sign = template[at]
        if template[at : at + 2] in ("{{", "}}"):
            found.append((True, sign))
            at += 2
        elif sign == "{":
            end = template.find("}", at)
            name = template[at + 1 : end] if end > 0 else ""
            if end < 0 or "{" in name:
                raise ValueError(f"position {at + 1}: a brace that is not closed; {_USE}")
            if name not in WIDEST:
                raise ValueError(f"position {at + 1}: '{{{name[:40]}}}' is not a placeholder; {_USE}")
            found.append((False, name))
            at = end + 1
        elif sign == "}":
            raise ValueError(f"position {at + 1}: a brace that was not opened; {_USE}")
        else:
            end = min((i for i in (template.find("{", at), template.find("}", at)) if i >= 0), default=len(template))
            found.append((True, template[at:end]))
            at = end
    return found
