"""The only HTTP client, towards arXiv and towards who else is asked: polite, and not to be hurt by what answers.

Polite: one request at a time for all processes of a user, the pace of arXiv's terms between two of them (that of a redirect
counts), a User-Agent that says who asks, an end on 403 that a restart does not forget, and the waits that arXiv asks for. Not
to be hurt: a total deadline for a page and one for each answer besides the time-outs for connecting and for each read, a cap
on the decoded size, every cut answer noticed (a short body, a gzip stream without its end), few redirects and to arXiv alone
where arXiv is asked, TLS always checked.

Moments that outlive the process are noted in the state folder, as seconds since 1970:

    last-request-<lane or host>   the pace counts from here      not-before-<host>   arXiv's Retry-After
    forbidden-<family>            arXiv answered 403 then; whoever has settled it with arXiv may remove the file
"""

import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import requests
import tenacity
import urllib3
from filelock import FileLock

from digest import __version__
from digest.arxiv.exchange import LONGEST_WAIT, CutError, Exchange, LaterError, Limits, cause, http_date, of_arxiv, retry_after
from digest.errors import ClockError, ForbiddenError, PublishError, SourceError, UnreachableError
from digest.files import write_whole

HOME = "https://github.com/cvdigest/cvdigest"
_NOT_MODIFIED, _FORBIDDEN = 304, 403
_RETRIED = frozenset({406, 408, 425, 429, *range(500, 600)})
"""406 is among them because arXiv answers it while it throttles (since September 2026)."""
_CONDITIONS = frozenset({"if-none-match", "if-modified-since"})
_REFUSED = "stop asking, and settle it with arXiv: https://info.arxiv.org/help/robots.html"
_REFUSED_FOR = 24 * 3600.0
"""Seconds for which nobody asks again after 403."""
_STRAYED = 3600.0
"""Seconds by which our clock may differ from arXiv's."""
_OLDEST_COPY = 48 * 3600.0
"""A copy out of a cache tells its age; nobody keeps one for longer, so that a larger age excuses nothing."""
_REDIRECTS = 5
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
class _Effort:
    """What a page has cost so far, over all its tries."""

    seconds: float = 0.0
    """Of asking and of our own waits in between; the first turn and what arXiv asked to wait are not in it."""
    turns: int = 0


@dataclass(slots=True)
class Client:
    """Asks arXiv, or whoever else it is made for, for pages, one after another."""

    pace: float
    """Least seconds between two requests of a lane, over all processes that share `state`."""
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
    lane: str = ""
    """Those services of arXiv that share one pace; "" for each host its own. Requests of different lanes do not overlap either."""
    dated: bool = False
    """Whether our clock has to agree with the one that each answer states."""
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
        effort = _Effort()

        def asked(state: tenacity.RetryCallState) -> float | None:
            error = state.outcome.exception() if state.outcome else None
            return error.wait if isinstance(error, LaterError) else None

        def wait(state: tenacity.RetryCallState) -> float:
            wanted = asked(state)
            return self.limits.back_off * 2 ** (state.attempt_number - 1) if wanted is None else wanted

        def give_up(state: tenacity.RetryCallState) -> bool:
            waited = self.clock() - started + state.upcoming_sleep
            ours = state.upcoming_sleep if asked(state) is None else 0.0
            return (
                state.attempt_number >= self.limits.tries or waited > self.limits.patience or effort.seconds + ours >= self.limits.all_tries
            )

        def count(state: tenacity.RetryCallState) -> None:
            effort.seconds += state.upcoming_sleep if asked(state) is None else 0.0

        def pause(seconds: float) -> None:
            self.say(f"{self.who} does not answer as it should; trying again in {seconds:.3g} s")
            self.sleep(seconds)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((LaterError, CutError)),
            wait=wait,
            stop=give_up,
            before_sleep=count,
            sleep=pause,
            reraise=True,
        )
        answer: Answer = retrying(self._once, url, headers or {}, effort)
        return answer

    def _once(self, url: str, headers: Mapping[str, str], effort: _Effort) -> Answer:
        """Ask for *url*, and for where its redirects lead; all under one lock, each at its turn."""
        try:
            self.state.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.state / "arxiv.lock").acquire()
        except OSError as exc:
            raise self._unwritable(exc) from exc
        with lock:
            target = url
            for _ in range(_REDIRECTS + 1):
                self._take_turn(target, effort)
                exchange = Exchange(target, self._headers(headers), self._left(effort), asked=url, loopback=self.loopback)
                try:
                    self._bounded(exchange, effort)
                    if exchange.target is None:
                        return self._judged(exchange, headers)
                except LaterError as exc:
                    if exc.wait is not None:
                        self._record("not-before", urlsplit(target).netloc, self.clock() + exc.wait)
                    raise
                except ForbiddenError as exc:
                    self._remember(exc, target)
                    raise
                target = exchange.target
        msg = f"more than {_REDIRECTS} redirects from {url}"
        raise SourceError(msg)

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {"User-Agent": self._user_agent(), **headers}

    def _left(self, effort: _Effort) -> Limits:
        """Return the limits for the next request, within what is left for the page."""
        left = self.limits.all_tries - effort.seconds
        if left <= 0:
            msg = f"{self.who} gave no whole answer within {self.limits.all_tries:.3g} s"
            raise UnreachableError(msg, advice="try again later")
        limits = self.limits
        return replace(limits, connect=min(limits.connect, left), read=min(limits.read, left), total=min(limits.total, left))

    def _take_turn(self, url: str, effort: _Effort) -> None:
        """Wait until it is our turn: the pace since the last request, and what arXiv asked for.

        Raises:
            ForbiddenError: arXiv refused us less than a day ago.
            UnreachableError: arXiv asked for a longer wait than anybody has patience for.

        """
        now = self.clock()
        self._check_refusal(url, now)
        closed = self._recorded("not-before", urlsplit(url).netloc) - now
        if closed > self.limits.patience:
            until = datetime.fromtimestamp(now + closed, UTC)
            msg = f"{self.who} asked not to be asked before {until:%Y-%m-%d %H:%M} UTC"
            raise UnreachableError(msg, advice="try again then")
        # A clock that was set back must not make us wait for ever.
        pause = max(closed, min(self.pace, self._recorded("last-request", self._lane(url)) + self.pace - now), 0.0)
        if pause > 0:
            if pause > _SHORT_PAUSE:
                self.say(f"waiting {pause:.0f} s: {self.who}'s pace")
            self.sleep(pause)
        if effort.turns:
            effort.seconds += pause - max(closed, 0.0)
        effort.turns += 1

    def _lane(self, url: str) -> str:
        """Return the name under which the last request is noted; what a replay is asked is noted apart, by its one host."""
        parts = urlsplit(url)
        if not self.lane:
            return parts.netloc
        return self.lane if of_arxiv(parts.hostname) else f"{self.lane}-{parts.netloc}"

    # -- refusals: 403 is remembered -----------------------------------------------------------------------------------

    def _check_refusal(self, url: str, now: float) -> None:
        """Raise if arXiv refused us less than a day ago, with whichever of its hosts."""
        if self.limits.elsewhere:
            return
        path = self._note("forbidden", _family(url))
        since = _moment(path)
        # A moment that lies ahead by more than a day is that of a clock gone wrong.
        if not since or abs(now - since) >= _REFUSED_FOR:
            return
        before, after = (datetime.fromtimestamp(moment, UTC) for moment in (since, since + _REFUSED_FOR))
        msg = f"{self.who} refused us with 403 at {before:%Y-%m-%d %H:%M} UTC and is not asked again before {after:%Y-%m-%d %H:%M} UTC"
        raise ForbiddenError(msg, advice=f"{_REFUSED}; to ask sooner after that, remove {path}")

    def _remember(self, error: ForbiddenError, url: str) -> None:
        """Note that arXiv refuses us, for every run to come."""
        if self.limits.elsewhere:
            return
        try:
            self._record("forbidden", _family(url), self.clock())
        except PublishError as exc:  # the refusal matters more
            error.message += f"; it could not be noted, so do not start again by yourself ({exc.message})"

    # -- moments that outlive the process ------------------------------------------------------------------------------

    def _note(self, name: str, host: str) -> Path:
        """Return the file that notes a moment of *host*: what a replay asks for is nothing to arXiv."""
        return self.state / f"{name}-{re.sub(r'[^A-Za-z0-9.-]', '-', host)}"

    def _record(self, name: str, host: str, moment: float) -> None:
        try:
            write_whole(self._note(name, host), f"{moment:.6f}\n".encode())
        except OSError as exc:  # without its notes the pace would not be kept
            raise self._unwritable(exc) from exc

    def _unwritable(self, error: OSError) -> PublishError:
        msg = f"the data folder {self.state} cannot be written: {error.strerror or error}"
        return PublishError(msg, advice="choose another one with --data")

    def _recorded(self, name: str, host: str) -> float:
        moment = _moment(self._note(name, host))
        # A moment that lies further ahead is that of a clock gone wrong; the second is for rounding.
        return moment if moment <= self.clock() + LONGEST_WAIT + 1 else 0.0

    # -- one request ---------------------------------------------------------------------------------------------------

    def _bounded(self, exchange: Exchange, effort: _Effort) -> None:
        """Run one exchange in a thread of its own, which is given up when its time is over; count what it took.

        Reads of requests have a time-out each, but a server that sends one byte at a time never meets it, and a look-up
        of a name has none at all.
        """
        started = time.monotonic()
        try:
            self._run(exchange)
        finally:
            effort.seconds += time.monotonic() - started
        self._reached = self._reached or exchange.status > 0
        if exchange.error is not None:
            raise self._translated(exchange.error, exchange) from exchange.error

    def _run(self, exchange: Exchange) -> None:
        """Run *exchange* to its end, or give it up."""
        limits, lane = exchange.limits, self._lane(exchange.url)
        thread = threading.Thread(target=exchange.run, name="arxiv", daemon=True)
        deadline = time.monotonic() + limits.total
        try:
            thread.start()
        except RuntimeError as exc:
            msg = f"{self.who} cannot be asked: {exc}"
            raise UnreachableError(msg, advice="this machine has too little memory, or too many processes") from exc
        if not exchange.begun.wait(limits.connect):
            exchange.give_up()
            host = urlsplit(exchange.url).hostname
            msg = f"{self.who} cannot be reached: {host} did not take the connection within {limits.connect:.3g} s"
            raise self._unreached(msg)
        if not exchange.connected:  # a request that never left costs arXiv nothing
            return
        # Noted twice: now, in case this process is ended; and when arXiv has the request for certain, which is what counts.
        self._record_request(lane)
        answered = exchange.answered.wait(min(limits.read, max(deadline - time.monotonic(), 0)))
        self._record_request(lane)
        if not answered:
            exchange.give_up()
            msg = f"{self.who} was silent for {limits.read:.3g} s"
            raise self._unreached(msg)
        thread.join(max(deadline - time.monotonic(), 0))
        if thread.is_alive():
            exchange.give_up()
            msg = f"the answer took longer than {limits.total:.3g} s"
            raise self._unreached(msg)

    def _record_request(self, lane: str) -> None:
        if self.pace:
            self._record("last-request", lane, self.clock())

    def _user_agent(self) -> str:
        return f"cvdigest/{__version__} (+{HOME}{'; contact: ' + self.contact if self.contact else ''})"

    def _unreached(self, message: str) -> UnreachableError:
        """Say so at once if arXiv was never reached; a connection that was there before may come back."""
        return LaterError(message) if self._reached else UnreachableError(message, advice="is this machine online?")

    def _translated(self, error: BaseException, exchange: Exchange) -> BaseException:
        """Return the error of ours that one of requests' or urllib3's means."""
        limits = exchange.limits
        if isinstance(error, SourceError):
            return error
        if isinstance(error, requests.exceptions.SSLError):
            return UnreachableError(f"{self.who} cannot be reached safely: {cause(error)}", advice="is the connection being tampered with?")
        if isinstance(error, requests.exceptions.ConnectTimeout):
            return self._unreached(f"{self.who} cannot be reached: it did not take the connection within {limits.connect:.3g} s")
        if isinstance(error, requests.exceptions.Timeout | urllib3.exceptions.ReadTimeoutError | TimeoutError):
            return self._unreached(f"{self.who} was silent for {limits.read:.3g} s")
        if isinstance(error, requests.exceptions.ConnectionError) and not exchange.connected:
            return self._unreached(f"{self.who} cannot be reached: {cause(error)}")
        if isinstance(error, requests.exceptions.RequestException | urllib3.exceptions.HTTPError | OSError):
            return LaterError(f"the connection to {self.who} was dropped: {cause(error)}")
        return error

    def _judged(self, exchange: Exchange, headers: Mapping[str, str]) -> Answer:
        """Return what came to an exchange that was asked with *headers*, or raise what its status means."""
        status, url = exchange.status, exchange.url
        if status == _FORBIDDEN:
            msg = f"{self.who} refuses to serve us (403 for {url})"
            raise ForbiddenError(msg, advice="stop asking" if self.limits.elsewhere else _REFUSED, body=exchange.body)
        if status in _RETRIED:
            asked = retry_after(exchange.headers, datetime.fromtimestamp(self.clock(), UTC))
            msg = f"{self.who} answered {status} for {url}" + (f" and asks to wait {asked:.0f} s" if asked is not None else "")
            raise LaterError(msg, asked, body=exchange.body)
        if status == _NOT_MODIFIED and not _CONDITIONS & {name.lower() for name in headers}:
            msg = f"{self.who} answered 304 (not modified) for {url}, which was not asked for under a condition"
            raise SourceError(msg, advice="try again later")
        if self.dated:
            self._check_clock(exchange.headers)
        return Answer(exchange.asked, status, exchange.body, datetime.now(UTC).replace(microsecond=0), exchange.headers)

    def _check_clock(self, headers: Mapping[str, str]) -> None:
        """See that our clock and that of an answer agree; an answer without one says nothing.

        Raises:
            ClockError: they do not. Of the two it is ours that is wrong: arXiv's is set by many.

        """
        stated = http_date(headers.get("date", ""))
        if stated is None:
            return
        age = headers.get("age", "").strip()
        kept = min(float(age), _OLDEST_COPY) if age.isascii() and age.isdecimal() else 0.0
        ahead = self.clock() - stated.timestamp()
        if not -_STRAYED <= ahead <= _STRAYED + kept:
            which = f"{timedelta(seconds=round(abs(ahead)))} {'ahead of' if ahead > 0 else 'behind'}"
            msg = f"the clock of this machine is {which} {self.who}'s, which says {stated:%Y-%m-%d %H:%M} UTC"
            raise ClockError(msg, advice="set it; until then nothing is made")


def _family(url: str) -> str:
    """Return who refuses when *url* is refused: all hosts of arXiv are one, any other host and port is another."""
    parts = urlsplit(url)
    return "arxiv.org" if of_arxiv(parts.hostname) else parts.netloc


def _moment(path: Path) -> float:
    """Return the moment that a note holds; 0 where there is none."""
    try:
        moment = float(path.read_text("utf-8"))
    except (OSError, ValueError):
        return 0.0
    return moment if math.isfinite(moment) else 0.0
