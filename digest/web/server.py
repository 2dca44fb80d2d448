"""The server that an application stands in: waitress, with bounds, and a good end; the only waitress.

One thread reads and writes all connections, so that slow clients hold nobody up; a few others make the answers, and a few more those to
what changes something, which may have to wait for the database.
"""

import logging
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from time import monotonic, time
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError, TransferEncodingNotImplemented
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher

from digest.errors import UsageError
from digest.web.answers import SECURITY

CONNECTIONS = 800
"""At most so many at once: less than the 1,024 files that a process may have open on most machines. For another one, the few are closed
that have not asked for anything for longest."""
_SILENT = 30
"""Seconds after which a connection on which nothing happens is closed, also one whose client does not read its answer."""
_STUCK = 5
"""Seconds without reading after which the connection may be closed to make room for others."""
_AHEAD = 4
"""Requests that a client may send before it has the first answer."""
_UNREAD = 67_108_864
"""Bytes of answers that wait for their client before a thread waits too: more than `_AHEAD` answers have, so that no client can hold a
thread. What is more than a megabyte waits in a file, not in memory."""
_WHOLE = 20.0
"""Seconds within which a request has to be there, from its first byte to the end of its headers."""
_GRACE = 5.0
"""Seconds that answers in hand may take when the server is told to end."""
_HEADERS, _BODY = 16_384, 65_536
"""Bytes; only the forms by which people subscribe are sent with a body."""
_WRITERS = 4
"""Threads for what changes something."""
_PROXY = "127.0.0.1"
"""Who is believed when it says for whom it asks."""
_WAITING = 1024
"""Connections that the machine keeps waiting until they are let in."""


class _Refusal(ErrorTask):
    """An answer of the server itself, to what is no request."""

    def execute(self) -> None:
        self.response_headers = [*self.response_headers, *SECURITY]
        super().execute()


class _Parser(HTTPRequestParser):
    """A request."""

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the head of it; what Python's own parser of addresses throws at is no request either."""
        try:
            super().parse_header(header_plus)
        except ValueError as exc:
            if isinstance(exc, ParsingError | TransferEncodingNotImplemented):
                raise
            msg = "Bad URI"
            raise ParsingError(msg) from exc


class _Channel(HTTPChannel):
    """A connection."""

    error_task_class = _Refusal
    parser_class = _Parser
    begun: float | None = None
    """When the first byte of a request came that is not whole yet."""
    asked: float
    """When the last whole request came, or else the client."""

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 - as waitress makes it
        super().__init__(*given, **named)
        self.asked = monotonic()

    def received(self, data: bytes) -> bool:
        """Take what a client sends; of many requests at once, the first ones: after those the connection is closed."""
        done = super().received(data)
        if self.request is None:
            self.begun, self.asked = None, monotonic()
        elif self.begun is None:
            self.begun = monotonic()
        waitress: Any = self
        with waitress.requests_lock:
            for request in waitress.requests[_AHEAD:]:
                request.close()
            if len(waitress.requests) > _AHEAD:
                del waitress.requests[_AHEAD:]
                waitress.requests[-1].headers["CONNECTION"] = "close"
        return done

    def idle(self, seconds: float) -> bool:
        """Return whether no answer is made, and none was read from for some seconds."""
        return not self.requests and (not self.total_outbufs_len or self.last_activity < time() - seconds)


class _Listener(TcpWSGIServer):
    """Lets connections in."""

    channel_class = _Channel

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 - as waitress makes it
        super().__init__(*given, **named)
        self.writers = ThreadedTaskDispatcher()
        self.writers.set_thread_count(_WRITERS)

    def add_task(self, task: Any) -> None:  # noqa: ANN401 - a channel with a request
        """Let a request be answered, each by itself: by those who write, if it is to change something."""
        writes = getattr(task.requests[0], "command", "") == "POST"
        (self.writers if writes else self.task_dispatcher).add_task(task)


@dataclass(slots=True)
class Server:
    """A server that listens."""

    _server: Any

    @property
    def address(self) -> str:
        """Where it is reached: ``http://127.0.0.1:8080/``."""
        host = self._server.effective_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._server.effective_port}/"

    def run(self, told: socket.socket) -> int:
        """Answer until *told* can be read; then let nobody in, and finish the answers in hand; return how many were cut off."""
        server = self._server
        ender = _Ender(told, map=server._map)  # noqa: SLF001 - all that waitress listens to
        looked = monotonic()
        while not ender.told:
            self._make_room()
            self._step(1.0)
            if monotonic() - looked >= 1.0:
                self._close_slow()
                looked = monotonic()
        server.accepting = False
        server.del_channel()
        server.socket.close()
        deadline = monotonic() + _GRACE
        while (left := self._unanswered()) and monotonic() < deadline:
            self._step(0.05)
        for channel in self._channels():
            channel.handle_close()
        return left

    def close(self) -> None:
        """Give everything back."""
        server = self._server
        for threads in (server.task_dispatcher, server.writers):
            threads.shutdown(timeout=_GRACE)
        for channel in self._channels():
            channel.handle_close()
        server.close()

    def _step(self, seconds: float) -> None:
        wasyncore.loop(timeout=seconds, use_poll=True, map=self._server._map, count=1)  # noqa: SLF001 - see above

    def _channels(self) -> list[_Channel]:
        return list(self._server.active_channels.values())

    def _unanswered(self) -> int:
        """Return how many connections have asked for what they do not have yet."""
        return sum(bool(one.requests or one.total_outbufs_len) for one in self._channels())

    def _close_slow(self) -> None:
        """Close the connections whose request does not come to its end, and those whose client does not read.

        They are closed here, for waitress closes none that has requests left, and none before it takes another byte.
        """
        late, silent = monotonic() - _WHOLE, time() - _SILENT
        for channel in self._channels():
            unfinished = channel.begun is not None and channel.begun < late and not channel.requests
            if unfinished or (channel.total_outbufs_len and channel.last_activity < silent):
                channel.handle_close()

    def _make_room(self) -> None:
        """At the limit, close the connections that have not asked for anything for longest."""
        if len(self._server._map) < CONNECTIONS - 1:  # noqa: SLF001 - all that counts for waitress' own limit
            return
        idle = [one for one in self._channels() if one.idle(_STUCK)]
        for channel in sorted(idle, key=lambda one: one.asked)[: 1 + CONNECTIONS // 50]:
            channel.handle_close()


class _Ender(wasyncore.dispatcher):
    """Waits for the word to end."""

    told = False

    def readable(self) -> bool:
        """Wait for it."""
        return True

    def writable(self) -> bool:
        """Write nothing."""
        return False

    def handle_read(self) -> None:
        """Hear it."""
        self.told = True
        self.del_channel()


class _Said(logging.Handler):
    """Hands on what waitress has to say."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._warn = warn

    def emit(self, record: logging.LogRecord) -> None:
        """Hand on a line."""
        self._warn(f"the server says: {record.getMessage()}")


def listen(application: Any, host: str, port: int, threads: int, warn: Callable[[str], None]) -> Server:  # noqa: ANN401 - WSGI
    """Return a server that listens at an address of this machine; port 0 is any that is free.

    Raises:
        UsageError: nobody can listen there.

    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with ExitStack() as undone:
            listening = undone.enter_context(socket.socket(family, kind, protocol))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(place)
            undone.pop_all()
    except (OSError, UnicodeError, OverflowError) as problem:
        msg = f"nobody can listen at {host}, port {port}: {getattr(problem, 'strerror', None) or problem}"
        raise UsageError(msg, advice="name another address with --host, or another port with --port") from problem
    said = logging.getLogger("waitress")
    said.handlers[:] = [_Said(warn)]
    said.propagate = False
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # that a request waits for a moment is no news
    bounds = Adjustments(
        sockets=[listening],
        threads=threads,
        ident=None,
        backlog=_WAITING,
        connection_limit=CONNECTIONS,
        channel_timeout=_SILENT,
        outbuf_high_watermark=_UNREAD,
        cleanup_interval=5,
        max_request_header_size=_HEADERS,
        max_request_body_size=_BODY,
        asyncore_use_poll=True,
        trusted_proxy=_PROXY,
        trusted_proxy_headers={"x-forwarded-for"},
        clear_untrusted_proxy_headers=True,
        expose_tracebacks=False,
    )
    where = family, kind, protocol, listening.getsockname()
    return Server(_Listener(application, _sock=listening, adj=bounds, sockinfo=where, bind_socket=False))
