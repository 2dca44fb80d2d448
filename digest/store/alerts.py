"""The alerts that are not over, kept so that no other process, and no other machine, tells them again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from digest.alerts import Alert, Memory
from digest.errors import StoreError
from digest.store.database import Database
from digest.store.schema import alerts


@dataclass(frozen=True, slots=True)
class StoreMemory:
    """Keeps alerts in the database; in its stead in another memory where the database itself is what fails."""

    database: Database
    instead: Memory

    def open_alerts(self) -> Sequence[Alert]:
        """Return them, the oldest first."""
        try:
            with self.database.read() as connection:
                rows = connection.execute(sa.select(alerts).order_by(alerts.c.since)).all()
        except StoreError:
            return self.instead.open_alerts()
        kept = [
            Alert(
                row.kind, row.category, date.fromisoformat(row.date) if row.date else None, row.text, row.since, tuple(row.told), row.over
            )
            for row in rows
        ]
        known = {alert.key for alert in kept}
        return [*kept, *(alert for alert in self.instead.open_alerts() if alert.key not in known)]

    def remember(self, alert: Alert) -> None:
        """Keep *alert*, in place of one with the same key."""
        values = {
            "kind": alert.kind,
            "category": alert.category,
            "date": str(alert.day or ""),
            "text": alert.text,
            "since": alert.since,
            "told": list(alert.told),
            "over": alert.over,
        }
        try:
            with self.database.write() as connection:
                connection.execute(_one(alert.kind, alert.category, alert.day))
                connection.execute(sa.insert(alerts).values(values))
        except StoreError:
            self.instead.remember(alert)
            return
        self.instead.forget(*alert.key)

    def forget(self, kind: str, category: str, day: date | None) -> None:
        """Keep it no longer."""
        self.instead.forget(kind, category, day)
        try:
            with self.database.write() as connection:
                connection.execute(_one(kind, category, day))
        except StoreError:
            return


def _one(kind: str, category: str, day: date | None) -> sa.Delete:
    return sa.delete(alerts).where(alerts.c.kind == kind, alerts.c.category == category, alerts.c.date == str(day or ""))
