"""The last defence of the log: what must never be in a line is blotted out of it.

The first defence is that nobody logs such things. This one catches slips, by three rules: a text that we know to be
secret (every secret of the settings, every token that is got later) goes wherever it appears, also URL-encoded; a field
whose *name* says that it holds a secret or personal data loses its value; and what looks like an e-mail address, a
telephone number, a bearer token or a secret in a URL goes too. Names and streets have no pattern: only the second rule
can catch them. Order ids, instants in milliseconds and tracking numbers of more than 11 digits are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

HIDDEN = "[hidden]"
SECRET_SHORTEST = 6
"""A shorter secret would blot out plain words."""
SECRETS_MAX = 256

_KEYS = re.compile(
    r"token|secret|passw|api_?key|app_?key|cipher|authorization|cookie|signature|^sign$"
    r"|e_?mail|phone|address|recipient|postal|zip_?code|street|(?:^|_)(?:first|last|full|buyer|customer)_?name",
    re.IGNORECASE,
)
_PATTERNS = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (
            r"\b((?:access|refresh)_token|app_secret|app_key|auth_code|shop_cipher|sign|(?<=[?&])code)=[^&\s\"']+",
            r"\1=[hidden]",
        ),
        (r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", r"\1 [hidden]"),
        (r"((?:x-tts-access-token|x-pipe17-key|authorization|cookie)[\"']?\s*[:=]\s*)[^\s,;}]+", r"\1[hidden]"),
        (r"[^\s@\"<>(),;:=]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}", HIDDEN),
        (r"(?<![\w.])\(?\+\d{1,3}\)?(?:[\s.-]?\(?\d{1,4}\)?){2,5}(?!\w)", HIDDEN),
        (r"(?<![\w.-])(?:1[\s.-]?)?\(?[2-9]\d\d\)?[\s.-]?[2-9]\d\d[\s.-]?\d{4}(?![\w-])", HIDDEN),
        (r"(?<![\w.-])0\d{2,4}[\s-]?\d{3}[\s-]?\d{3,4}(?![\w-])", HIDDEN),
    )
)


class Redactor:
    """Knows what to hide. One for the whole process; tokens got later are added with `hide`."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: dict[str, None] = {}
        self._known: re.Pattern[str] | None = None
        self.hide(*secrets)

    def hide(self, *secrets: str) -> None:
        """From now on these texts, and their URL-encoded forms, never appear. The oldest give way at `SECRETS_MAX`."""
        for secret in secrets:
            if len(secret) >= SECRET_SHORTEST:
                for form in (
                    secret,
                    quote(secret, safe=""),
                    quote_plus(secret),
                    secret.encode("unicode_escape").decode(),
                ):
                    self._secrets.pop(form, None)
                    self._secrets[form] = None
        while len(self._secrets) > SECRETS_MAX:
            del self._secrets[next(iter(self._secrets))]
        longest_first = sorted(self._secrets, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def text(self, text: str) -> str:
        """The text without anything that must not be shown."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text

    def hides_key(self, key: str) -> bool:
        """True when a field of this name is not shown at all."""
        return _KEYS.search(key) is not None
