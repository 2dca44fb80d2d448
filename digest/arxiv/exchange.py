"""One request and its answer, within bounds; how often and when to ask is the client's business.

Bounded are the time until a connection is there, the silence between two pieces of an answer, the time of the whole and its
decoded size. A redirect is not followed in here, for it costs a turn of its own; said is only where it leads. It stays with
arXiv and never gives up TLS. Where another host is asked, it may lead to any host, but over TLS only and never to this
machine. An answer that was cut is an error, also where HTTP itself would not notice: a gzip stream must have its end.
"""

import io
import math
import re
import threading
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import requests.adapters
import urllib3

from digest.addresses import loopback
from digest.errors import IncompleteError, SourceError, UnreachableError

_REDIRECTED = frozenset({301, 302, 303, 307, 308})
_CHUNK = 2**16
LONGEST_WAIT = 6 * 3600.0
"""Seconds that anybody may ask us to wait."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the client puts up with; all in seconds but the number of tries."""

    connect: float = 8.0
    """For reaching arXiv at all, the look-up of its name included."""
    read: float = 20.0
    """For the silence between two pieces of an answer."""
    total: float = 60.0
    """For one answer from beginning to end."""
    tries: int = 4
    back_off: float = 4.0
    """Before the second try; doubled from try to try."""
    patience: float = 120.0
    """For all the waiting that one page is worth; a longer wait ends the run and is remembered."""
    max_bytes: int = 16 * 2**20
    """Of a decoded answer."""
    elsewhere: bool = False
    """Redirects may lead to another host: for what is not arXiv's."""
    all_tries: float = 60.0
    """For one page with all its tries, our own waits between them included; what arXiv asks to wait comes on top."""


class LaterError(UnreachableError):
    """Worth another try: *wait* is how long arXiv asked to wait, None if it did not say."""

    def __init__(self, message: str, wait: float | None = None, *, body: bytes = b"") -> None:
        super().__init__(message, advice="try again later", body=body)
        self.wait = wait


class CutError(IncompleteError):
    """The connection ended before the answer did: worth another try."""


class Exchange:
    """One request and its answer, run in a thread; nothing in here is shared but what `Client` reads after its end."""

    def __init__(self, url: str, headers: Mapping[str, str], limits: Limits, *, asked: str = "", loopback: bool) -> None:
        """Prepare to ask for *url*, where redirects from *asked* led, if that is another one."""
        self.url, self.asked = url, asked or url
        self.limits = limits
        self.target: str | None = None
        """Where a redirect leads; None when the answer is in."""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.error: BaseException | None = None
        self.connected = False
        self.begun = threading.Event()
        """Set when the connection is there, or when there will be none."""
        self.answered = threading.Event()
        """Set when the head of an answer is there, or when there will be none."""
        self._headers = headers
        self._loopback = loopback
        self._sockets: list[Any] = []
        self._given_up = False
        self._deadline = time.monotonic() + limits.total

    def run(self) -> None:
        """Ask and read; what goes wrong is found in `error`."""
        try:
            self._run()
        except BaseException as exc:  # noqa: BLE001 - every error is carried over to the thread that waits
            self.error = exc
        finally:
            self.begun.set()
            self.answered.set()

    def give_up(self) -> None:
        """End the exchange from outside: whoever reads from its sockets gets an end of file, and none is used any more."""
        self._given_up = True
        for connection in self._sockets:
            with suppress(OSError):
                connection.shutdown(2)

    def noticed(self, connection: Any) -> None:  # noqa: ANN401 - a socket, plain or with TLS
        """Take note of a connection that is there.

        Raises:
            TimeoutError: it comes too late: somebody else may have a turn by now, so nothing may be sent.

        """
        self._sockets.append(connection)
        if self._given_up:
            self.give_up()
            msg = "the connection came too late"
            raise TimeoutError(msg)
        self.connected = True
        self.begun.set()

    def _run(self) -> None:
        with _Session() as session:
            # Nothing on this machine may leak to arXiv: no credentials out of ~/.netrc, no cookies. Proxies of the
            # environment are used, but not towards ourselves.
            session.auth = lambda request: request
            session.trust_env = not (self._loopback or on_loopback(self.url))
            adapter = _Adapter(self)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            self._ask(session)

    def _ask(self, session: requests.Session) -> None:
        """Ask for `url`; read the answer, or say where a redirect leads, whose body is nobody's business."""
        headers = {
            "Accept": "text/html, application/atom+xml, application/xml;q=0.9, */*;q=0.8",
            "Accept-Encoding": "gzip",
            **self._headers,
        }
        timeout = (self.limits.connect, self.limits.read)
        with session.get(self.url, headers=headers, timeout=timeout, stream=True, allow_redirects=False) as response:
            self.status = response.status_code
            self.answered.set()
            self.headers = {name.lower(): value for name, value in response.headers.items()}
            if self.status in _REDIRECTED and "location" in self.headers:
                self.target = self._allowed(self.headers["location"])
            else:
                self._read(response)

    def _allowed(self, location: str) -> str:
        """Return where *location* leads if that stays with arXiv, or may leave it, and does not give up TLS."""
        try:
            target = urljoin(self.url, location)
            old, new = urlsplit(self.asked), urlsplit(target)
            new.port  # noqa: B018 - raises ValueError for a port that is none
        except ValueError as exc:
            msg = f"a redirect to no address is not followed (to {location[:200]!r})"
            raise SourceError(msg) from exc
        if self.limits.elsewhere:
            if not safe(target) or (on_loopback(target) and not on_loopback(self.asked)):
                msg = f"a redirect to something else than HTTPS is not followed (to {target[:200]!r})"
                raise SourceError(msg)
            return target
        same = new.hostname == old.hostname or (of_arxiv(old.hostname) and of_arxiv(new.hostname))
        if new.scheme not in ("http", "https") or (old.scheme == "https" and new.scheme != "https") or not same or "@" in new.netloc:
            msg = f"a redirect away from arXiv is not followed (to {target[:200]!r})"
            raise SourceError(msg)
        return target

    def _read(self, response: requests.Response) -> None:
        """Read the body, decoded and whole, into `body`."""
        encoding = self.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip", "x-gzip", ""):
            msg = f"the answer is encoded as {encoding[:40]!r}, which was not asked for"
            raise SourceError(msg)
        decoder = zlib.decompressobj(wbits=31) if "gzip" in encoding else None
        body = io.BytesIO()  # hands its bytes over without a copy: a large answer is in memory once
        bound = self.limits.max_bytes
        try:
            while chunk := response.raw.read1(_CHUNK, decode_content=False):
                body.write(decoder.decompress(chunk, bound + 1 - body.tell()) if decoder else chunk)
                if body.tell() > bound:
                    msg = f"the answer is larger than {bound / 2**20:.3g} MiB"
                    raise SourceError(msg)
                if time.monotonic() > self._deadline:
                    msg = f"the answer took longer than {self.limits.total:.3g} s"
                    raise LaterError(msg)
        except (urllib3.exceptions.ReadTimeoutError, TimeoutError):
            raise
        except (zlib.error, urllib3.exceptions.HTTPError, OSError) as exc:
            msg = f"the answer was cut ({cause(exc)})"
            raise CutError(msg, advice="try again later", body=body.getvalue()) from exc
        if decoder is not None and (not decoder.eof or decoder.unused_data):
            msg = f"the answer was cut: its gzip stream {'goes on after its end' if decoder.eof else 'has no end'}"
            raise CutError(msg, advice="try again later", body=body.getvalue())
        self.body = body.getvalue()


def retry_after(headers: dict[str, str], now: datetime) -> float | None:
    """Return how many seconds a ``Retry-After`` header asks for (RFC 9110, 10.2.3), 1 s to 6 h; None without one we can read.

    A date is taken relative to the server's own ``Date``, because its clock may differ from ours; relative to *now* where
    the server states none.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        until = http_date(value)
        if until is None:
            return None
        seconds = (until - (http_date(headers.get("date", "")) or now)).total_seconds()
    if math.isnan(seconds):
        return None
    return min(max(seconds, 1.0), LONGEST_WAIT)


def http_date(value: str) -> datetime | None:
    """Return the moment that an HTTP date names, None if it names none."""
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    # "-0000" is a time in UTC of which the zone is not told (RFC 5322, 3.3).
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def safe(url: str) -> bool:
    """Say whether *url* leads somewhere over HTTPS, or over HTTP to this machine, and holds no name to log in with."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises ValueError for a port that is none
    except ValueError:
        return False
    named = bool(parts.hostname) and parts.username is None
    return named and (parts.scheme == "https" or (parts.scheme == "http" and on_loopback(url)))


def on_loopback(url: str) -> bool:
    """Say whether *url* names this machine."""
    return loopback(urlsplit(url).hostname or "")


def of_arxiv(host: str | None) -> bool:
    """Say whether *host* is one of arXiv's own."""
    return host == "arxiv.org" or (host or "").endswith(".arxiv.org")


def cause(error: BaseException) -> str:
    """Return the innermost reason of an error as one short line; requests and urllib3 wrap it several times."""
    inner: Any = error
    while True:
        reason = getattr(inner, "reason", None)
        nested = reason if isinstance(reason, BaseException) else next((arg for arg in inner.args if isinstance(arg, BaseException)), None)
        if nested is None:
            break
        inner = nested
    text = " ".join(str(getattr(inner, "strerror", None) or inner).split())
    # "HTTPConnection(host='x', port=80): Failed to ...: reason", but "[SSL: WRONG_VERSION_NUMBER] reason" is one piece.
    return _PREFIX.split(text)[-1][:160] or type(inner).__name__


_PREFIX = re.compile(r": (?![^\[]*\])")


class _Session(requests.Session):
    """A session that leaves redirects alone.

    Even where it is told not to follow one, a session of requests looks where it leads, and for that reads the whole body of
    the redirect, unpacked and without a bound.
    """

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - the name that the base class gives it
        return None


class _Adapter(requests.adapters.HTTPAdapter):
    """An adapter whose connections tell the exchange when they are there, so that it can end them from outside."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - handed on as they come
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools()

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - handed on as they come
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools()
        return manager

    def _pools(self) -> dict[str, type[urllib3.HTTPConnectionPool]]:
        exchange = self._exchange

        class Plain(urllib3.connection.HTTPConnection):
            def connect(self) -> None:
                super().connect()
                exchange.noticed(self.sock)

        class Secure(urllib3.connection.HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                exchange.noticed(self.sock)

        class PlainPool(urllib3.HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(urllib3.HTTPSConnectionPool):
            ConnectionCls = Secure

        return {"http": PlainPool, "https": SecurePool}
