"""One JSON document in, told to a web-hook by POST, within bounds.

Nothing of the answer is read but its status, and, of chats that say there what they think, its first bytes: neither a body without an
end nor one that arrives a byte at a time can hold us up. Redirects are not followed, for they would carry what is told to where nobody
sent it.
"""

import io
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests

from digest import __version__, addresses, secrets
from digest.arxiv.exchange import Exchange, Limits, cause, retry_after
from digest.core.subscription import Handling
from digest.errors import HookError

_TAKEN = range(200, 300)
_ELSEWHERE = range(300, 400)
_FAILED = range(500, 600)
_LATER = frozenset({408, 425, 429})
_READ = 4096


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a document."""

    handling: Handling
    """``sent``, ``refused``, ``deferred`` or ``uncertain``."""
    answer: str
    """What happened, without the address."""
    wait: float = 0.0
    """Seconds that the web-hook asked to wait."""


def tell(url: str, document: Mapping[str, object], *, total: float = 30.0, code: str = "", later: frozenset[int] = frozenset()) -> Told:
    """Tell *document* to the web-hook at *url*, in at most *total* seconds; return what became of it, and raise nothing.

    What ends before its first byte is sent has not arrived, and what ends after that and before an answer may have. Some chats take
    everything with 200, and say in the answer that they do not: there *code* is a number, 0 if all is well, one of *later* if it may be
    tried again.
    """
    try:
        host = urlsplit(addresses.webhook(url)).hostname or ""
    except ValueError as exc:
        return Told(Handling.REFUSED, str(exc))
    exchange, error = _tried(url, document, total, reads=bool(code))
    if not exchange.status:
        reason = f"cannot be told: {_reason(url, error)}" if error else f"took longer than {total:.3g} s"
        return Told(Handling.UNCERTAIN if exchange.sent else Handling.DEFERRED, f"the web-hook at {host} {reason}")
    answer = f"the web-hook at {host} answered {exchange.status}"
    if exchange.status in _LATER or exchange.status in _FAILED:
        return Told(Handling.DEFERRED, answer, retry_after(exchange.headers, datetime.now(UTC)) or 0.0)
    if exchange.status not in _TAKEN:
        return Told(Handling.REFUSED, answer)
    said = _code(exchange.body, code) if code else 0
    if said:
        return Told(Handling.DEFERRED if said in later else Handling.REFUSED, f"{answer} and {code} {said}")
    return Told(Handling.SENT, answer)


def _code(body: bytes, name: str) -> int:
    """Return the number that an answer holds; 0 if it holds none: the status has said then that it is taken."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return 0
    said = found.get(name) if isinstance(found, dict) else None
    return said if isinstance(said, int) else 0


def post(url: str, document: Mapping[str, object], *, total: float = 10.0) -> None:
    """Tell *document* to the web-hook at *url*, in at most *total* seconds.

    Raises:
        HookError: it does not take it. The message names the host and nothing else of the address, which is a secret.

    """
    try:
        host = urlsplit(addresses.webhook(url)).hostname or ""
    except ValueError as exc:
        raise HookError(str(exc)) from None
    exchange, error = _tried(url, document, total, reads=False)
    if not exchange.status and error is None:
        msg = f"the web-hook at {host} took longer than {total:.3g} s"
        raise HookError(msg, advice="what was told may have arrived all the same")
    if not exchange.status and error is not None:
        msg = f"the web-hook at {host} cannot be told: {_reason(url, error)}"
        raise HookError(msg) from None  # requests' own error quotes the address
    if exchange.status in _ELSEWHERE:
        msg = f"the web-hook at {host} leads elsewhere ({exchange.status}), which is not followed"
        raise HookError(msg, advice="set the address that it leads to")
    if exchange.status not in _TAKEN:
        msg = f"the web-hook at {host} answered {exchange.status}"
        raise HookError(msg, advice="see its address and what it takes")


def _tried(url: str, document: Mapping[str, object], total: float, *, reads: bool) -> "tuple[_Post, BaseException | None]":
    """Tell a document; return what is known when it is answered or the time is over, and what went wrong before that."""
    host = urlsplit(url).hostname or ""
    exchange = _Post(url, json.dumps(document).encode(), total, loopback=addresses.loopback(host), reads=reads)
    thread = threading.Thread(target=exchange.run, name="web-hook", daemon=True)
    deadline = time.monotonic() + total
    thread.start()
    if exchange.answered.wait(max(deadline - time.monotonic(), 0)):
        return exchange, exchange.error
    exchange.give_up()
    return exchange, None


def _reason(url: str, error: BaseException) -> str:
    return secrets.mask(cause(error), secrets.of_webhook(url))


class _Body(io.BytesIO):
    """What is sent, which knows whether it was begun."""

    begun = False

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes, to be sent at once."""
        self.begun = True
        return super().read(size)


class _Post(Exchange):
    """Tells something, and reads no more than the status of the answer, and its first bytes where they count."""

    def __init__(self, url: str, body: bytes, total: float, *, loopback: bool, reads: bool) -> None:
        headers = {"Content-Type": "application/json", "User-Agent": f"cvdigest/{__version__}"}
        super().__init__(url, headers, Limits(connect=total, read=total, total=total), loopback=loopback)
        self._body, self._reads = _Body(body), reads

    @property
    def sent(self) -> bool:
        """Whether some of it may have arrived."""
        return self._body.begun

    def _ask(self, session: requests.Session) -> None:
        timeout = (self.limits.connect, self.limits.read)
        with session.post(
            self.url, data=self._body, headers=dict(self._headers), timeout=timeout, stream=True, allow_redirects=False
        ) as response:
            self.headers = {name.lower(): value for name, value in response.headers.items()}
            self.status = response.status_code
            if self._reads and self.status in _TAKEN:
                self.body = response.raw.read(_READ, decode_content=False)
