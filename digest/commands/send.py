"""``cvdigest send``: hands over the letters that are due."""

import argparse
import json
import os
import select
import socket
import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING

from digest.clock import Clock
from digest.commands.console import Console, command, read_settings, told_to_end, write_json, write_report, write_text, writing
from digest.errors import MailError, SettingsError, UsageError

if TYPE_CHECKING:
    from digest.app import App
    from digest.core.subscription import Handling
    from digest.sending import Report
    from digest.settings import Settings
    from digest.store.outbox import Claimed

_MOST_WORKERS = 64
_MOST_LISTED = 100_000
_GLANCE = 0.2
_DECISIONS = {"sent": "taken for sent", "again": "in the queue again"}


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = command(commands, "send", run, "hand over the letters that are due, and end")
    parser.set_defaults(unattended=True)
    parser.add_argument("--workers", metavar="N", help="so many letters at once, each over a connection of its own (default: 1)")
    parser.add_argument("--uncertain", dest="listing", action="store_true", help="list the letters that may have arrived; send nothing")
    parser.add_argument(
        "--resolve",
        nargs=2,
        metavar=("MESSAGE-ID", "WHAT"),
        help="decide about a letter that may have arrived: sent, or again to send it once more; send nothing now",
    )
    parser.add_argument("--json", action="store_const", const=True, help="print what was done as JSON and nothing else")
    parser.add_argument("--category", metavar="CAT", help="whose digests: any arXiv category (default: cs.CV)")
    parser.add_argument("--data", metavar="DIR", help="where the database is (default: the user's data folder)")
    parser.add_argument("--database", metavar="DATABASE", help="which database: a path or a URL (default: cvdigest.db in the data folder)")
    parser.add_argument("--now", metavar="INSTANT", help="take this instant for now: 2026-11-20T03:00Z")
    parser.add_argument("--log", metavar="FORM", help="how progress is told: plain, text or json (default: plain; an unattended one: text)")


def run(options: argparse.Namespace, console: Console) -> int:
    """Hand over what is due, or list what is uncertain."""
    settings = read_settings(options, console)
    if options.workers is not None:
        if not (options.workers.isdecimal() and 1 <= int(options.workers) <= _MOST_WORKERS):
            msg = f"--workers: {options.workers!r} is no number from 1 to {_MOST_WORKERS}"
            raise UsageError(msg)
        settings = replace(settings, send_workers=int(options.workers))
    if not (settings.mail_list or settings.hooks):
        msg = "mail_list is not set, so there are no letters"
        raise SettingsError(msg, advice="set it to the domain of the letters: digest.example.org")
    from digest import app
    from digest.hooks import beside
    from digest.sending import Report

    if options.resolve and options.resolve[1] not in _DECISIONS:
        msg = f"--resolve: {options.resolve[1]!r} is neither sent nor again"
        raise UsageError(msg)
    clock = Clock(settings.now, settings.speed)
    with told_to_end() as told, app.App(settings, clock.now(), console.say, console.warn, "send") as program:
        if options.listing:
            return _list(program, settings, clock)
        if options.resolve:
            return _resolve(program, settings, clock, *options.resolve)
        ends, done = threading.Event(), threading.Event()
        watch = threading.Thread(target=_watch, args=(told, ends, done), daemon=True)
        watch.start()
        try:
            with beside(program.hooks(clock.now, ends) if settings.hooks else None) as hooks:
                report = program.courier(os.environ, clock.now, ends).sending.run() if settings.mail_list else Report()
        finally:
            done.set()
            watch.join()
    _tell(settings, report, hooks, ended=ends.is_set())
    if report.trouble:
        raise MailError(report.trouble, advice="the letters stay in the queue; run it again later")
    return 0


def _tell(settings: "Settings", report: "Report", hooks: "Counter[Handling]", *, ended: bool) -> None:
    """Print what was done."""
    if settings.json:
        with writing("the letters are sent all the same"):
            counts = {handling.value: count for handling, count in report.counts.items()}
            resolved = {handling.value: count for handling, count in report.resolved.items() if count}
            found = {**counts, "uncertain": report.uncertain, "resolved": resolved, "ended": ended, "trouble": report.trouble}
            found |= {"answers": {handling.value: answer for handling, answer in report.answers.items() if report.counts[handling]}}
            found |= {"hooks": {handling.value: count for handling, count in hooks.items()}} if settings.hooks else {}
            write_json(json.dumps({**found, "seconds": round(report.seconds, 3)}, ensure_ascii=False, indent=1) + "\n")
    elif not settings.quiet:
        if hooks:
            write_report(f"web-hooks: {', '.join(f'{count} {handling.value}' for handling, count in hooks.items())}\n")
        write_report(f"{report.line}{'; told to end' if ended else ''}\n")


def _watch(told: socket.socket, ends: threading.Event, done: threading.Event) -> None:
    """Set *ends* as soon as a signal tells to end."""
    while not done.is_set():
        if select.select([told], [], [], _GLANCE)[0]:
            ends.set()
            return


def _name(row: "Claimed", domain: str) -> str:
    """Return what a row is named by: the Message-ID of a letter; what a web-hook is told has none."""
    from digest import sending

    return sending.message_id(row, domain) if row.subscriber else f"{row.recipient}/{row.date}"


def _resolve(program: "App", settings: "Settings", clock: Clock, name: str, decision: str) -> int:
    """Note what became of something uncertain, as the operator knows or wants it."""
    from digest.core.subscription import Handling
    from digest.store import outbox

    handling = Handling.SENT if decision == "sent" else Handling.NEW
    with program.database(make=False).write() as connection:
        rows = outbox.uncertain(connection, _MOST_LISTED, category=settings.category)
        found = next((row for row in rows if _name(row, settings.mail_list).strip("<>") == name.strip("<>")), None)
        if found is None or not outbox.record(connection, found, handling, f"decided by hand: {decision}", clock.now()):
            msg = f"{name} is not uncertain"
            raise MailError(msg, advice="cvdigest send --uncertain lists what is")
    if not settings.quiet:
        write_report(f"{found.subscriber.address if found.subscriber else found.recipient}: {_DECISIONS[decision]}\n")
    return 0


def _list(program: "App", settings: "Settings", clock: Clock) -> int:
    """Print what is uncertain, by name; also what a sender has left behind that ended in its midst."""
    from digest.store import outbox

    with program.database(make=False).write() as connection:
        for hooks in (False, True):
            outbox.recover(connection, clock.now(), hooks=hooks, category=settings.category)
        rows = outbox.uncertain(connection, _MOST_LISTED, category=settings.category)
    found = [
        {
            "recipient": row.recipient,
            "address": row.subscriber.address if row.subscriber else "",
            "message_id": _name(row, settings.mail_list),
            "date": str(row.date),
            "since": row.since.astimezone(UTC).isoformat() if row.since else None,
            "answer": row.answer,
        }
        for row in rows
    ]
    if settings.json:
        with writing():
            write_json(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
        return 0
    lines = [f"{one['address'] or one['recipient']}  {one['message_id']}  since {one['since']}: {one['answer']}\n" for one in found]
    write_text("".join(lines) or "no letter is uncertain\n")
    return 0
