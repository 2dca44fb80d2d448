"""One JSON document in, told to a web-hook by POST, within bounds.

Nothing of the answer is read but its status: neither a body without an end nor one that arrives a byte at a time can hold us
up. Redirects are not followed, for they would carry what is told to where nobody sent it.
"""

import json
import threading
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import requests

from digest import __version__, addresses, secrets
from digest.arxiv.exchange import Exchange, Limits, cause
from digest.errors import HookError

_TAKEN = range(200, 300)
_ELSEWHERE = range(300, 400)


def post(url: str, document: Mapping[str, object], *, total: float = 10.0) -> None:
    """Tell *document* to the web-hook at *url*, in at most *total* seconds.

    Raises:
        HookError: it does not take it. The message names the host and nothing else of the address, which is a secret.

    """
    try:
        host = urlsplit(addresses.webhook(url)).hostname or ""
    except ValueError as exc:
        raise HookError(str(exc)) from None
    exchange = _Post(url, json.dumps(document).encode(), total, loopback=addresses.loopback(host))
    thread = threading.Thread(target=exchange.run, name="web-hook", daemon=True)
    deadline = time.monotonic() + total
    thread.start()
    answered = exchange.answered.wait(max(deadline - time.monotonic(), 0))
    if not answered:
        exchange.give_up()
        msg = f"the web-hook at {host} took longer than {total:.3g} s"
        raise HookError(msg, advice="what was told may have arrived all the same")
    if exchange.error is not None and not exchange.status:
        reason = secrets.mask(cause(exchange.error), secrets.of_webhook(url))
        msg = f"the web-hook at {host} cannot be told: {reason}"
        raise HookError(msg) from None  # requests' own error quotes the address
    if exchange.status in _ELSEWHERE:
        msg = f"the web-hook at {host} leads elsewhere ({exchange.status}), which is not followed"
        raise HookError(msg, advice="set the address that it leads to")
    if exchange.status not in _TAKEN:
        msg = f"the web-hook at {host} answered {exchange.status}"
        raise HookError(msg, advice="see its address and what it takes")


class _Post(Exchange):
    """Tells something, and reads no more than the status of the answer."""

    def __init__(self, url: str, body: bytes, total: float, *, loopback: bool) -> None:
        headers = {"Content-Type": "application/json", "User-Agent": f"cvdigest/{__version__}"}
        super().__init__(url, headers, Limits(connect=total, read=total, total=total), loopback=loopback)
        self._body = body

    def _ask(self, session: requests.Session) -> None:
        timeout = (self.limits.connect, self.limits.read)
        with session.post(
            self.url, data=self._body, headers=dict(self._headers), timeout=timeout, stream=True, allow_redirects=False
        ) as response:
            self.status = response.status_code
