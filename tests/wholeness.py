"""Whether all that a program keeps is whole and fits together: the database, the files below the output folder, the notes."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import date

import sqlalchemy as sa

from digest.store import database as stores
from digest.store import days, editions, schema
from digest.store.database import Database
from tests.weeks import Program


@dataclass
class Elsewhere(Program):
    """The program with a database that is not in its data folder."""

    address: str = ""

    def options(self, command: str) -> list[str]:
        """Return the arguments of its own for a command."""
        return [*super().options(command), "--database", self.address]

    def database(self) -> Database:
        """Return the database in which it keeps what it knows."""
        return Database(stores.address(self.address, self.folder))


LOST, DOUBLED, HALF, LEFT, OTHER = "lost", "doubled", "half-written", "left over", "other"


@dataclass
class Findings:
    """What is wrong, by its kind."""

    found: list[tuple[str, str]] = field(default_factory=list)

    def see(self, good: object, kind: str, text: str) -> None:
        """Note what is not *good*."""
        if not good:
            self.found.append((kind, text))


def look(program: Program, day: date, *, number: int = 1, out: str = "out") -> list[tuple[str, str]]:
    """Return what is wrong, kind and words, where *day* is to have the editions 1 to *number*, all published; nothing if all is well."""
    seen = Findings()
    database = program.database()
    try:
        with database.read() as connection:
            if database.sqlite:
                seen.see(connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok", HALF, "the database is damaged")
                seen.see(not connection.exec_driver_sql("PRAGMA foreign_key_check").all(), HALF, "the database refers to nothing")
            stored = editions.of_date(connection, "cs.CV", day)
            newest = editions.newest(connection, "cs.CV", day)
            note = days.read(connection, "cs.CV", day)
            announced = connection.execute(
                sa.select(sa.func.count()).select_from(schema.announcements).where(schema.announcements.c.date == day)
            ).scalar_one()
    finally:
        database.close()
    numbers = [one.number for one in stored]
    seen.see(set(range(1, number + 1)) <= set(numbers), LOST, f"the editions are {numbers}")
    seen.see(len(set(numbers)) == len(numbers) and len(numbers) <= number, DOUBLED, f"the editions are {numbers}")
    seen.see(announced <= number, DOUBLED, f"{announced} announcements are kept")
    seen.see(all(one.published for one in stored), HALF, "an edition is not published")
    seen.see(note is not None and note.attempts > 0, LOST, "nothing is noted of the date")
    folder = program.folder / out
    index = folder / "README.md"
    listed = index.read_text("utf-8") if index.exists() else ""
    for file in newest.files if newest else ():
        path = folder / file.path
        content = path.read_bytes() if path.exists() else None
        seen.see(content is not None, LOST, f"{file.path} is not there")
        seen.see(content is None or hashlib.sha256(content).hexdigest() == file.sha256, HALF, f"{file.path} is another one than was kept")
        if file.role == "page":
            seen.see(listed.count(f"({file.path})") == 1, LOST, "the index does not list the page once")
            seen.see(content is None or content.endswith(b"\n"), HALF, "the page has no end")
        elif content is not None:
            seen.see(json.loads(content).get("edition") == numbers[-1], OTHER, "the JSON has another number")
    for link in re.findall(r"\(([^()]+\.md)\)", listed):
        seen.see((folder / link).exists(), HALF, f"the index lists {link}, which is not there")
    for path in (program.folder / "data", folder):
        rest = [*path.rglob(".*.part"), *path.rglob("*.new"), *path.rglob("*.new-*"), *path.rglob("*-journal")]
        seen.see(not rest, LEFT, f"left over: {', '.join(one.name for one in rest)}")
    return seen.found
