"""Alerts: each thing is told once, and once when it is over; and nothing about telling stops a run."""

import itertools
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from digest import alarms, webhook
from digest.alerts import FILE, Alerts, FileMemory, Mail
from digest.core.domain import State
from digest.errors import HookError
from digest.ledger import Note
from digest.mail import Server
from tests import postbox, servers
from tests.postbox import PASSWORD, USER

FRIDAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
DOCUMENT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["text", "event", "kind", "category", "date", "reason", "since", "at", "host", "program"],
    "properties": {
        "event": {"enum": ["raised", "resolved", "test"]},
        "date": {"type": ["string", "null"], "format": "date"},
        **{name: {"type": "string", "format": "date-time"} for name in ("since", "at")},
        **{name: {"type": "string"} for name in ("text", "kind", "category", "reason", "host", "program")},
    },
}


@dataclass
class Hook:
    """A web-hook, and what it was told."""

    url: str = ""
    status: int = 200
    location: str = ""
    told: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def events(self) -> list[tuple[str, str, str | None]]:
        """What was told, in short."""
        return [(each["event"], each["kind"], each["date"]) for each in self.told]


@contextmanager
def hook() -> Iterator[Hook]:
    """Run a web-hook."""
    state = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.headers.append(dict(self.headers.items()))
            if state.status == 200:
                state.told.append(json.loads(body))
                jsonschema.validate(state.told[-1], DOCUMENT, format_checker=jsonschema.FormatChecker())
            self.send_response(state.status)
            if state.location:
                self.send_header("Location", state.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the base class gives it
            pass

    with servers._served(Handler) as url:
        state.url = f"{url}/hooks/secret-path?key=secret-key"
        yield state


@dataclass
class World:
    """An operator's alerts, a web-hook, and what was warned of."""

    hook: Hook
    data: Path
    warnings: list[str] = field(default_factory=list)

    def alerts(self, *, mail: Mail | None = None, url: str | None = None) -> Alerts:
        """Return what a process that starts now has."""
        seconds = itertools.count()
        memory = FileMemory(self.data, self.warnings.append)
        clock = lambda: NOW + timedelta(seconds=next(seconds))  # noqa: E731 - moments that differ
        return Alerts(self.hook.url if url is None else url, mail, memory, clock, self.warnings.append, pause=0)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return a web-hook and an empty data folder."""
    with hook() as state:
        yield World(state, tmp_path)


def test_once_until_it_is_over(world: World) -> None:
    """It is told once, whatever is said about it later and however often the program starts, and once more when it is over."""
    world.alerts().raise_("date-failed", "cs.CV", FRIDAY, "could not be made: a new layout")
    alerts = world.alerts()
    alerts.raise_("date-failed", "cs.CV", FRIDAY, "could not be made: another layout")
    assert [alert.text for alert in alerts.open()] == ["could not be made: another layout"]
    alerts.resolve("date-failed", "cs.CV", FRIDAY)
    alerts.resolve("date-failed", "cs.CV", FRIDAY)
    world.alerts().resolve("date-failed", "cs.CV", FRIDAY)

    assert world.hook.events == [("raised", "date-failed", "2026-11-20"), ("resolved", "date-failed", "2026-11-20")]
    assert world.hook.told[0]["text"] == "cvdigest: cs.CV 2026-11-20: could not be made: a new layout"
    assert (world.warnings, world.alerts().open()) == ([], ())


def test_what_returns_is_told_again(world: World) -> None:
    """After it was over, the same thing is news."""
    alerts = world.alerts()
    for _ in range(2):
        alerts.raise_("clock", "", None, "the clock is wrong")
        alerts.resolve("clock", "", None)

    assert [event for event, _, _ in world.hook.events] == ["raised", "resolved"] * 2


def test_different_things_are_told_apart(world: World) -> None:
    """Kind, category and date tell alerts apart, and resolving one leaves the others."""
    alerts = world.alerts()
    for kind, category, day in itertools.product(("date-failed", "store"), ("cs.CV", "cs.LG"), (FRIDAY, None)):
        alerts.raise_(kind, category, day, "text")
    alerts.resolve("store", "cs.LG", None)

    assert [event for event, _, _ in world.hook.events] == ["raised"] * 8 + ["resolved"]
    assert len(alerts.open()) == 7


def test_what_was_not_taken_is_told_later(world: World) -> None:
    """A web-hook that is down stops nothing; after a restart it gets what it missed, once."""
    world.hook.status = 503
    alerts = world.alerts()
    alerts.raise_("forbidden", "cs.CV", None, "arXiv refuses us")
    assert world.warnings == [
        "an alert is not told, and will be tried again: the web-hook at 127.0.0.1 answered 503; see its address and what it takes"
    ]
    world.hook.status = 200
    later = world.alerts()
    later.retry()
    later.retry()

    assert world.hook.events == [("raised", "forbidden", None)]


def test_what_nobody_heard_of_is_over_in_silence(world: World) -> None:
    """An alert that came and went while the web-hook was down is not told at all; an end that was not taken is."""
    alerts = world.alerts()
    alerts.raise_("clock", "", None, "wrong")
    world.hook.status = 500
    alerts.raise_("store", "", None, "full")
    alerts.resolve("store", "", None)
    alerts.resolve("clock", "", None)
    world.hook.status = 200
    world.alerts().retry()

    assert world.hook.events == [("raised", "clock", None), ("resolved", "clock", None)]
    assert json.loads((world.data / FILE).read_bytes())["alerts"] == []


def test_a_channel_that_fails_is_left_alone_for_a_while(world: World) -> None:
    """Many alerts do not mean many waits for a web-hook that is down."""
    world.hook.status = 500
    alerts = world.alerts()
    alerts.pause = 3600
    for day in range(1, 11):
        alerts.raise_("date-failed", "cs.CV", date(2026, 11, day), "text")

    assert len(world.hook.headers) == 1
    assert len(alerts.open()) == 10


def test_by_letter_too(world: World) -> None:
    """The operator gets the same by mail; where one way fails, the other does not tell twice."""
    world.hook.status = 500
    with postbox.postbox() as box:
        server = Server.from_url(
            f"smtps://{USER}:{PASSWORD.replace('@', '%40').replace(' ', '%20').replace('/', '%2F')}@localhost:{box.port}",
            context=postbox.trusting(),
        )
        alerts = world.alerts(mail=Mail(server, "digest@example.org", "you@example.org"))
        alerts.raise_("date-failed", "cs.CV", FRIDAY, "a title =?UTF-8?Q?=0A?=Bcc: x@example.org\nBcc: y@example.org")
        world.hook.status = 200
        alerts.retry()
        alerts.resolve("date-failed", "cs.CV", FRIDAY)
    letters = [message_from_bytes(letter, policy=policy.default) for letter in box.letters]

    assert [letter["Subject"] for letter in letters] == [f"[cvdigest] {state}: date-failed cs.CV 2026-11-20" for state in ("alert", "over")]
    assert [letter["Bcc"] for letter in letters] == [None, None]
    assert len({letter["Message-ID"] for letter in letters}) == 2
    assert [event for event, _, _ in world.hook.events] == ["raised", "resolved"]


def test_nothing_in_a_reason_commands_a_chat(world: World) -> None:
    """Mentions and links of Slack and Mattermost in a reason are text, and so is what steers a terminal."""
    world.alerts().raise_("store", "", None, "<!channel> <http://x|y> @all \x1b[2J\nsecond line")

    assert not set("<@\x1b\n") & set(world.hook.told[0]["text"])
    assert world.hook.told[0]["reason"] == "<!channel> <http://x|y> @all [2J second line"


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"format": 2, "alerts": []}', b'{"format": 1, "alerts": [{}]}', b"[" * 100_000, b"\xff"]
)
def test_a_memory_that_is_damaged(world: World, content: bytes) -> None:
    """It is named and taken for empty; the alert is told."""
    (world.data / FILE).write_bytes(content)
    alerts = world.alerts()
    alerts.raise_("clock", "", None, "wrong")
    alerts.raise_("clock", "", None, "wrong")

    assert len(world.hook.told) == 1
    assert len(world.warnings) == 1
    assert FILE in world.warnings[0]


def test_a_memory_that_cannot_be_written(world: World) -> None:
    """On a full or read-only disk the alert is told all the same, once in this process."""
    world.data /= "a-file"
    world.data.write_bytes(b"")
    alerts = world.alerts()
    alerts.raise_("clock", "", None, "wrong")
    alerts.raise_("clock", "", None, "wrong")
    alerts.resolve("clock", "", None)

    assert [event for event, _, _ in world.hook.events] == ["raised", "resolved"]
    assert all("cannot be" in warning for warning in world.warnings)


def test_a_reason_holds_no_secret(world: World) -> None:
    """Neither the operator's chat nor the memory learns a password."""
    world.alerts().raise_("store", "", None, "postgresql://u:pa55word@h/db is down")

    assert world.hook.told[0]["reason"] == "postgresql://u:***@h/db is down"
    assert b"pa55word" not in (world.data / FILE).read_bytes()


def test_without_a_channel_nothing_is_told(world: World) -> None:
    """Alerts are kept for whoever asks, and nobody is told."""
    alerts = world.alerts(url="")
    alerts.raise_("clock", "", None, "wrong")

    assert (len(alerts.open()), alerts.channels, world.warnings) == (1, (), [])
    assert "secret" not in repr(world.alerts())


# -- the web-hook ----------------------------------------------------------------------------------------------------------


def _heard(script: servers.Script) -> servers.Script:
    """Return a script that takes the body first: to hang up on it would reset the connection, and the answer with it."""

    def run(connection: socket.socket) -> None:
        connection.settimeout(0.1)
        with suppress(TimeoutError):
            connection.recv(2**16)
        connection.settimeout(None)
        script(connection)

    return run


def _silent(connection: socket.socket) -> None:
    while connection.recv(1000):
        pass


def test_a_redirect_is_not_followed(world: World) -> None:
    """What is told goes nowhere else."""
    world.hook.status, world.hook.location = 307, f"{world.hook.url}/elsewhere"

    with pytest.raises(HookError, match="leads elsewhere"):
        webhook.post(world.hook.url, {})
    assert len(world.hook.headers) == 1


@pytest.mark.parametrize(
    ("script", "total", "said"),
    [
        (servers.drips(servers.response(b"ok"), size=1, every=0.05), 0.4, "took longer"),
        (_silent, 0.4, "took longer"),
        (servers.sends(b""), 10, "cannot be told"),
        (servers.sends(b"\xff\xfe nonsense\r\n\r\n"), 10, "cannot be told"),
        (servers.sends(servers.response(b"no", status="404 secret-path")), 10, "answered 404"),
    ],
)
def test_a_web_hook_that_misbehaves(script: servers.Script, total: float, said: str) -> None:
    """It is given up in time, and the error quotes nothing of the address but its host."""
    started = time.monotonic()
    with servers.raw(_heard(script)) as server, pytest.raises(HookError, match=said) as caught:
        webhook.post(f"{server.url}/secret-path?key=secret-key", {}, total=total)

    assert time.monotonic() - started < 9
    assert "secret" not in str(caught.value)


def test_a_body_without_end_is_not_read() -> None:
    """The status is all that is wanted."""

    def script(connection: socket.socket) -> None:
        connection.sendall(servers.response(b"", length=False))
        while True:
            connection.sendall(bytes(2**16))

    with servers.raw(_heard(script)) as server:
        webhook.post(f"{server.url}/hook", {"text": "x"}, total=5)

    assert server.requests[0].startswith(b"POST /hook HTTP/1.1\r\n")


def test_nobody_at_the_web_hook() -> None:
    """A web-hook that is not there is said to be that, without its path."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(HookError, match=r"at 127\.0\.0\.1 cannot be told: (?!.*secret)"):
        webhook.post(f"http://127.0.0.1:{port}/secret-path", {})


# -- which dates are a matter for alerts -----------------------------------------------------------------------------------

NOTE = Note("cs.CV", FRIDAY, State.WAITING, "stale", "try again later", at=NOW, attempts=1)
LATE = datetime(2026, 11, 20, 7, tzinfo=UTC)
"""Six hours after the announcement that carries the date of Friday."""


@pytest.mark.parametrize(
    ("note", "now", "expected"),
    [
        (replace(NOTE, state=State.FAILED), LATE - timedelta(hours=6), "date-failed"),
        (NOTE, LATE, "date-waiting"),
        (NOTE, LATE - timedelta(seconds=1), None),
        (NOTE, LATE + timedelta(days=300), "date-waiting"),
        (replace(NOTE, at=None, attempts=0), LATE, None),
        (replace(NOTE, state=State.PUBLISHED, provisional=True), LATE, None),
        (replace(NOTE, state=State.NONE), LATE, None),
        (replace(NOTE, state=State.FAILED), LATE - timedelta(days=365), None),
        (replace(NOTE, state=State.PUBLISHED, listed=3), LATE, "date-unclassified"),
        (replace(NOTE, state=State.PUBLISHED, listed=3, model="default"), LATE, None),
    ],
)
def test_which_dates_are_a_matter_for_an_alert(note: Note, now: datetime, expected: str | None) -> None:
    """Those that failed, and those that wait too long since they were announced."""
    found = alarms.alarms([note], now, timedelta(hours=6))

    assert [alarm.kind for alarm in found] == ([expected] if expected else [])
    assert all("stale; try again later" in alarm.text for alarm in found)


def test_alerts_of_dates_to_come_are_over(world: World) -> None:
    """A clock that was a year ahead has told of a date; once it is right again, that is over."""
    alerts = world.alerts()
    alarms.ring(alerts, [NOTE], LATE, timedelta(hours=6))
    assert [alert.kind for alert in alerts.open()] == ["date-waiting"]
    alarms.ring(alerts, [], LATE - timedelta(days=365), timedelta(hours=6))

    assert alerts.open() == ()


def test_an_edition_that_is_not_written(world: World) -> None:
    """A page that stands while its next edition cannot be written is told of until it is; so is one that no model has sorted."""
    alerts, note = world.alerts(), replace(NOTE, state=State.PUBLISHED, listed=3)
    alarms.ring(alerts, [note], LATE, timedelta(hours=6), [FRIDAY])
    assert {alert.kind for alert in alerts.open()} == {"date-unclassified", "date-unpublished"}
    alarms.ring(alerts, [replace(note, model="default")], LATE, timedelta(hours=6))

    assert alerts.open() == ()


def test_a_date_from_its_first_failure_to_its_end(world: World) -> None:
    """A date that fails, waits and is made at last is told twice: when it failed, and when it was there."""
    alerts = world.alerts()
    states = (State.WAITING, State.FAILED, State.WAITING, State.WAITING, State.PUBLISHED, State.PUBLISHED)
    for hours, state in enumerate(states):
        alarms.ring(alerts, [replace(NOTE, state=state)], LATE + timedelta(hours=hours - 1), timedelta(hours=6))

    assert world.hook.events == [("raised", "date-failed", "2026-11-20"), ("resolved", "date-failed", "2026-11-20")]


def test_letters_that_cannot_be_handed_over(world: World) -> None:
    """One failure is no matter for an alert, three in a row are; it is over with the first letter that is taken."""
    alerts = world.alerts()
    kinds = []
    for failures, sent in ((1, 0), (2, 0), (3, 0), (4, 0), (0, 0), (0, 1)):
        alarms.ring_mail(alerts, "cs.CV", failures, "the server is down", sent)
        kinds.append([alert.kind for alert in alerts.open()])

    assert kinds == [[], [], *[["mail-failed"]] * 3, []]


def test_a_web_hook_that_is_given_up(world: World) -> None:
    """It is told of until an edition is taken again."""
    alerts = world.alerts()
    kinds = []
    for refused, sent in ((0, 0), (1, 1), (0, 0), (0, 1)):
        alarms.ring_hooks(alerts, "cs.CV", refused, sent)
        kinds.append([alert.kind for alert in alerts.open()])

    assert kinds == [[], ["hook-failed"], ["hook-failed"], []]
