r"""An address that somebody left, checked: one addr-spec (RFC 5322, 3.4.1) and nothing else.

What is refused here never reaches a mail server. smtplib, for one, takes ``a@example.org\r\nBcc: b@example.org`` for
``a@example.org`` and says nothing.
"""

import hashlib
from dataclasses import dataclass

from digest import addresses
from digest.errors import DigestError

LONGEST = 320
"""Letters of what is looked at: 64 before the ``@`` and 255 after it. What is longer is not even read."""
_ROUTES = frozenset("%!")
_DOTLESS = frozenset({"gmail.com", "googlemail.com"})


@dataclass(frozen=True, slots=True)
class Recipient:
    """An address that letters can be sent to."""

    address: str
    """What is written to: as it was given, with its domain in ASCII (IDNA 2008) and in small letters."""
    canonical: str
    """The same for all ways to write it. Capitals do not count, although a mail server may tell them apart; a tag (``+papers``) does."""


def recipient(text: str) -> Recipient:
    """Return the address that *text* is; blanks around it are left out.

    No name server is asked. A domain that no letter from elsewhere can reach (``localhost``, ``.local``, ``.test``) is refused, as
    else a stranger could have the mail server write to the machines around it.

    Raises:
        ValueError: it is no address, or more than one, or none that can be written to; the message is for whoever gave it.
        DigestError: the library that knows is not installed.

    """
    try:
        from email_validator import validate_email
    except ImportError as exc:
        msg = "email-validator is not installed, and no address can be checked without it"
        raise DigestError(msg, advice="pip install 'cvdigest[mail]'") from exc
    text = text.strip(" ")
    if not text:
        msg = "type an address"
        raise ValueError(msg)
    shown = addresses.quoted(text)
    if len(text) > LONGEST:
        msg = f"{shown} is no mail address: it is too long"
        raise ValueError(msg)
    if text.isascii():
        addresses.mailbox(text)
    elif not text.rpartition("@")[0].isascii():
        msg = f"{shown} cannot be written to: before the @ there can be no letters but a to z, digits and common signs"
        raise ValueError(msg)
    if not _ROUTES.isdisjoint(text.rpartition("@")[0]):
        msg = f"{shown} cannot be written to: % or ! before the @ is taken by some mail servers for a way to another one"
        raise ValueError(msg)
    try:
        found = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except ValueError as exc:
        msg = f"{shown} is no mail address (you@example.org, say): {str(exc).rstrip('.')}"
        raise ValueError(msg) from exc
    # Once more, because a domain may have come to hold something else when it was turned into ASCII.
    address = addresses.mailbox(f"{found.local_part}@{found.ascii_domain.lower()}")
    return Recipient(address, address.lower())


def mailbox_of(canonical: str) -> str:
    """Return where letters to an address come in: the same for all tags (``+papers``), and at Gmail with or without dots.

    Not all mail servers do so, and so it is never written to: it only tells how many letters one reader may be sent.
    """
    local, _, domain = canonical.rpartition("@")
    local = local.partition("+")[0] or local
    return f"{local.replace('.', '') if domain in _DOTLESS else local}@{domain}"


def address_hash(canonical: str) -> str:
    """Return what is kept of an address that was erased. No key is part of it: it has to hold when the key has changed."""
    return hashlib.sha256(f"cvdigest/erased/{canonical}".encode()).hexdigest()
