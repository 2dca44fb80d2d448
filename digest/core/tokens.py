"""What stands in the links and in the envelope of a letter, so that whoever comes back with it need not be asked who they are.

    token   HMAC-SHA256 of purpose, subscriber and nonce, 24 bytes: 32 letters of base64url; kept is its SHA-256 alone
    VERP    bounce+12.k5xq...@list-domain: the address that a letter comes back to, signed (variable envelope return path)
    ticket  the time and a signature: stands in each form of ours, so that it cannot be sent from a page of somebody else's

A token is looked up by its SHA-256 and says nothing about whose it is. It is good for one purpose, because that is part of it,
and until the nonce of the subscriber changes. What stands after a dot in a nonce counts for `Purpose.CONFIRM` alone: so each letter
that asks to confirm has a link of its own, and those in all other letters go on being the same.
"""

import base64
import hashlib
import hmac
import re
from datetime import datetime, timedelta

from digest.core.subscription import Purpose

KEY_BYTES = 32
_TOKEN_BYTES = 24
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")
_SIGNATURE_BYTES = 15
# In small letters, because mail servers may change the case of what stands before the @.
_VERP = re.compile(r"bounce\+([1-9][0-9]{0,18})\.([a-z2-7]{24})@([a-z0-9.-]{1,253})")
_LONGEST_VERP = 320
TICKET = timedelta(hours=2)
"""For so long a form can be open before it is sent."""
_TICKET = re.compile(r"([0-9]{10})\.([A-Za-z0-9_-]{32})")


def token(key: bytes, purpose: Purpose, subscriber: int, nonce: str) -> str:
    """Return the token of a link to *subscriber*: 32 letters, digits, hyphens and underscores, always the same."""
    own = nonce if purpose is Purpose.CONFIRM else nonce.partition(".")[0]
    return _short(key, f"link/{purpose.value}/{subscriber}/{own}")


def shape(text: str) -> bool:
    """Say whether a text may be a token at all."""
    return _TOKEN.fullmatch(text) is not None


def digest_of(text: str) -> str:
    """Return what is kept of a token, and what it is found by: its SHA-256 in hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def fingerprint(key: bytes) -> str:
    """Return what tells a key from others, and nothing else about it: 32 letters."""
    return _short(key, "fingerprint")


def ticket(key: bytes, page: str, now: datetime) -> str:
    """Return what a form on a *page* holds, by which it is known when it is sent: 43 letters, digits, dots, hyphens, underscores."""
    moment = f"{int(now.timestamp()):010}"
    return f"{moment}.{_short(key, f'form/{moment}/{page}')}"


def admits(key: bytes, text: str, page: str, now: datetime) -> bool:
    """Say whether `ticket` made a text for this *page* within the last hours (`TICKET`)."""
    found = _TICKET.fullmatch(text)
    if found is None or not hmac.compare_digest(found[2], _short(key, f"form/{found[1]}/{page}")):
        return False
    return 0 <= int(now.timestamp()) - int(found[1]) <= TICKET.total_seconds()


def verp(key: bytes, list_domain: str, subscriber: int) -> str:
    """Return the envelope sender of letters to *subscriber*; what stands before its ``@`` has at most 51 letters of the 64 allowed."""
    domain = list_domain.lower()
    return f"bounce+{subscriber}.{_signature(key, domain, str(subscriber))}@{domain}"


def verp_of(key: bytes, address: str) -> int | None:
    """Return the subscriber whose letters have this envelope sender; None if it is none that `verp` made with this *key*."""
    found = _VERP.fullmatch(address.lower()) if len(address) <= _LONGEST_VERP and address.isascii() else None
    if found is None or not hmac.compare_digest(found[2], _signature(key, found[3], found[1])):
        return None
    return int(found[1])


def _short(key: bytes, message: str) -> str:
    return base64.urlsafe_b64encode(_mac(key, message)[:_TOKEN_BYTES]).decode()


def _signature(key: bytes, domain: str, subscriber: str) -> str:
    return base64.b32encode(_mac(key, f"verp/{subscriber}/{domain}")[:_SIGNATURE_BYTES]).decode().lower()


def _mac(key: bytes, message: str) -> bytes:
    if len(key) < KEY_BYTES:
        msg = f"a key has {KEY_BYTES} bytes at least"
        raise ValueError(msg)
    return hmac.digest(key, message.encode(), "sha256")
