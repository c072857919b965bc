"""How a webhook is signed: `X-Veille-Signature: t=<seconds>,v1=<HMAC-SHA256 of "t.body">`."""

import hashlib
import hmac
import re
from typing import Final

HEADER: Final = "X-Veille-Signature"
TOLERANCE_SECONDS: Final = 300


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """The header's value."""
    return f"t={timestamp},v1={_digest(secret, str(timestamp), body)}"


def is_genuine(secret: str, header: str, body: bytes, *, now: float) -> bool:
    """Whether `body` came from who knows the secret, within five minutes of `now`."""
    found = re.fullmatch(r"t=(\d{1,12}),v1=([0-9a-f]{64})", header)
    if not found or abs(now - int(found[1])) > TOLERANCE_SECONDS:
        return False
    return hmac.compare_digest(_digest(secret, found[1], body), found[2])


def _digest(secret: str, timestamp: str, body: bytes) -> str:
    signed = timestamp.encode() + b"." + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
