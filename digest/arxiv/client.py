"""The only HTTP client towards arXiv: polite, and not to be hurt by what answers.

Polite: one request at a time for all processes of a user, the pace of arXiv's robots.txt between two of them, a User-Agent
that says who asks, an end at once on 403, and the waits that arXiv asks for. Not to be hurt: a total deadline besides the
time-outs for connecting and for each read, a cap on the decoded size, every cut answer noticed (a short body, a gzip
stream without its end), few redirects and those only to arXiv, TLS always checked.
"""

import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import requests.adapters
import tenacity
import urllib3
from filelock import FileLock

from digest import __version__
from digest.errors import ForbiddenError, IncompleteError, SourceError, UnreachableError

HOME = "https://github.com/cvdigest/cvdigest"
_MAX_BYTES = 16 * 2**20
_REDIRECTS = 5
_FORBIDDEN = 403
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504, 406})
"""406 is among them because arXiv answers it while it throttles (since September 2026)."""
_CHUNK = 2**16
_LONGEST_WAIT = 6 * 3600.0
_REDIRECTED = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Answer:
    """What arXiv answered to one request."""

    url: str
    status: int
    body: bytes
    """Decoded, whole."""
    fetched: datetime


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


class _LaterError(UnreachableError):
    """Worth another try: *wait* is how long arXiv asked to wait, None if it did not say."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message, advice="try again later")
        self.wait = wait


class _CutError(IncompleteError):
    """The connection ended before the answer did: worth another try."""


@dataclass(slots=True)
class Client:
    """Asks arXiv for pages, one after another."""

    pace: float
    """Least seconds between the beginnings of two requests, over all processes that share `state`."""
    state: Path
    """A folder for what outlives the process: when the last request was, and until when arXiv wants none."""
    contact: str = ""
    loopback: bool = False
    limits: Limits = field(default_factory=Limits)
    say: Callable[[str], None] = lambda _line: None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time
    _reached: bool = False

    def get(self, url: str) -> Answer:
        """Return arXiv's answer to *url*, whatever its status (but 403, and those that are worth a wait).

        Raises:
            UnreachableError: arXiv cannot be reached, or does not serve us now. At first contact that is said at once.
            ForbiddenError: arXiv answered 403.
            IncompleteError: the answer was cut, each time; it holds what did arrive.
            SourceError: the answer breaks a bound: too large, too slow, too many redirects, not a known encoding.

        """
        started = self.clock()

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.wait if isinstance(error, _LaterError) else None
            return self.limits.back_off * 2 ** (state.attempt_number - 1) if asked is None else asked

        def give_up(state: tenacity.RetryCallState) -> bool:
            spent = self.clock() - started
            return state.attempt_number >= self.limits.tries or spent + state.upcoming_sleep > self.limits.patience

        def pause(seconds: float) -> None:
            self.say(f"arXiv does not answer as it should; trying again in {seconds:.0f} s")
            self.sleep(seconds)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((_LaterError, _CutError)), wait=wait, stop=give_up, sleep=pause, reraise=True
        )
        answer: Answer = retrying(self._once, url)
        return answer

    def _once(self, url: str) -> Answer:
        self.state.mkdir(parents=True, exist_ok=True)
        with FileLock(self.state / "arxiv.lock"):
            self._take_turn()
            try:
                return self._bounded(url)
            except _LaterError as exc:
                if exc.wait is not None:
                    (self.state / "not-before").write_text(f"{self.clock() + exc.wait:.0f}", "utf-8")
                raise

    def _take_turn(self) -> None:
        """Wait until it is our turn: the pace since the last request, and what arXiv asked for."""
        now = self.clock()
        closed = self._recorded("not-before") - now
        if closed > self.limits.patience:
            until = datetime.fromtimestamp(now + closed, UTC)
            msg = f"arXiv asked not to be asked before {until:%Y-%m-%d %H:%M} UTC"
            raise UnreachableError(msg, advice="try again then")
        # A clock that was set back must not make us wait for ever.
        pause = max(closed, min(self.pace, self._recorded("last-request") + self.pace - now), 0.0)
        if pause > 0:
            if pause > 1:
                self.say(f"waiting {pause:.0f} s: arXiv's pace")
            self.sleep(pause)

    def _recorded(self, name: str) -> float:
        try:
            moment = float((self.state / name).read_text("utf-8"))
        except (OSError, ValueError):
            return 0.0
        return moment if moment < self.clock() + _LONGEST_WAIT else 0.0

    def _bounded(self, url: str) -> Answer:
        """Run one exchange in a thread of its own, which is given up when its time is over.

        Reads of requests have a time-out each, but a server that sends one byte at a time never meets it, and a look-up
        of a name has none at all.
        """
        exchange = _Exchange(url, self._user_agent(), self.limits, loopback=self.loopback)
        thread = threading.Thread(target=exchange.run, name="arxiv", daemon=True)
        asked = self.clock()
        thread.start()
        if not exchange.begun.wait(self.limits.connect):
            exchange.give_up()
            msg = f"arXiv cannot be reached: {urlsplit(url).hostname} did not take the connection within {self.limits.connect:.0f} s"
            raise self._unreached(msg)
        if self.pace and exchange.connected:  # a request that never left costs arXiv nothing
            (self.state / "last-request").write_text(f"{asked:.3f}", "utf-8")
        thread.join(self.limits.total)
        if thread.is_alive():
            exchange.give_up()
            msg = f"the answer took longer than {self.limits.total:.0f} s"
            raise _LaterError(msg)
        self._reached = self._reached or exchange.status > 0
        if exchange.error is not None:
            raise self._translated(exchange.error, connected=exchange.connected) from exchange.error
        return self._judged(exchange)

    def _user_agent(self) -> str:
        return f"cvdigest/{__version__} (+{HOME}{'; contact: ' + self.contact if self.contact else ''})"

    def _unreached(self, message: str) -> UnreachableError:
        """Say so at once if arXiv was never reached; a connection that was there before may come back."""
        return _LaterError(message) if self._reached else UnreachableError(message, advice="is this machine online?")

    def _translated(self, error: BaseException, *, connected: bool) -> BaseException:
        """Return the error of ours that one of requests' or urllib3's means."""
        if isinstance(error, SourceError):
            return error
        if isinstance(error, requests.exceptions.SSLError):
            return UnreachableError(f"arXiv cannot be reached safely: {_cause(error)}", advice="is the connection being tampered with?")
        if isinstance(error, requests.exceptions.ConnectTimeout):
            return self._unreached(f"arXiv cannot be reached: it did not take the connection within {self.limits.connect:.0f} s")
        if isinstance(error, requests.exceptions.Timeout | urllib3.exceptions.ReadTimeoutError | TimeoutError):
            return self._unreached(f"arXiv was silent for {self.limits.read:.0f} s")
        if isinstance(error, requests.exceptions.ConnectionError) and not connected:
            return self._unreached(f"arXiv cannot be reached: {_cause(error)}")
        if isinstance(error, requests.exceptions.RequestException | urllib3.exceptions.HTTPError | OSError):
            return _LaterError(f"the connection to arXiv was dropped: {_cause(error)}")
        return error

    def _judged(self, exchange: "_Exchange") -> Answer:
        status, url = exchange.status, exchange.url
        if status == _FORBIDDEN:
            msg = f"arXiv refuses to serve us (403 for {url})"
            raise ForbiddenError(msg, advice="stop asking, and see https://info.arxiv.org/help/robots.html")
        if status in _RETRIED:
            asked = retry_after(exchange.headers, datetime.now(UTC))
            msg = f"arXiv answered {status} for {url}" + (f" and asks to wait {asked:.0f} s" if asked is not None else "")
            raise _LaterError(msg, asked)
        return Answer(exchange.asked, status, exchange.body, datetime.now(UTC).replace(microsecond=0))


def retry_after(headers: dict[str, str], now: datetime) -> float | None:
    """Return how many seconds a ``Retry-After`` header asks for (RFC 9110, 10.2.3), 1 s to 6 h; None without one.

    A date is taken relative to the server's own ``Date``, because its clock may differ from ours.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            until = parsedate_to_datetime(value)
            start = parsedate_to_datetime(headers["date"]) if "date" in headers else now
            seconds = (until - start).total_seconds()
        except (ValueError, TypeError):
            return None
    if seconds != seconds:  # noqa: PLR0124 - "nan"
        return None
    return min(max(seconds, 1.0), _LONGEST_WAIT)


class _Exchange:
    """One request and its answer, run in a thread; nothing in here is shared but what `Client` reads after its end."""

    def __init__(self, url: str, user_agent: str, limits: Limits, *, loopback: bool) -> None:
        self.asked = self.url = url
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.error: BaseException | None = None
        self.connected = False
        self.begun = threading.Event()
        """Set when the connection is there, or when there will be none."""
        self._user_agent = user_agent
        self._limits = limits
        self._loopback = loopback
        self._sockets: list[Any] = []
        self._deadline = time.monotonic() + limits.total

    def run(self) -> None:
        try:
            self._run()
        except BaseException as exc:  # noqa: BLE001 - every error is carried over to the thread that waits
            self.error = exc
        finally:
            self.begun.set()

    def give_up(self) -> None:
        """End the exchange from outside: whoever reads from its sockets gets an end of file."""
        for connection in self._sockets:
            with suppress(OSError):
                connection.shutdown(2)

    def noticed(self, connection: Any) -> None:  # noqa: ANN401 - a socket, plain or with TLS
        """Take note of a connection that is there."""
        self._sockets.append(connection)
        self.connected = True
        self.begun.set()

    def _run(self) -> None:
        with requests.Session() as session:
            # Nothing on this machine may leak to arXiv: no credentials out of ~/.netrc, no cookies. Proxies of the
            # environment are used, but not towards ourselves.
            session.auth = lambda request: request
            session.trust_env = not self._loopback
            adapter = _Adapter(self)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            for _ in range(_REDIRECTS + 1):
                target = self._ask(session)
                if target is None:
                    return
                self.url = target
        msg = f"more than {_REDIRECTS} redirects from {self.asked}"
        raise SourceError(msg)

    def _ask(self, session: requests.Session) -> str | None:
        """Ask for `url`; return where a redirect leads, or None when the answer is in."""
        headers = {
            "User-Agent": self._user_agent,
            "Accept": "text/html, application/atom+xml, application/xml;q=0.9, */*;q=0.8",
            "Accept-Encoding": "gzip",
        }
        timeout = (self._limits.connect, self._limits.read)
        with session.get(self.url, headers=headers, timeout=timeout, stream=True, allow_redirects=False) as response:
            self.status = response.status_code
            self.headers = {name.lower(): value for name, value in response.headers.items()}
            if self.status in _REDIRECTED and "location" in self.headers:
                return self._allowed(urljoin(self.url, self.headers["location"]))
            self._read(response)
        return None

    def _allowed(self, target: str) -> str:
        """Return a redirect's *target* if it stays with arXiv and does not give up TLS."""
        old, new = urlsplit(self.asked), urlsplit(target)
        same = new.hostname == old.hostname or (_arxiv(old.hostname) and _arxiv(new.hostname))
        if new.scheme not in ("http", "https") or (old.scheme == "https" and new.scheme != "https") or not same or new.username:
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
        body = bytearray()
        try:
            while chunk := response.raw.read1(_CHUNK, decode_content=False):
                body += decoder.decompress(chunk, _MAX_BYTES + 1 - len(body)) if decoder else chunk
                if len(body) > _MAX_BYTES:
                    msg = f"the answer is larger than {_MAX_BYTES // 2**20} MiB"
                    raise SourceError(msg)
                if time.monotonic() > self._deadline:
                    msg = f"the answer took longer than {self._limits.total:.0f} s"
                    raise _LaterError(msg)
        except (urllib3.exceptions.ReadTimeoutError, TimeoutError):
            raise
        except (zlib.error, urllib3.exceptions.HTTPError, OSError) as exc:
            msg = f"the answer was cut ({_cause(exc)})"
            raise _CutError(msg, advice="try again later", body=bytes(body)) from exc
        if decoder is not None and (not decoder.eof or decoder.unused_data):
            msg = f"the answer was cut: its gzip stream {'goes on after its end' if decoder.eof else 'has no end'}"
            raise _CutError(msg, advice="try again later", body=bytes(body))
        self.body = bytes(body)


def _arxiv(host: str | None) -> bool:
    return host == "arxiv.org" or (host or "").endswith(".arxiv.org")


def _cause(error: BaseException) -> str:
    """Return the innermost reason of an error as one short line; requests and urllib3 wrap it several times."""
    inner: Any = error
    while True:
        reason = getattr(inner, "reason", None)
        nested = reason if isinstance(reason, BaseException) else next((arg for arg in inner.args if isinstance(arg, BaseException)), None)
        if nested is None:
            break
        inner = nested
    text = " ".join(str(getattr(inner, "strerror", None) or inner).split())
    return text.rpartition(": ")[2][:160] or type(inner).__name__


class _Adapter(requests.adapters.HTTPAdapter):
    """An adapter whose connections tell the exchange when they are there, so that it can end them from outside."""

    def __init__(self, exchange: _Exchange) -> None:
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
