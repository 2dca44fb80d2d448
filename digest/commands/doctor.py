"""``cvdigest doctor``: what can break, looked at before it does."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from digest.commands.console import Console, add_settings, command, counted, read_settings, write_json, write_text, writing
from digest.errors import DigestError, SettingsError

_PLACES = frozenset({"data", "database", "out", "arxiv_url"})
"""Without these the rest would be looked for in other places than are meant."""

if TYPE_CHECKING:
    from digest.doctor import Finding
    from digest.settings import Settings


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = command(commands, "doctor", run, "look at what can break: settings, clock, disk, model, arXiv, and who is told of failures")
    parser.add_argument("--offline", action="store_true", help="ask neither arXiv nor the mail server")
    parser.add_argument("--alert-test", action="store_true", help="send the operator a test, by every way that is set up")
    parser.add_argument("--json", action="store_const", const=True, help="print all of it as JSON")
    add_settings(parser)


def run(options: argparse.Namespace, console: Console) -> int:
    """Print what was found; return 1 if something failed."""
    from digest import doctor

    now = datetime.now(UTC)
    findings = [*doctor.python(sys.version_info[:3]), *doctor.zones(now)]
    if any(finding.grade == doctor.FAILED for finding in findings):  # without time zones the rest cannot even be loaded
        return _report(findings, console, json_wanted=bool(options.json))
    settings, about = _settings(options, console)
    findings += about
    if settings is not None:
        findings += _looked_at(settings, options, console, settings.now or now)
    return _report(findings, console, json_wanted=bool(options.json or (settings and settings.json)))


def _settings(options: argparse.Namespace, console: Console) -> "tuple[Settings | None, list[Finding]]":
    """Return the settings without those that are wrong, and what is wrong; None where all the rest would be looked for elsewhere."""
    from digest import doctor

    findings: list[Finding] = []
    without: set[str] = set()
    while True:
        try:
            found = read_settings(options, console, frozenset(without))
        except SettingsError as exc:
            name = exc.culprit.removeprefix("CVDIGEST_").replace("-", "_").lower()
            place = name in _PLACES and getattr(options, name) is None
            ends = not exc.culprit or place or exc.culprit in without
            rest = "correct it; the rest is looked at " + ("then" if ends else "without it")
            findings.append(doctor.Finding("settings", doctor.FAILED, exc.message, exc.advice or rest))
            if ends:
                return None, findings
            without.add(exc.culprit)
        else:
            return found, findings or [doctor.Finding("settings", doctor.OK, "they can be read")]


def _looked_at(settings: "Settings", options: argparse.Namespace, console: Console, now: datetime) -> "Iterator[Finding]":
    """Yield what is found, in the order in which things depend on each other."""
    from digest import app, doctor

    data, real = app.data_folder(settings), None if settings.now else now
    if not settings.contact:
        yield doctor.Finding("contact", doctor.WARNING, "arXiv cannot reach you before it has to block you", "set contact")
    if real is not None:
        yield from doctor.clock(real)
    checks: tuple[tuple[str, doctor.Check], ...] = (
        ("data disk", lambda: doctor.disk("data", data)),
        ("data folder", lambda: doctor.writable("data", data)),
        ("out disk", lambda: doctor.disk("out", settings.out)),
        ("out folder", lambda: doctor.writable("out", settings.out)),
        ("database", lambda: doctor.database(lambda: _database(settings, console, now))),
        ("model", lambda: doctor.judge(app.model_folder(settings))),
        ("daemon", lambda: doctor.heartbeat(data, real)),
        ("alerts", lambda: _alerts(settings, options, console, now)),
        ("arXiv", lambda: [] if options.offline else _arxiv(settings, console, real)),
    )
    for what, check in checks:
        yield from doctor.ended(what, check)


def _database(settings: "Settings", console: Console, now: datetime) -> str:
    """Open the database, if there is one, and say what is in it."""
    from digest import app
    from digest.store import runs

    with app.App(settings, now, console.say, console.warn) as program:
        found = program.database(make=False)
        if found.path is None and found.sqlite:
            return "there is none yet; the first run makes it"
        with found.read() as connection:
            counts = runs.counts(connection)
    return f"{found.name} holds {counted(counts['papers'], 'paper')} and {counted(counts['editions'], 'edition')}"


def _arxiv(settings: "Settings", console: Console, real: datetime | None) -> "list[Finding]":
    from digest import app, doctor

    client = app.client(settings, console.say, tries=1)
    category = settings.category.partition("+")[0]
    return doctor.arxiv(client.get, f"{settings.arxiv_url}/list/{category}/new", None if settings.loopback else real)


def _alerts(settings: "Settings", options: argparse.Namespace, console: Console, now: datetime) -> "list[Finding]":
    """Look at the ways to the operator; with ``--alert-test``, use them."""
    from digest import app, doctor

    try:
        alerts = app.alerts(settings, os.environ, lambda: now, console.warn)
    except DigestError as exc:
        return [doctor.Finding("alerts", doctor.FAILED, exc.message, exc.advice)]
    alone = bool(settings.operator) and alerts.mail is None
    found = [doctor.Finding("alerts", doctor.WARNING, "operator is set, and no mail server for letters", "set mail_server too")] * alone
    if not alerts.channels and not (alone and not options.alert_test):
        grade = doctor.FAILED if options.alert_test else doctor.OK
        return [doctor.Finding("alerts", grade, "nobody is told of failures", "set webhook, or mail_server and operator")]
    found += [doctor.Finding(channel, doctor.OK, "it is set up") for channel in alerts.channels if channel != "mail" or options.offline]
    if alerts.mail is not None and not options.offline:
        try:
            alerts.mail.server.check()
            found.append(doctor.Finding("mail", doctor.OK, f"{alerts.mail.server.place.host} lets us in"))
        except DigestError as exc:
            found.append(doctor.Finding("mail", doctor.FAILED, exc.message, exc.advice))
    if options.alert_test:
        found += [
            doctor.Finding(f"{channel} test", doctor.FAILED if fault else doctor.OK, fault or "the test was taken")
            for channel, fault in alerts.test().items()
        ]
    return found


def _report(found: "list[Finding]", console: Console, *, json_wanted: bool) -> int:
    from digest import doctor

    findings = [replace(finding, how=console.mask(finding.how), advice=console.mask(finding.advice)) for finding in found]
    facts = doctor.facts(findings)
    if console.quiet:
        findings = [finding for finding in findings if finding.grade != doctor.OK]
    if json_wanted:
        with writing():
            write_json(json.dumps(facts, ensure_ascii=False, indent=1) + "\n")
    else:
        write_text("".join(f"{finding}\n" for finding in findings))
    return 0 if facts["ok"] else 1
