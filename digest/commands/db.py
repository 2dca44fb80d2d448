"""``cvdigest db``: the database checked, backed up, restored, upgraded and pruned."""

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from digest.commands.console import Console, command, counted, read_settings, write_json, write_text, writing
from digest.errors import UsageError
from digest.files import host

if TYPE_CHECKING:
    from digest.settings import Settings
    from digest.store.backups import Backup
    from digest.store.database import Database
    from digest.store.upkeep import Checked

_MOST_BACKUPS = 10_000


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the group of commands to the parser."""
    what = "look after the database"
    group = commands.add_parser("db", help=what, description=f"{what[0].upper()}{what[1:]}.")
    below = group.add_subparsers(title="commands", required=True, metavar="COMMAND")
    checking = command(below, "check", check, "tell whether all that the database holds is what was kept")
    checking.add_argument("--out", metavar="DIR", help="hold the published files in this folder against it too")
    backing = command(below, "backup", backup, "make a backup, while others may go on writing")
    backing.add_argument("file", metavar="FILE", nargs="?", help="where (default: a name with the time, in backups/ of the data folder)")
    backing.add_argument("--keep", metavar="N", default="10", help="how many backups under such names stay (default: 10)")
    restoring = command(below, "restore", restore, "put a backup in the place of the database, which is moved aside")
    restoring.add_argument("file", metavar="FILE", help="the backup")
    restoring.add_argument("--replace", action="store_true", help="PostgreSQL: move the present tables into a schema of their own")
    upgrading = command(below, "upgrade", upgrade, "bring a database of an older schema up to date, after a backup")
    pruning = command(below, "prune", prune, "throw away arXiv's raw answers that are old; editions stay")
    pruning.add_argument("--keep-answers", metavar="DAYS", help="how long raw answers are kept; 0: for ever (default: 400)")
    pruning.add_argument("--dry-run", action="store_true", help="tell what would be thrown away, and throw nothing away")
    pruning.add_argument("--vacuum", action="store_true", help="give the room in the database back to the disk as well")
    for parser in (checking, backing, restoring, upgrading, pruning):
        parser.add_argument("--database", metavar="WHERE", help="a path or a URL (default: cvdigest.db in the data folder)")
        parser.add_argument("--data", metavar="DIR", help="the data folder (default: the user's)")
        parser.add_argument("--json", action="store_const", const=True, help="print all of it as JSON")


def check(options: argparse.Namespace, console: Console) -> int:
    """Ask one question after the other; 1 if any answer is a problem."""
    from digest.app import data_folder
    from digest.settings import Settings
    from digest.store import upkeep

    settings, database = _opened(options, console)
    # The default folder depends on where one stands, and is no claim that digests are there.
    out = settings.out if settings.out != Settings().out or options.out is not None else None
    found = []
    try:
        schema = database.open(upgrade=False).revision()
        for checked in upkeep.check(database, data=data_folder(settings), out=out, host=host()):
            found.append(checked)
            if not settings.json:
                write_text(console.mask(_told(checked)))
    finally:
        database.close()
    whole = not any(checked.problems for checked in found)
    if settings.json:
        checks = [{"what": one.what, "count": one.count, "problems": list(one.problems), "remarks": list(one.remarks)} for one in found]
        _put_out(console, {"database": database.name, "schema": schema, "whole": whole, "checks": checks})
    if not whole:
        console.error(f"the database {database.name} is not whole; cvdigest db restore brings a backup back")
    return 0 if whole else 1


def backup(options: argparse.Namespace, console: Console) -> int:
    """Make a backup and say where it is."""
    from digest.app import data_folder
    from digest.store import backups

    settings, database = _opened(options, console)
    keep = _number("keep", options.keep)
    try:
        if options.file is None:
            made = backups.make_own(database, data_folder(settings), settings.now or datetime.now(UTC), keep)
        else:
            made = backups.make(database, Path(options.file))
    finally:
        database.close()
    if settings.json:
        _put_out(console, {"database": database.name, **_facts(made)})
    else:
        write_text(f"{made.path}\n")
        console.say(f"the backup is of {_of(made)}")
    return 0


def restore(options: argparse.Namespace, console: Console) -> int:
    """Put a backup back."""
    from digest.app import data_folder
    from digest.store import backups

    settings, database = _named(options, console)
    if options.replace and database.sqlite:
        msg = "--replace is for PostgreSQL: a file of SQLite is always moved aside"
        raise UsageError(msg)
    try:
        found, moved = backups.restore(
            database,
            data_folder(settings),
            _there(Path(options.file), data_folder(settings)),
            settings.now or datetime.now(UTC),
            replacing=options.replace,
        )
        database.open()
        schema = database.revision()
    finally:
        database.close()
    if settings.json:
        _put_out(console, {"database": database.name, "schema": schema, "moved": moved, "backup": _facts(found)})
        return 0
    write_text(f"{database.name} is the backup of {_of(found)} now\n")
    if moved:
        write_text(f"what was there before is in {'' if database.sqlite else 'the schema '}{moved}\n")
    console.say("digests in your folder that are newer than the backup are recognised, and not made again")
    return 0


def upgrade(options: argparse.Namespace, console: Console) -> int:
    """Take the steps from an older schema, after a backup."""
    from digest.app import data_folder
    from digest.store import backups
    from digest.store.schema import HEAD

    settings, database = _opened(options, console)
    kept: list[Path] = []

    def before(found: "Database") -> Path:
        kept.append(backups.make_own(found, data_folder(settings), settings.now or datetime.now(UTC)).path)
        return kept[0]

    try:
        schema = database.schema()
        database.open(before_upgrade=before)
    finally:
        database.close()
    if settings.json:
        _put_out(console, {"database": database.name, "from": schema, "to": HEAD, "backup": str(kept[0]) if kept else None})
    elif not kept:
        write_text(f"{database.name} has the present schema, {HEAD}; there is nothing to do\n")
    else:
        write_text(f"{database.name} had schema {schema} and has {HEAD} now; the backup from before is {kept[0]}\n")
    return 0


def prune(options: argparse.Namespace, console: Console) -> int:
    """Throw away what is old."""
    from digest.app import data_folder
    from digest.store import upkeep

    settings, database = _opened(options, console)
    try:
        database.open(upgrade=False)
        now = settings.now or datetime.now(UTC)
        done = upkeep.prune(database, data_folder(settings), now, keep_answers=settings.keep_answers, dry=options.dry_run, host=host())
        if options.vacuum and not options.dry_run:
            upkeep.vacuum(database)
    finally:
        database.close()
    if settings.json:
        _put_out(console, {"answers": done.answers, "bytes": done.size, "runs": done.runs, "left": done.kept, "dry_run": options.dry_run})
    else:
        verb = "would be thrown away" if options.dry_run else "thrown away"
        write_text(f"{done.answers} files of raw answers, {done.size:,} bytes, and what is known of {done.runs} runs {verb}\n")
    if done.kept:
        console.warn(f"{done.kept} files could not be thrown away")
    return 0


# -- what they share ----------------------------------------------------------------------------------------------------


def _named(options: argparse.Namespace, console: Console) -> "tuple[Settings, Database]":
    """Return the settings, and the database that they name; it is not asked yet."""
    from digest.app import data_folder
    from digest.store import backups
    from digest.store.database import Database, address

    settings = read_settings(options, console)
    database = Database(address(settings.database, data_folder(settings)), console.say)
    for path in backups.sweep(database, data_folder(settings)):
        console.say(f"{path.name} was left half-written, and is removed")
    return settings, database


def _opened(options: argparse.Namespace, console: Console) -> "tuple[Settings, Database]":
    """Return the settings, and the database, which is there and ours."""
    settings, database = _named(options, console)
    database.schema()
    return settings, database


def _there(path: Path, data: Path) -> Path:
    """Return the path of a backup: one that is not where it is said to be may lie among our own."""
    own = data / "backups" / path
    return own if not path.is_absolute() and not path.exists() and own.exists() else path


def _number(option: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= _MOST_BACKUPS:
        msg = f"--{option}: {value!r} is no number of backups"
        raise UsageError(msg, advice="at least one is kept")
    return int(value)


def _told(checked: "Checked") -> str:
    lines: Sequence[str] = [f"{checked.what}: {checked.count} looked at, {'not whole' if checked.problems else 'whole'}"]
    lines = [*lines, *(f"  problem: {line}" for line in checked.problems), *(f"  remark: {line}" for line in checked.remarks)]
    return "".join(f"{line}\n" for line in lines)


def _of(found: "Backup") -> str:
    return f"{counted(found.editions, 'edition')}, the newest date {found.newest}" if found.newest else "no date yet"


def _facts(found: "Backup") -> dict[str, object]:
    return {
        "backup": str(found.path),
        "schema": found.schema,
        "bytes": found.size,
        "editions": found.editions,
        "newest": found.newest or None,
    }


def _put_out(console: Console, facts: dict[str, object]) -> None:
    with writing():
        write_json(json.dumps(_masked(console, facts), ensure_ascii=False, indent=1) + "\n")


def _masked(console: Console, facts: object) -> object:
    """Return what is to be printed without what is secret in it. Where a backup is stays as it is, for those who go on with it."""
    if isinstance(facts, dict):
        # The name of a database holds no password (see `Database.name`).
        plain = ("backup", "database")
        return {key: value if key in plain and isinstance(value, str) else _masked(console, value) for key, value in facts.items()}
    if isinstance(facts, list):
        return [_masked(console, value) for value in facts]
    return console.mask(facts) if isinstance(facts, str) else facts
