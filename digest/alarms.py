"""Notes of dates in, those that an operator should know of out: which conditions are alerts is decided here and nowhere else.

`alarms` is arithmetic over notes. The clock knows of other kinds (`JOB_ERROR` and those after it), which it raises itself.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from digest.alerts import Alerts
from digest.core.announcements import announcement_instant
from digest.core.domain import State
from digest.ledger import Note

FAILED = "date-failed"
WAITING = "date-waiting"
UNSORTED = "date-unclassified"
UNPUBLISHED = "date-unpublished"
LEFT_OUT = "dates-left-out"
OF_DATES = frozenset({FAILED, WAITING, UNSORTED, UNPUBLISHED, LEFT_OUT})
JOB_ERROR = "job-error"
JOB_MISSED = "job-missed"
OVERLAP = "job-overlap"
FORBIDDEN = "forbidden"
CLOCK = "clock"
STORE = "store"
MAIL_FAILED = "mail-failed"
HOOK_FAILED = "hook-failed"
OF_SENDING = frozenset({MAIL_FAILED, HOOK_FAILED})
_MOST_FAILURES = 3
"""So often in a row no letters can be handed over before an operator is told: a server may be restarted."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A condition that an operator should know of."""

    kind: str
    category: str
    day: date
    text: str


def alarms(notes: Iterable[Note], now: datetime, alert_after: timedelta) -> tuple[Alarm, ...]:
    """Return what an operator should know of the dates: which ones failed, wait since *alert_after* and longer, or had no model.

    A date waits from the moment when arXiv announces it. One that nobody has asked for is no matter for an alert yet.
    """
    found = []
    for note in notes:
        why = "; ".join(filter(None, (note.reason, note.advice)))
        if announcement_instant(note.date) > now:  # a clock gone wrong has asked for it
            continue
        if note.state is State.FAILED:
            found.append(Alarm(FAILED, note.category, note.date, f"could not be made: {why}"))
        elif note.state is State.WAITING and note.at is not None and now - announcement_instant(note.date) >= alert_after:
            hours = alert_after / timedelta(hours=1)
            found.append(Alarm(WAITING, note.category, note.date, f"is not there {hours:g} hours after it was due: {why}"))
        elif note.state is State.PUBLISHED and note.listed and not note.model:
            found.append(Alarm(UNSORTED, note.category, note.date, f"is published, and no model has sorted it: {why}"))
    return tuple(found)


def ring_mail(alerts: Alerts, category: str, failures: int, trouble: str, sent: int) -> None:
    """Raise that letters cannot be handed over, after some *failures* in a row, and resolve it when some were *sent* again."""
    if failures >= _MOST_FAILURES:
        alerts.raise_(MAIL_FAILED, category, None, f"no letters can be handed over: {trouble}")
    elif sent and not failures:
        alerts.resolve(MAIL_FAILED, category, None)


def ring_hooks(alerts: Alerts, category: str, refused: int, sent: int) -> None:
    """Raise that web-hooks have *refused* to be told, or were given up, and resolve it when they take what they are told."""
    if refused:
        alerts.raise_(HOOK_FAILED, category, None, "a web-hook did not take an edition, and is not told of it any more: see the log")
    elif sent:
        alerts.resolve(HOOK_FAILED, category, None)


def ring(alerts: Alerts, notes: Sequence[Note], now: datetime, alert_after: timedelta, unpublished: Collection[date] = ()) -> None:
    """Raise what `alarms` finds, and resolve what is open of a date that is published by now, or is known to have no announcement.

    *notes* are those of the dates that may have changed, and of those with an open alert. *unpublished* are the dates with an
    edition that cannot be written to the folder; where the date itself failed, that is told already.
    """
    found = list(alarms(notes, now, alert_after))
    failing = {alarm.day for alarm in found if alarm.kind == FAILED}
    for note in notes:
        if note.date in unpublished and note.date not in failing:
            text = f"its last edition is kept, and cannot be written: {note.reason or 'it was broken off'}"
            found.append(Alarm(UNPUBLISHED, note.category, note.date, text))
    made = {(note.category, note.date) for note in notes if note.state in (State.PUBLISHED, State.NONE)}
    lasting = {(alarm.kind, alarm.category, alarm.day) for alarm in found if alarm.kind in (UNSORTED, UNPUBLISHED)}
    known = [alert for alert in alerts.open() if alert.kind in OF_DATES]
    for alert in known:
        coming = alert.day is not None and announcement_instant(alert.day) > now
        if coming or ((alert.category, alert.day) in made and alert.key not in lasting):
            alerts.resolve(*alert.key)
    failed = {(alert.category, alert.day) for alert in known if alert.kind == FAILED}
    for alarm in found:
        # Of a date that failed and waits now, the operator has heard already.
        if alarm.kind != WAITING or (alarm.category, alarm.day) not in failed:
            alerts.raise_(alarm.kind, alarm.category, alarm.day, alarm.text)
