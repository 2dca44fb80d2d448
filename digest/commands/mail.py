"""``cvdigest mail``: letters to subscribers, looked at before they are sent; and a letter that shows whether any can be."""

import argparse
import os
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from digest.addresses import mailbox
from digest.commands.console import Console, command, read_settings, write_json, write_text, writing
from digest.commands.shelves import shelf
from digest.core.subscription import Choice, Frequency, Mailing, Standing, Subscriber, choice_of
from digest.errors import MailError, PublishError, UsageError

if TYPE_CHECKING:
    from digest.archive import Archive

_NO_KEY = bytes(32)
"""What links in a preview are made of: they are as long as real ones, and lead nowhere."""
_DOMAIN = "digest.example.org"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the group of commands to the parser."""
    what = "look at letters to subscribers"
    group = commands.add_parser("mail", help=what, description=f"{what[0].upper()}{what[1:]}.")
    below = group.add_subparsers(title="commands", required=True, metavar="COMMAND")
    previewing = command(below, "preview", preview, "write a letter as it would be sent, and send nothing")
    previewing.add_argument("--to", metavar="ADDRESS", required=True, help="whom the letter is for")
    previewing.add_argument("--date", metavar="YYYY-MM-DD", help="the date that it tells (default: the newest there is)")
    previewing.add_argument("--topic", metavar="TOPIC[/SUBTOPIC]", action="append", help="only this topic; may be given again")
    previewing.add_argument(
        "--word", metavar="WORDS", action="append", help="only papers with this word or phrase, or with another one given"
    )
    previewing.add_argument("--without", metavar="WORDS", action="append", help="no paper with this word or phrase")
    previewing.add_argument("--author", metavar="NAME", action="append", help="every paper of this author besides")
    previewing.add_argument("--kinds", metavar="KINDS", help="new, cross and replaced, joined with commas (default: new)")
    previewing.add_argument("--most", metavar="N", help="so many papers at most")
    previewing.add_argument("--sure", action="store_true", help="no paper of which the model is unsure")
    previewing.add_argument("--weekly", action="store_true", help="the letter of the week of that date")
    previewing.add_argument("--language", metavar="LANGUAGE", help="of dates: en, de, es, fr, it, ja, ko, pt or zh (default: en)")
    previewing.add_argument("--output", metavar="FILE", help="write it to this file, and not to standard output")
    testing = command(below, "test", test, "hand one letter over to the mail server, and name the step that fails")
    testing.add_argument("--to", metavar="ADDRESS", help="whom the letter is for (default: the operator)")
    for parser in (previewing,):
        parser.add_argument("--category", metavar="CAT", help="whose digests: any arXiv category (default: cs.CV)")
        parser.add_argument("--database", metavar="PLACE", help="the file or the URL of the database (default: in the data folder)")
        parser.add_argument("--data", metavar="DIR", help="where the database is (default: the user's data folder)")


def preview(options: argparse.Namespace, console: Console) -> int:
    """Compose one letter, and print or write it."""
    from digest import app, building
    from digest.recipients import recipient

    settings = read_settings(options, console)
    now = settings.now or datetime.now(UTC)
    try:
        address = recipient(options.to).address
    except ValueError as exc:
        raise UsageError(str(exc)) from exc
    if not settings.mail_list or not settings.forms_url:
        console.warn(f"mail_list is not set, or there is no address of the forms: {_DOMAIN} stands for what is missing")
        settings = replace(settings, mail_list=settings.mail_list or _DOMAIN, mail_url=settings.forms_url or f"https://{_DOMAIN}/")
    with app.App(settings, now, console.say, console.warn) as program:
        archive = program.site().archive
        choice = _choice(options, archive)
        letters = building.letters(settings, archive, _NO_KEY)
        mailing, days = _mailing(archive, settings.date, choice)
        subscriber = Subscriber(1, address, Standing.CONFIRMED, choice, "", now)
        composed = letters.compose(mailing, subscriber, now, days)
    if composed is None:
        console.error(f"there is nothing of what was chosen in the digest of {mailing.date}, so no letter would be sent")
        return 1
    if options.output is None:
        with writing():
            write_json(composed.content.decode("ascii"))
        return 0
    _keep(Path(options.output), composed.content)
    return 0


def test(options: argparse.Namespace, console: Console) -> int:
    """Hand one letter over, step by step."""
    from digest import building, posting
    from digest.core.subscription import Handling
    from digest.mail import Letter
    from digest.smtp import Step

    settings = read_settings(options, console)
    now = settings.now or datetime.now(UTC)
    to = options.to or settings.operator
    sender = settings.mail_from or (f"digest@{settings.mail_list}" if settings.mail_list else settings.operator)
    if not (to and sender):
        msg = "it is not known whom a letter is to, or whom it is from"
        raise UsageError(msg, advice="give --to, and set mail_from")
    try:
        recipient, sender = mailbox(to), mailbox(sender)
    except ValueError as exc:
        raise UsageError(str(exc)) from exc
    text = f"This is a test of cvdigest. Whoever asked for it at {now:%Y-%m-%d %H:%M} UTC can send letters.\n"
    content = bytes(Letter(sender, recipient, "cvdigest: a test", text, now, f"test-{now:%Y%m%d-%H%M%S}"))
    signer = building.signing(settings)
    content = signer.sign(content) if signer is not None else content
    with posting.session(settings, os.environ)() as session:
        outcome = session.hand_over(sender, recipient, content)
        failed = None if outcome.handling is Handling.SENT else session.step
        skipped = {Step.TLS} if session.place.security == "none" else set()
        skipped |= {Step.LOGIN} if not session.place.password else set()
    signed = f"ok: d={signer.domain}, s={signer.selector}" if signer is not None else "none: dkim-selector is not set, letters go unsigned"
    lines = [f"{'signature':<16} {signed}\n"]
    for step in Step:
        word = "FAILED" if step is failed else "not needed" if step in skipped else "ok"
        lines.append(f"{step.value:<16} {word}{f': {outcome.answer}' if step in {failed, Step.LETTER} else ''}\n")
        if step is failed:
            break
    if not settings.quiet:
        write_text("".join(lines))
    if failed:
        msg = f"no letter can be handed over: {failed.value} failed: {outcome.answer}"
        raise MailError(msg)
    if signer is not None and not _aligned(sender.rpartition("@")[2], signer.domain):
        console.warn(
            f"letters come from {sender} and are signed for {signer.domain}: "
            f"where DMARC is asked, only a signature for the sender's own domain counts"
        )
    return 0


def _aligned(sender: str, signed: str) -> bool:
    """Say whether a signature may count for a sender by DMARC (RFC 7489, 3.1): domains of one organisation end with the same two names."""
    return sender.lower().split(".")[-2:] == signed.lower().split(".")[-2:]


def _choice(options: argparse.Namespace, archive: "Archive") -> Choice:
    """Return what the options choose."""
    given = {
        "shelves": ["/".join(filter(None, shelf(one, archive.taxonomy, begins=True))) for one in options.topic or ()],
        "include": options.word or [],
        "exclude": options.without or [],
        "authors": options.author or [],
        "kinds": (options.kinds or "new").split(","),
        "frequency": "weekly" if options.weekly else "daily",
        "most": int(options.most or 0) if (options.most or "0").isdecimal() else options.most,
        "sure": options.sure,
        "language": options.language or "en",
    }
    try:
        return choice_of(given)
    except ValueError as exc:
        raise UsageError(str(exc)) from exc


def _mailing(archive: "Archive", day: date | None, choice: Choice) -> tuple[Mailing, list[date]]:
    """Return what a letter would tell, and the dates that belong to it, the last one last."""
    there = sorted(issue.date for issue in archive.issues())
    if not there or (day is not None and day not in there):
        msg = f"there is no digest of {day}" if day else "there is no digest to tell"
        raise UsageError(msg, advice="cvdigest run and cvdigest backfill make some")
    day = day or there[-1]
    days = [day] if choice.frequency is Frequency.DAILY else [one for one in there if one.isocalendar()[:2] == day.isocalendar()[:2]]
    return Mailing(0, archive.category, choice.frequency, days[0], days[-1]), days


def _keep(path: Path, content: bytes) -> None:
    from digest.files import write_whole

    try:
        write_whole(path, content)
    except (OSError, ValueError) as exc:
        msg = f"{path} cannot be written: {exc.strerror if isinstance(exc, OSError) else exc}"
        raise PublishError(msg) from exc
