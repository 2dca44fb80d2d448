"""``cvdigest subscribers``: who gets letters, as whoever runs this copy deals with them."""

import argparse
import codecs
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from digest.commands.console import Console, command, read_settings, write_json, write_text, writing
from digest.commands.shelves import shelf
from digest.errors import PublishError, StoreError, UsageError

if TYPE_CHECKING:
    from digest.core.subscription import Choice, Standing, Subscriber
    from digest.recipients import Recipient
    from digest.settings import Settings
    from digest.subscribers import Imported, Register

_LONGEST_LINE, _MOST_LINES = 100_000, 1_000_000
_PIECE = 65_536
"""Bytes."""
_STANDINGS = ("pending", "confirmed", "stopped", "ended")
_MOST_NAMED = 20


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the group of commands to the parser."""
    what = "look after who gets letters"
    group = commands.add_parser("subscribers", help=what, description=f"{what[0].upper()}{what[1:]}.")
    below = group.add_subparsers(title="commands", required=True, metavar="COMMAND")
    adding = command(below, "add", add_one, "add somebody, who is asked to confirm")
    _address(adding)
    _add_choice(adding)
    adding.add_argument("--confirmed", action="store_true", help="you vouch for it that they want letters: nobody is asked")
    listing = command(below, "list", list_all, "list everybody and where they stand")
    listing.add_argument("--standing", metavar="STANDING", help="only those who are pending, confirmed, stopped or ended")
    listing.add_argument("--json", action="store_const", const=True, help="print all of it as JSON")
    removing = command(below, "remove", remove, "unsubscribe somebody")
    _address(removing)
    importing = command(below, "import", import_file, "add everybody who stands in a file, who are asked to confirm")
    importing.add_argument("file", metavar="FILE", help="CSV with a first line that names the columns, or JSON lines; - for standard input")
    importing.add_argument("--confirmed", action="store_true", help="you vouch for it that they want letters: nobody is asked")
    importing.add_argument("--dry-run", action="store_true", help="tell what would become of each line, and keep nothing")
    importing.add_argument("--json", action="store_const", const=True, help="print the report as JSON")
    exporting = command(below, "export", export, "print everybody as a file for import, or all that is kept of one person")
    exporting.add_argument("address", metavar="ADDRESS", nargs="?", help="of this person alone, all that is kept, as JSON")
    exporting.add_argument("--format", metavar="FORMAT", help="csv or jsonl (default: csv)")
    exporting.add_argument("--output", metavar="FILE", help="write it to this file, and not to standard output")
    erasing = command(below, "erase", erase, "remove all that is kept of somebody, who is never written to again")
    _address(erasing)
    bouncing = command(below, "bounces", bounces, "count letters that came back, and stop those that do so too often")
    for parser in (adding, listing, removing, importing, exporting, erasing, bouncing):
        parser.add_argument("--database", metavar="PLACE", help="the file or the URL of the database (default: in the data folder)")
        parser.add_argument("--data", metavar="DIR", help="where the database is (default: the user's data folder)")


def _address(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ADDRESS", help="one mail address: you@example.org")


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--topic", metavar="TOPIC[/SUBTOPIC]", action="append", help="only this topic; may be given again")
    parser.add_argument(
        "--include", metavar="WORDS", action="append", dest="with_words", help="only papers with this word or phrase, or another one given"
    )
    parser.add_argument("--exclude", metavar="WORDS", action="append", dest="without_words", help="no paper with this word or phrase")
    parser.add_argument("--author", metavar="NAME", action="append", help="every paper of this author besides")
    parser.add_argument("--kinds", metavar="KINDS", help="new, cross and replaced, joined with commas (default: new)")
    parser.add_argument("--weekly", action="store_true", help="one letter a week instead of one a day")
    parser.add_argument("--most", metavar="N", help="so many papers in a letter at most")
    parser.add_argument("--sure", action="store_true", help="no paper of which the model is unsure")
    parser.add_argument("--language", metavar="LANGUAGE", help="of dates: en, de, es, fr, it, ja, ko, pt or zh (default: en)")
    parser.add_argument("--zone", metavar="ZONE", help="the time zone of the hour: Europe/Berlin, say (default: UTC)")
    parser.add_argument("--hour", metavar="HOUR", help="the hour from 0 to 23 at which letters come, or up to 12 hours later (default: 6)")


# -- one person ------------------------------------------------------------------------------------------------------------


def add_one(options: argparse.Namespace, console: Console) -> int:
    """Add one person and say what became of them."""
    from digest.core.subscription import names_of
    from digest.subscribers import Became

    who, choice = _recipient(options.address), _choice(options)
    with _opened(options, console) as (settings, now, register):
        became, why = register.add(who, choice, now, vouched=options.confirmed)
    if became is Became.REFUSED:
        console.error(f"{who.address} {why}")
        return 1
    told = {
        Became.CONFIRMED: "gets letters from now on",
        Became.ASKED: "is sent a letter that asks to confirm",
    }
    write_text(f"{who.address} {told[became]}\n")
    if missing := choice.kinds - settings.include:
        console.warn(f"the digest lists {', '.join(names_of(settings.include))}, and not {', '.join(names_of(missing))}; set include")
    _warn(settings, console)
    return 0


def remove(options: argparse.Namespace, console: Console) -> int:
    """Unsubscribe one person; 1 if nobody has the address."""
    who = _recipient(options.address)
    with _opened(options, console) as (_, now, register):
        there = register.remove(who, now)
    if not there:
        console.error(f"there is no subscriber {who.address}")
        return 1
    write_text(f"{who.address} gets no more letters\n")
    return 0


def erase(options: argparse.Namespace, console: Console) -> int:
    """Erase one person, also from the parts of the database's file that are not in use."""
    from digest import app
    from digest.store import backups, upkeep
    from digest.subscriptions import Subscriptions

    who = _recipient(options.address)
    with _opened(options, console) as (settings, now, register):
        known = Subscriptions(register.database, register.key).erase(who.address, now)
        try:
            upkeep.vacuum(register.database)
        except StoreError as exc:
            console.warn(f"what was erased may lie in unused parts of the database until cvdigest db prune --vacuum: {exc}")
        older = [str(path) for path in backups.all_own(register.database, app.data_folder(settings))]
    about = f"{who.address}: all that was kept is removed" if known else f"nothing was known of {who.address}"
    write_text(f"{about}; it will never be written to, by a hash of the address that stays\n")
    console.warn("backups hold what they held: throw those away that are older, or erase again after one is brought back")
    for name in older[:_MOST_NAMED]:
        console.warn(f"it may stand in {name}")
    if len(older) > _MOST_NAMED:
        console.warn(f"it may stand in {len(older) - _MOST_NAMED} more files beside it")
    return 0


def export(options: argparse.Namespace, console: Console) -> int:
    """Write everybody, or all that is kept of one person; 1 if nobody has the address."""
    from digest.core.roster import FORMATS, written
    from digest.subscriptions import Subscriptions

    form = options.format or "csv"
    if form not in FORMATS or (options.format and options.address):
        msg = f"--format: one of {', '.join(FORMATS)}" if form not in FORMATS else "--format is for everybody: one person is told as JSON"
        raise UsageError(msg)
    who = _recipient(options.address) if options.address else None
    with _opened(options, console, make=False) as (_, _now, register):
        if who is None:
            damaged = list[str]()
            _put(written(_noting(register.listed(), damaged), form), options.output)
            for address in damaged:
                console.error(f"what {address} chose is damaged, and is left out: as the file has it they want everything")
            return 1 if damaged else 0
        found = Subscriptions(register.database, register.key).export(who.address)
    if found is None:
        console.error(f"nothing is kept of {who.address}")
        return 1
    _put([json.dumps(found, ensure_ascii=False, indent=1), "\n"], options.output)
    return 0


# -- many ------------------------------------------------------------------------------------------------------------------


def list_all(options: argparse.Namespace, console: Console) -> int:
    """List people, and how many there are of each standing."""
    from digest.core.roster import row_of
    from digest.core.subscription import Standing
    from digest.store import subscribers

    standing = _standing(options.standing)
    with _opened(options, console, make=False) as (settings, _, register):
        with register.database.read() as connection:
            counts = subscribers.counts(connection)
        people = [*register.listed(standing)]
        if settings.json:
            rows = [{**row_of(one), **({"damage": one.damage} if one.damage else {})} for one in people]
            document = {"counts": {one.value: counts[one] for one in Standing}, "subscribers": rows}
            with writing():
                write_json(f"{json.dumps(document, ensure_ascii=False, indent=1)}\n")
            return 0
        wide = max((len(one.address) for one in people), default=0)
        for one in people:
            write_text(f"{one.address:<{wide}}  {one.standing.value:<9}  {one.damage or _chosen(one.choice)}\n")
    write_text(f"{', '.join(f'{counts[one]:,} {one.value}' for one in Standing)}\n")
    return 0


def import_file(options: argparse.Namespace, console: Console) -> int:
    """Add the people of a file; 1 if a line was refused."""
    from digest import resources
    from digest.core.roster import read

    taxonomy = resources.taxonomy()
    shelves = frozenset((*taxonomy.names(), *("/".join(one) for one in taxonomy.shelves())))
    with _opened(options, console) as (settings, now, register):
        report = register.take(read(_lines(options.file), shelves, now), now, vouched=options.confirmed, dry=options.dry_run)
    if settings.json:
        with writing():
            write_json(f"{json.dumps(_report(report), ensure_ascii=False, indent=1)}\n")
    else:
        write_text("".join(f"line {one.line}: {one.why}\n" for one in report.refused))
        told = ", ".join(f"{count:,} {became.value}" for became, count in _report(report)["counts"].items() if count)
        write_text(f"{'a dry run: ' if options.dry_run else ''}{told or 'nobody stands in the file'}\n")
    _warn(settings, console)
    return 1 if report.refused else 0


def bounces(options: argparse.Namespace, console: Console) -> int:
    """Count what came back."""
    from digest import bounces as returned
    from digest.settings import secret

    with _opened(options, console) as (settings, now, register):
        place = secret(settings, "bounces", os.environ)
        if not place:
            msg = "bounces is not set: the maildir or the mailbox that letters come back to"
            raise UsageError(msg)
        found = returned.take(register.database, register.key, place, now)
    write_text(f"{found.line}\n")
    return 0


# -- in and out ------------------------------------------------------------------------------------------------------------


@contextmanager
def _opened(options: argparse.Namespace, console: Console, *, make: bool = True) -> "Iterator[tuple[Settings, datetime, Register]]":
    from digest import app

    settings = read_settings(options, console)
    now = settings.now or datetime.now(UTC)
    with app.App(settings, now, console.say, console.warn) as program:
        yield settings, now, program.register(make=make)


def _recipient(text: str) -> "Recipient":
    from digest.recipients import recipient

    try:
        return recipient(text)
    except ValueError as exc:
        raise UsageError(str(exc)) from exc


def _choice(options: argparse.Namespace) -> "Choice":
    from digest import resources
    from digest.core.subscription import choice_of

    taxonomy = resources.taxonomy()
    given: dict[str, Any] = {
        "shelves": ["/".join(filter(None, shelf(one, taxonomy, begins=True))) for one in options.topic or ()],
        "include": options.with_words or [],
        "exclude": options.without_words or [],
        "authors": options.author or [],
        "kinds": (options.kinds or "new").split(","),
        "frequency": "weekly" if options.weekly else "daily",
        "most": _number(options.most or "0"),
        "sure": options.sure,
        "language": options.language or "en",
        "zone": options.zone or "UTC",
        "hour": _number(options.hour or "6"),
    }
    try:
        return choice_of(given)
    except ValueError as exc:
        raise UsageError(str(exc)) from exc


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else text  # noqa: PLR2004 - longer than any that is meant


def _standing(text: str | None) -> "Standing | None":
    from digest.core.subscription import Standing

    if text is None:
        return None
    if text not in [*Standing]:
        msg = f"--standing: one of {', '.join(Standing)}"
        raise UsageError(msg)
    return Standing(text)


def _lines(name: str) -> Iterator[str]:
    """Yield the lines of a file, or of standard input, whatever they end with.

    Raises:
        UsageError: it cannot be read, or is no text.

    """
    try:
        with nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb") as source:
            number, rest = 0, ""
            for text in _texts(source):
                *whole, rest = (rest + text).split("\n")
                for line in whole:
                    number += 1
                    yield f"{_checked(line, name, number)}\n"
                if rest:
                    _checked(rest, name, number + 1)
            if rest:
                yield rest
    except OSError as exc:
        msg = f"{name} cannot be read: {exc.strerror}"
        raise UsageError(msg) from exc
    except UnicodeDecodeError as exc:
        msg = f"{name} is no text in UTF-8, and none in UTF-16 with a mark at its beginning"
        raise UsageError(msg, advice="save it as CSV in UTF-8") from exc


def _texts(source: BinaryIO) -> Iterator[str]:
    """Yield what a file holds, piece by piece, with a line feed at the end of each line."""
    piece = source.read(_PIECE)
    encoding = "utf-16" if piece.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
    while piece:
        yield decoder.decode(piece)
        piece = source.read(_PIECE)
    yield decoder.decode(b"", final=True)


def _checked(line: str, name: str, number: int) -> str:
    if len(line) > _LONGEST_LINE or number > _MOST_LINES:
        msg = f"{name}:{number}: " + ("the line is too long" if len(line) > _LONGEST_LINE else f"more than {_MOST_LINES:,} lines")
        raise UsageError(msg)
    return line


def _put(pieces: "Iterator[str] | Sequence[str]", name: str | None) -> None:
    """Write to standard output, or to a file that is there whole or not at all and that its owner alone can read."""
    from digest.files import write_whole

    if name is None:
        with writing():
            for piece in pieces:
                write_json(piece)
        return
    try:
        write_whole(Path(name), "".join(pieces).encode(), private=True)
    except (OSError, ValueError) as exc:
        msg = f"{name} cannot be written: {exc.strerror if isinstance(exc, OSError) else exc}"
        raise PublishError(msg) from exc


def _noting(people: "Iterator[Subscriber]", damaged: list[str]) -> "Iterator[Subscriber]":
    """Yield people, and add the addresses of those to *damaged* of whom it cannot be understood what they chose."""
    for one in people:
        if one.damage:
            damaged.append(one.address)
        yield one


def _chosen(choice: "Choice") -> str:
    """Return what somebody chose in one line: all that is not the default, and when letters come."""
    from digest.core.subscription import Choice, names_of

    usual = Choice()
    said = [
        ", ".join(choice.shelves) or "all topics",
        ", ".join(names_of(choice.kinds)) if choice.kinds != usual.kinds else "",
        *(
            f"{what} {_listed(texts)}" if texts else ""
            for what, texts in (("with", choice.include), ("without", choice.exclude), ("by", choice.authors))
        ),
        f"{choice.most:,} papers at most" if choice.most else "",
        "only sure ones" if choice.sure else "",
        f"dates in {choice.language}" if choice.language != usual.language else "",
    ]
    return f"{choice.frequency.value:<6}  {choice.hour:02}:00 {choice.zone}  {'; '.join(filter(None, said))}"


def _listed(texts: "Sequence[str]") -> str:
    return ", ".join(f'"{one}"' for one in texts)


def _report(report: "Imported") -> dict[str, Any]:
    from digest.subscribers import Became

    counts = {became: report.counts[became] for became in Became}
    return {"counts": counts, "refused": [{"line": one.line, "why": one.why} for one in report.refused]}


def _warn(settings: "Settings", console: Console) -> None:
    if not settings.mail_list or not settings.forms_url:
        console.warn("no letter can be sent before mail_list, and mail_url or site_url are set")
