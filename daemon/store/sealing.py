"""Secrets on disk: sealed with CONNECTOR_TOKEN_KEY, or plain behind file mode 0600 where there is no key.

AES-256-GCM, a fresh nonce each, the secret's name as associated data, so that none can be put in another's place. A
sealed text without its key, or with another one, is an error that says so and never an empty one.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode

from daemon.errors import StoreError

_SEALED = "sealed:"


class Seal:
    """Seals and opens with one key; None seals nothing."""

    def __init__(self, key: bytes | None) -> None:
        self._key = key

    def due(self, stored: str) -> bool:
        """Whether a stored text is still plain, and a key has been set since."""
        return self._key is not None and not stored.startswith(_SEALED)

    def close(self, name: str, text: str) -> str:
        """The text as it may be stored under this name."""
        if self._key is None:
            return text
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(12)
        return _SEALED + b64encode(nonce + AESGCM(self._key).encrypt(nonce, text.encode(), name.encode())).decode()

    def open(self, name: str, stored: str) -> str:
        """The text that was stored under this name; raises `StoreError`."""
        if not stored.startswith(_SEALED):
            return stored
        if self._key is None:
            raise StoreError("the stored tokens are sealed; set the CONNECTOR_TOKEN_KEY they were sealed with")
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            sealed = b64decode(stored.removeprefix(_SEALED))
            return AESGCM(self._key).decrypt(sealed[:12], sealed[12:], name.encode()).decode()
        except InvalidTag:
            raise StoreError("CONNECTOR_TOKEN_KEY is not the key that the stored tokens were sealed with") from None
        except ValueError as error:
            raise StoreError(f"the stored tokens are damaged ({error}); grant access again") from None
