"""The reader's corrections: the file on this machine taken over into the store, which counts for all machines."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from digest import corrections
from digest.corrections import Correction
from digest.errors import SettingsError
from digest.files import host
from digest.store import corrections as stored
from digest.store.database import Database


@dataclass(frozen=True, slots=True)
class Correcting:
    """The corrections of one data folder and one database."""

    database: Database
    data: Path
    warn: Callable[[str], None]

    @property
    def _file(self) -> str:
        """By what the database knows the file: one of SQLite is used by one machine, whatever that is called today."""
        machine = "" if self.database.sqlite else f"{host()}:"
        return f"{machine}{self.data.absolute()}"

    def in_force(self) -> dict[str, tuple[str, str]]:
        """Return topic and subtopic (empty if it was left open) of each corrected paper.

        A file that cannot be used is named by a warning, and what was taken over before counts.
        """
        try:
            self.take_over()
        except SettingsError as exc:
            self.warn(f"{exc}; of corrections, those that were taken over before count")
        with self.database.read() as connection:
            return {kept.id: (kept.topic, kept.subtopic) for kept in stored.in_force(connection)}

    def listed(self) -> list[Correction]:
        """Return the corrections in force, the newest last.

        Raises:
            SettingsError: the file cannot be used.

        """
        order = {kept.id: place for place, kept in enumerate(self.take_over(), start=1)}
        with self.database.read() as connection:
            found = stored.in_force(connection)
        return sorted(found, key=lambda kept: (kept.made or date.min, order.get(kept.id, 0)))

    def add(self, correction: Correction) -> None:
        """Keep a correction, in place of an older one of the same paper.

        Raises:
            SettingsError, PublishError: the file cannot be used.
            StoreError: the database cannot be; the file is written then, and taken over later.

        """
        corrections.add(self.data, correction)
        self.take_over()

    def remove(self, paper: str, today: date) -> bool:
        """Forget the correction of *paper*, whoever made it; return whether there was one.

        Raises:
            SettingsError, PublishError, StoreError: as for `add`.

        """
        self.take_over()
        with self.database.write() as connection:
            withdrawn = stored.withdraw(connection, self._file, paper, today)
        # The file last: a line that is still there when this is broken off counts again, so nothing is half removed.
        there = corrections.remove(self.data, paper)
        return withdrawn or there

    def take_over(self) -> list[Correction]:
        """Let the store follow what has been changed in the file since; return what the file says.

        Raises:
            SettingsError: the file cannot be used; the store is as it was.

        """
        listed = corrections.listed(self.data)
        with self.database.read() as connection:
            if stored.is_taken_over(connection, self._file, listed):
                return listed
        with self.database.write() as connection:
            outdone = stored.take_over(connection, self._file, listed)
        for kept in outdone:
            self.warn(f"the correction of {kept.id} to {kept.shelf} does not count: somebody else has made a newer one")
        return listed
