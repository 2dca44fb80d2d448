"""Letters signed by DKIM (RFC 6376, RFC 8463): the only dkimpy.

The signature covers all that says what a letter is and how to end it, both unsubscribe headers among it (RFC 8058, 4). Each header is
signed once more than it is there, and so are those that are not there and would say something else (RFC 6376, 8.15): nobody can add one.
"""

import base64
import binascii
import importlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from digest.addresses import domain as checked_domain
from digest.errors import SettingsError

COVERED = (
    "From", "To", "Subject", "Date", "Message-ID", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Precedence", "Auto-Submitted",
    "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
)  # fmt: skip
"""What letters have, each at most once."""
ABSENT = ("Reply-To", "Cc", "Sender", "List-Post")
"""What no letter has."""
_LARGEST = 2**16
_SEED = 32
"""Bytes of a private key of Ed25519."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs letters in the name of a domain."""

    domain: str
    selector: str
    algorithm: str
    """``rsa-sha256`` or ``ed25519-sha256``."""
    key: bytes = field(repr=False)

    def sign(self, content: bytes) -> bytes:
        """Return a letter with its signature before its other headers."""
        dkim = _dkimpy()
        names = [name.lower().encode() for name in (*COVERED, *COVERED, *ABSENT)]
        found: bytes = dkim.sign(
            content, self.selector.encode(), self.domain.encode(), self.key,
            canonicalize=(b"relaxed", b"simple"), signature_algorithm=self.algorithm.encode(), include_headers=names,
        )  # fmt: skip
        return found + content


def signer(path: Path, selector: str, domain: str) -> Signer:
    """Return what signs with the private key in the file at *path*: RSA as PEM, or the 32 bytes of Ed25519 in base64.

    Raises:
        SettingsError: the file cannot be used, others can read it, or there is no dkimpy.

    """
    dkim = _dkimpy()
    content = _private(path)
    try:
        checked_domain(selector)
        checked_domain(domain)
    except ValueError as exc:
        msg = f"DKIM: {exc}"
        raise SettingsError(msg) from exc
    if b"-----BEGIN" in content:
        try:
            bits = int(dkim.parse_pem_private_key(content)["modulus"]).bit_length()
        except (dkim.UnparsableKeyError, dkim.DKIMException, ValueError, KeyError, IndexError, TypeError):
            bits = 0
        if bits < _LEAST_BITS:
            msg = f"{path} holds no RSA key of {_LEAST_BITS} bits or more that can be read"
            raise SettingsError(msg, advice="openssl genrsa -traditional -out FILE 2048 makes one")
        return Signer(domain, selector, "rsa-sha256", content)
    try:
        seed = base64.b64decode(content.strip(), validate=True)
    except binascii.Error:
        seed = b""
    if len(seed) != _SEED:
        msg = f"{path} holds no private key: neither RSA as PEM nor 32 bytes of Ed25519 in base64"
        raise SettingsError(msg)
    try:
        importlib.import_module("nacl.signing")
    except ImportError as exc:
        msg = f"{path} is a key of Ed25519, and the package pynacl is not there"
        raise SettingsError(msg, advice="pip install pynacl, or use an RSA key") from exc
    return Signer(domain, selector, "ed25519-sha256", content.strip())


_LEAST_BITS = 1024
"""What verifiers accept at least (RFC 8301, 3.2)."""


def _private(path: Path) -> bytes:
    """Return what is in a file that nobody else can read."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_LARGEST)
    except OSError as exc:
        msg = f"the key of DKIM {path} cannot be read: {exc.strerror or exc}"
        raise SettingsError(msg) from exc
    if os.name == "posix" and mode & 0o077:
        msg = f"others than its owner can read or change the key of DKIM {path}"
        raise SettingsError(msg, advice=f"chmod 600 {path}")
    return content


def _dkimpy() -> ModuleType:
    try:
        import dkim
    except ImportError as exc:
        msg = "letters cannot be signed, because the package dkimpy is not there"
        raise SettingsError(msg, advice='pip install "cvdigest[mail]"') from exc
    found: ModuleType = dkim
    return found
