"""What an operator should know, told once: by web-hook, by letter, or both.

    raise_ | known already? remembered, told to each channel      resolve | told that it is over, forgotten

Each alert has a kind, a category and a date (or none), and is told once until it is over; then one more line says so. What a
channel did not take stays to be told, and is tried again with the next call. Nothing in here ever stops a run.
"""

import json
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol

from digest import __version__, secrets, webhook
from digest.errors import DigestError, HookError, MailError
from digest.files import host, write_whole
from digest.mail import Letter, Server

FILE = "alerts.json"
FORMAT = 1
TEST = "test"
_LARGEST = 2**22
_LONGEST_TEXT = 2000
_AT_ONCE = 20
"""How many alerts are told in one call, so that a year of dates that fail holds nobody up."""
_HOOK, _MAIL = "webhook", "mail"

Key = tuple[str, str, date | None]


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that an operator should know, and who knows it already."""

    kind: str
    category: str
    day: date | None
    text: str
    since: datetime
    told: tuple[str, ...] = ()
    """The channels that have taken it."""
    over: datetime | None = None
    """Since when it is over, where a channel that has taken it does not know that yet."""

    @property
    def key(self) -> Key:
        """What tells it from others."""
        return (self.kind, self.category, self.day)


class Memory(Protocol):
    """Keeps the alerts that are not over, or not known to be over by everybody."""

    def open_alerts(self) -> Sequence[Alert]:
        """Return them, the oldest first."""
        ...

    def remember(self, alert: Alert) -> None:
        """Keep *alert*, in place of one with the same key."""
        ...

    def forget(self, kind: str, category: str, day: date | None) -> None:
        """Keep it no longer."""
        ...


@dataclass(frozen=True, slots=True)
class Mail:
    """Letters to the operator."""

    server: Server
    sender: str
    operator: str


@dataclass(slots=True)
class Alerts:
    """Tells an operator, by the *hook* (an address; "" for none) and by *mail*."""

    hook: str = field(repr=False)
    mail: Mail | None
    memory: Memory
    clock: Callable[[], datetime]
    warn: Callable[[str], None]
    hide: Callable[[str], str] = secrets.mask
    """Takes the secrets out of a text before anybody is told."""
    post: Callable[[str, Mapping[str, object]], None] = webhook.post
    pause: float = 60.0
    """Seconds for which a channel that failed is left alone: each try may take long."""
    _failed: dict[str, float] = field(default_factory=dict, repr=False)
    """When a channel failed last, by the clock that only goes on."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of what is set up."""
        return (*([_HOOK] if self.hook else []), *([_MAIL] if self.mail else []))

    def raise_(self, kind: str, category: str, day: date | None, text: str) -> None:
        """Tell the operator *text*, unless this is known; *day* is None where no date is meant."""
        with self._lock:
            known = self._known().get((kind, category, day))
            text = _plain(self.hide(text))
            if known is None or known.over is not None:
                self._remember(Alert(kind, category, day, text, self.clock()))
            elif known.text != text:
                self._remember(replace(known, text=text))
            self._tell_all()

    def resolve(self, kind: str, category: str, day: date | None) -> None:
        """Tell the operator that this is over, if it was told that it is not."""
        with self._lock:
            known = self._known().get((kind, category, day))
            if known is not None and known.over is None:
                if known.told:
                    self._remember(replace(known, over=self.clock()))
                else:  # nobody has heard of it, so nobody waits for its end
                    self._forget(known)
            self._tell_all()

    def open(self) -> tuple[Alert, ...]:
        """Return the alerts that are not over, the oldest first."""
        with self._lock:
            return tuple(alert for alert in self._known().values() if alert.over is None)

    def retry(self) -> None:
        """Tell what a channel has not taken so far."""
        with self._lock:
            self._tell_all()

    def test(self) -> dict[str, str]:
        """Tell every channel that this is a test; return what each said to that, "" if it took it."""
        alert = Alert(TEST, "", None, "this is a test: alerts arrive", self.clock())
        found = {}
        for channel in self.channels:
            try:
                self._tell(channel, alert)
            except (HookError, MailError) as exc:
                found[channel] = str(exc)
            else:
                found[channel] = ""
        return found

    # -- the memory: one that fails is said, and the run goes on ---------------------------------------------------------

    def _known(self) -> dict[Key, Alert]:
        try:
            return {alert.key: alert for alert in self.memory.open_alerts()}
        except DigestError as exc:
            self.warn(f"the alerts that are open are not known: {exc}")
            return {}

    def _remember(self, alert: Alert) -> None:
        try:
            self.memory.remember(alert)
        except DigestError as exc:
            self.warn(f"an alert is not remembered: {exc}")

    def _forget(self, alert: Alert) -> None:
        try:
            self.memory.forget(*alert.key)
        except DigestError as exc:
            self.warn(f"an alert that is over is not forgotten: {exc}")

    # -- telling -------------------------------------------------------------------------------------------------------

    def _tell_all(self) -> None:
        """Tell each channel what it does not know; one that fails is left alone until the next call."""
        now = time.monotonic()
        channels = [channel for channel in self.channels if now - self._failed.get(channel, -math.inf) >= self.pause]
        left = _AT_ONCE
        for alert in self._known().values():
            knows = alert.told
            wanted = [channel for channel in channels if (channel in knows) == (alert.over is not None)]
            for channel in wanted if left > 0 else ():
                try:
                    self._tell(channel, alert)
                except (HookError, MailError) as exc:
                    self.warn(f"an alert is not told, and will be tried again: {exc}")
                    channels.remove(channel)
                    self._failed[channel] = time.monotonic()
                else:
                    left -= 1
                    knows = tuple(name for name in knows if name != channel) if alert.over else (*knows, channel)
            # Of a channel that was taken out of the settings nobody expects to hear that it is over.
            if alert.over is not None and not set(knows) & set(self.channels):
                self._forget(alert)
            elif knows != alert.told:
                self._remember(replace(alert, told=knows))

    def _tell(self, channel: str, alert: Alert) -> None:
        now = self.clock()
        if channel == _HOOK:
            self.post(self.hook, document(alert, now))
        elif self.mail is not None:
            self.mail.server.send(letter(alert, now, self.mail.sender, self.mail.operator))


def document(alert: Alert, now: datetime) -> dict[str, object]:
    """Return what a web-hook is told; the README describes it."""
    return {
        # Chats show this one: < and @ are what their own commands begin with.
        "text": f"cvdigest: {line(alert)}".replace("<", "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}").replace(
            "@", "\N{FULLWIDTH COMMERCIAL AT}"
        ),
        "event": TEST if alert.kind == TEST else "resolved" if alert.over else "raised",
        "kind": alert.kind,
        "category": alert.category,
        "date": alert.day.isoformat() if alert.day else None,
        "reason": alert.text,
        "since": _moment(alert.since),
        "at": _moment(now),
        "host": host(),
        "program": f"cvdigest/{__version__}",
    }


def letter(alert: Alert, now: datetime, sender: str, operator: str) -> Letter:
    """Return the letter that an operator gets."""
    about = f"{alert.category} {alert.day or ''}".strip()
    state = "over" if alert.over else "alert"
    subject = f"[cvdigest] {state}: {alert.kind}{' ' + about if about else ''}"
    text = f"{line(alert)}\n\nSince {_moment(alert.since)}, on {host()}.\n`cvdigest status` and `cvdigest doctor` tell more.\n"
    moment = alert.over or alert.since
    return Letter(
        sender, operator, subject, text, now, f"{alert.kind}-{alert.category}-{alert.day or 'none'}-{state}-{moment:%Y%m%dT%H%M%S}"
    )


def line(alert: Alert) -> str:
    """Return an alert as one line."""
    about = " ".join(filter(None, (alert.category, str(alert.day or ""))))
    over = f"over since {_moment(alert.over)}; it was: " if alert.over else ""
    return f"{about + ': ' if about else ''}{over}{alert.text}"


@dataclass(slots=True)
class FileMemory:
    """Keeps alerts in one file of the data folder, written whole. One that is damaged is named and taken for empty."""

    data: Path
    warn: Callable[[str], None]
    _alerts: dict[Key, Alert] | None = None
    """As the file has it; kept, so that a disk that is full makes nobody hear the same thing twice."""

    def open_alerts(self) -> Sequence[Alert]:
        """Return the alerts that are kept, the oldest first."""
        return sorted(self._all().values(), key=lambda alert: (alert.since, alert.kind, alert.category, alert.day or date.min))

    def remember(self, alert: Alert) -> None:
        """Keep *alert*, in place of one with the same key."""
        self._all()[alert.key] = alert
        self._write()

    def forget(self, kind: str, category: str, day: date | None) -> None:
        """Keep it no longer."""
        if self._all().pop((kind, category, day), None) is not None:
            self._write()

    def _all(self) -> dict[Key, Alert]:
        if self._alerts is None:
            self._alerts = {alert.key: alert for alert in self._read()}
        return self._alerts

    def _read(self) -> Iterable[Alert]:
        path = self.data / FILE
        try:
            with path.open("rb") as file:
                table = json.loads(file.read(_LARGEST))
            return _alerts(table)
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as exc:
            self.warn(f"{path} cannot be understood ({exc or type(exc).__name__}); taken for empty, so alerts may be told again")
            return []

    def _write(self) -> None:
        path = self.data / FILE
        table = {"format": FORMAT, "alerts": [_facts(alert) for alert in self.open_alerts()]}
        try:
            write_whole(path, (json.dumps(table, ensure_ascii=False, indent=1) + "\n").encode())
        except OSError as exc:
            self.warn(f"{path} cannot be written ({exc.strerror or exc}); alerts may be told again after a restart")


def _facts(alert: Alert) -> dict[str, object]:
    return {
        "kind": alert.kind,
        "category": alert.category,
        "date": alert.day.isoformat() if alert.day else None,
        "text": alert.text,
        "since": alert.since.isoformat(),
        "told": list(alert.told),
        "over": alert.over.isoformat() if alert.over else None,
    }


def _alerts(table: Any) -> list[Alert]:  # noqa: ANN401 - whatever JSON holds
    if table["format"] != FORMAT:
        msg = f"of format {table['format']!r}"
        raise ValueError(msg)
    return [_alert(facts) for facts in table["alerts"]]


def _alert(facts: Any) -> Alert:  # noqa: ANN401 - whatever JSON holds
    day, over = facts["date"], facts["over"]
    texts = (facts["kind"], facts["category"], facts["text"], *facts["told"])
    moments = tuple(datetime.fromisoformat(moment) if moment is not None else None for moment in (facts["since"], over))
    if (
        not all(isinstance(text, str) for text in texts)
        or any(moment and moment.tzinfo is None for moment in moments)
        or moments[0] is None
    ):
        msg = "an alert has texts and moments"
        raise ValueError(msg)
    kind, category, text, *told = texts
    return Alert(kind, category, date.fromisoformat(day) if day is not None else None, text, moments[0], tuple(told), moments[1])


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _plain(text: str) -> str:
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= _LONGEST_TEXT else f"{line[:_LONGEST_TEXT]}..."
