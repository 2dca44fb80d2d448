"""The only HTTP client, towards arXiv and towards who else is asked: polite, and not to be hurt by what answers.

Polite: one request at a time for all processes of a user, the pace of arXiv's robots.txt between two of them, a User-Agent
that says who asks, an end at once on 403, and the waits that arXiv asks for. Not to be hurt: a total deadline besides the
time-outs for connecting and for each read, a cap on the decoded size, every cut answer noticed (a short body, a gzip
stream without its end), few redirects and to arXiv alone where arXiv is asked, TLS always checked.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import requests
import tenacity
import urllib3
from filelock import FileLock

from digest import __version__
from digest.arxiv.exchange import CutError, Exchange, LaterError, Limits, cause
from digest.errors import ForbiddenError, PublishError, SourceError, UnreachableError

HOME = "https://github.com/cvdigest/cvdigest"
_FORBIDDEN = 403
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504, 406})
"""406 is among them because arXiv answers it while it throttles (since September 2026)."""
_REFUSED = "stop asking, and see https://info.arxiv.org/help/robots.html"
_LONGEST_WAIT = 6 * 3600.0
_SHORT_PAUSE = 5.0
"""Seconds that need no word."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What arXiv answered to one request."""

    url: str
    status: int
    body: bytes
    """Decoded, whole."""
    fetched: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    """By their names in lower case."""


@dataclass(slots=True)
class Client:
    """Asks arXiv, or whoever else it is made for, for pages, one after another."""

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
    """Both are arguments, so that a test waits on a clock of its own; seconds since 1970, because they outlive the process."""
    who: str = "arXiv"
    """Who is asked, for what is said."""
    _reached: bool = False

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Return the answer to *url*, whatever its status (but 403, and those that are worth a wait).

        *headers* are sent besides our own.

        Raises:
            UnreachableError: arXiv cannot be reached, or does not serve us now. At first contact that is said at once.
            ForbiddenError: arXiv answered 403.
            IncompleteError: the answer was cut, each time; it holds what did arrive.
            SourceError: the answer breaks a bound: too large, too slow, too many redirects, not a known encoding.

        """
        started = self.clock()

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.wait if isinstance(error, LaterError) else None
            return self.limits.back_off * 2 ** (state.attempt_number - 1) if asked is None else asked

        def give_up(state: tenacity.RetryCallState) -> bool:
            spent = self.clock() - started
            return state.attempt_number >= self.limits.tries or spent + state.upcoming_sleep > self.limits.patience

        def pause(seconds: float) -> None:
            self.say(f"{self.who} does not answer as it should; trying again in {seconds:.3g} s")
            self.sleep(seconds)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((LaterError, CutError)), wait=wait, stop=give_up, sleep=pause, reraise=True
        )
        answer: Answer = retrying(self._once, url, headers or {})
        return answer

    def _once(self, url: str, headers: Mapping[str, str]) -> Answer:
        try:
            self.state.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.state / "arxiv.lock").acquire()
        except OSError as exc:
            raise self._unwritable(exc) from exc
        with lock:
            self._take_turn(urlsplit(url).netloc)
            try:
                return self._bounded(url, headers)
            except LaterError as exc:
                if exc.wait is not None:
                    self._record("not-before", urlsplit(url).netloc, f"{self.clock() + exc.wait:.0f}")
                raise

    def _take_turn(self, host: str) -> None:
        """Wait until it is our turn: the pace since the last request, and what arXiv asked for."""
        now = self.clock()
        closed = self._recorded("not-before", host) - now
        if closed > self.limits.patience:
            until = datetime.fromtimestamp(now + closed, UTC)
            msg = f"{self.who} asked not to be asked before {until:%Y-%m-%d %H:%M} UTC"
            raise UnreachableError(msg, advice="try again then")
        # A clock that was set back must not make us wait for ever.
        pause = max(closed, min(self.pace, self._recorded("last-request", host) + self.pace - now), 0.0)
        if pause > 0:
            if pause > _SHORT_PAUSE:
                self.say(f"waiting {pause:.0f} s: {self.who}'s pace")
            self.sleep(pause)

    def _note(self, name: str, host: str) -> Path:
        """Return the file that notes a moment of *host*: what a replay asks for is nothing to arXiv."""
        return self.state / f"{name}-{re.sub(r'[^A-Za-z0-9.-]', '-', host)}"

    def _record(self, name: str, host: str, moment: str) -> None:
        try:
            self._note(name, host).write_text(moment, "utf-8")
        except OSError as exc:  # without its notes the pace would not be kept
            raise self._unwritable(exc) from exc

    def _unwritable(self, error: OSError) -> PublishError:
        msg = f"the data folder {self.state} cannot be written: {error.strerror or error}"
        return PublishError(msg, advice="choose another one with --data")

    def _recorded(self, name: str, host: str) -> float:
        try:
            moment = float(self._note(name, host).read_text("utf-8"))
        except (OSError, ValueError):
            return 0.0
        return moment if moment < self.clock() + _LONGEST_WAIT else 0.0

    def _bounded(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Run one exchange in a thread of its own, which is given up when its time is over.

        Reads of requests have a time-out each, but a server that sends one byte at a time never meets it, and a look-up
        of a name has none at all.
        """
        exchange = Exchange(url, {"User-Agent": self._user_agent(), **headers}, self.limits, loopback=self.loopback)
        thread = threading.Thread(target=exchange.run, name="arxiv", daemon=True)
        asked = self.clock()
        thread.start()
        if not exchange.begun.wait(self.limits.connect):
            exchange.give_up()
            msg = f"{self.who} cannot be reached: {urlsplit(url).hostname} did not take the connection within {self.limits.connect:.0f} s"
            raise self._unreached(msg)
        if self.pace and exchange.connected:  # a request that never left costs arXiv nothing
            self._record("last-request", urlsplit(url).netloc, f"{asked:.3f}")
        if not exchange.answered.wait(self.limits.read):
            exchange.give_up()
            msg = f"{self.who} was silent for {self.limits.read:.0f} s"
            raise self._unreached(msg)
        thread.join(self.limits.total)
        if thread.is_alive():
            exchange.give_up()
            msg = f"the answer took longer than {self.limits.total:.0f} s"
            raise self._unreached(msg)
        self._reached = self._reached or exchange.status > 0
        if exchange.error is not None:
            raise self._translated(exchange.error, connected=exchange.connected) from exchange.error
        return self._judged(exchange)

    def _user_agent(self) -> str:
        return f"cvdigest/{__version__} (+{HOME}{'; contact: ' + self.contact if self.contact else ''})"

    def _unreached(self, message: str) -> UnreachableError:
        """Say so at once if arXiv was never reached; a connection that was there before may come back."""
        return LaterError(message) if self._reached else UnreachableError(message, advice="is this machine online?")

    def _translated(self, error: BaseException, *, connected: bool) -> BaseException:
        """Return the error of ours that one of requests' or urllib3's means."""
        if isinstance(error, SourceError):
            return error
        if isinstance(error, requests.exceptions.SSLError):
            return UnreachableError(f"{self.who} cannot be reached safely: {cause(error)}", advice="is the connection being tampered with?")
        if isinstance(error, requests.exceptions.ConnectTimeout):
            return self._unreached(f"{self.who} cannot be reached: it did not take the connection within {self.limits.connect:.0f} s")
        if isinstance(error, requests.exceptions.Timeout | urllib3.exceptions.ReadTimeoutError | TimeoutError):
            return self._unreached(f"{self.who} was silent for {self.limits.read:.0f} s")
        if isinstance(error, requests.exceptions.ConnectionError) and not connected:
            return self._unreached(f"{self.who} cannot be reached: {cause(error)}")
        if isinstance(error, requests.exceptions.RequestException | urllib3.exceptions.HTTPError | OSError):
            return LaterError(f"the connection to {self.who} was dropped: {cause(error)}")
        if isinstance(error, ValueError):  # out of requests, which looks at where a redirect leads even if it need not follow
            return SourceError(f"{self.who} answered with a redirect to no address: {cause(error)}")
        return error

    def _judged(self, exchange: "Exchange") -> Answer:
        status, url = exchange.status, exchange.url
        if status == _FORBIDDEN:
            msg = f"{self.who} refuses to serve us (403 for {url})"
            raise ForbiddenError(msg, advice="stop asking" if self.limits.elsewhere else _REFUSED, body=exchange.body)
        if status in _RETRIED:
            asked = retry_after(exchange.headers, datetime.now(UTC))
            msg = f"{self.who} answered {status} for {url}" + (f" and asks to wait {asked:.0f} s" if asked is not None else "")
            raise LaterError(msg, asked, body=exchange.body)
        return Answer(exchange.asked, status, exchange.body, datetime.now(UTC).replace(microsecond=0), exchange.headers)


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
