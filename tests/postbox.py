"""A real SMTP server on loopback, with TLS by a certificate of its own, that keeps what it gets; and one that misbehaves."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "digest", "p@ss:w/ör d".encode("ascii", "ignore").decode()


@dataclass
class Postbox:
    """What arrived."""

    port: int = 0
    letters: list[bytes] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    refuse: str = ""
    """What a recipient is answered, if it is to be refused."""

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.original_content, bytes)
        self.letters.append(envelope.original_content)
        self.senders.append(str(envelope.mail_from))
        self.recipients += envelope.rcpt_tos
        return "250 OK"


@cache
def authority() -> trustme.CA:
    """Return who vouches for the server."""
    return trustme.CA()


def trusting() -> ssl.SSLContext:
    """Return what a client needs to believe the server."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


def certified(host: str) -> ssl.SSLContext:
    """Return what a server at *host* shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(host).configure_cert(context)
    return context


@contextmanager
def postbox(security: str = "tls", *, host: str = "localhost", login: bool = True) -> Iterator[Postbox]:
    """Run a server; *security* is ``tls``, ``starttls`` or ``none``."""
    box = Postbox()

    def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword) -> AuthResult:
        found = (data.login.decode(), data.password.decode())
        box.logins.append(found)
        return AuthResult(success=found == (USER, PASSWORD), handled=False)

    class Here(Controller):
        def factory(self) -> SMTP:
            starttls = certified(host) if security == "starttls" else None
            return SMTP(
                self.handler, hostname="postbox.example.org", tls_context=starttls, require_starttls=starttls is not None,
                authenticator=authenticate, auth_required=login and security == "starttls", auth_require_tls=security == "starttls",
            )  # fmt: skip

    with socket.create_server(("127.0.0.1", 0)) as free:
        box.port = free.getsockname()[1]
    controller = Here(box, hostname="127.0.0.1", port=box.port, ssl_context=certified(host) if security == "tls" else None)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@contextmanager
def talker(script: Callable[[socket.socket], None]) -> Iterator[int]:
    """Run a server that hands each connection to *script*; give its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(5)
            script(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
