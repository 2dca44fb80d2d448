"""What all commands share: how they are added to the parser, what they say, where their results go."""

import argparse
import copy
import io
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING, Any

from digest import logs, secrets
from digest.errors import PublishError
from digest.files import host

if TYPE_CHECKING:
    from digest.settings import Settings


class Console:
    """What is said on standard error: as lines for people, or after `structured` as a log."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self._secrets: tuple[str, ...] = ()
        self._log: logs.Log | None = None
        self._terminal = is_terminal() and os.environ.get("TERM") != "dumb" and "NO_COLOR" not in os.environ

    @property
    def logs(self) -> bool:
        """Whether a log is written, and not lines for people."""
        return self._log is not None

    def say(self, line: str, **facts: object) -> None:
        """Tell how it goes; in a log, *facts* stand in the line besides."""
        if self.quiet:
            return
        if self._log:
            self._log.say(line, **facts)
        else:
            self._print("36", "·", line)

    def warn(self, line: str, **facts: object) -> None:
        """Tell what the user should know; in a log, *facts* stand in the line besides."""
        if self._log:
            self._log.warn(line, **facts)
        else:
            self._print("33", "warning:", line)

    def error(self, line: str, *, plain: bool = False) -> None:
        """Tell why it ended; if *plain*, as a line for whoever typed the command, also where a log is written."""
        if self._log and not plain:
            self._log.error(line)
        else:
            self._print("31", "cvdigest:", line)

    def traceback(self) -> None:
        """Print the traceback of the error that is being dealt with, without the secrets that may stand in it."""
        for line in self.mask(traceback.format_exc()).splitlines():
            if self._log:
                self._log.error(line)
            else:
                logs.put(logs.plain(line, longest=2 * logs.LONGEST))

    def keep(self, *values: str) -> None:
        """Hide *values* in everything that is said from now on."""
        self._secrets = tuple(dict.fromkeys((*self._secrets, *filter(None, values))))

    def mask(self, text: str) -> str:
        """Return *text* without what is secret in it."""
        return secrets.mask(text, self._secrets)

    def structured(self, form: str, **facts: object) -> None:
        """Speak in structured lines from now on, in the *form* ``text`` or ``json``; *facts* stand in each of them."""
        # A log tells the machine's time, also where the program is told to take another instant for now.
        self._log = logs.Log(form, self.mask, lambda: datetime.now(UTC), {**facts, "host": host(), "pid": os.getpid()})

    def bind(self, **facts: object) -> "Console":
        """Return a console whose structured lines hold *facts* too, such as a category and a date."""
        bound = copy.copy(self)
        bound._log = self._log.bind(**facts) if self._log else None  # noqa: SLF001 - a copy of ourselves
        return bound

    def _print(self, colour: str, mark: str, line: str) -> None:
        # Parts of a line may come out of an answer or a file: nothing in it may steer the terminal.
        text = logs.plain(self.mask(line))
        logs.put(f"\x1b[{colour}m{mark}\x1b[0m {text}" if self._terminal else f"{mark} {text}")


def is_terminal() -> bool:
    """Say whether somebody reads along on standard error."""
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # it is closed
        return False


def command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    function: Callable[[argparse.Namespace, Console], int],
    what: str,
) -> argparse.ArgumentParser:
    """Add a subcommand that runs *function*, with the options that every subcommand has."""
    parser = commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")
    parser.set_defaults(command=function, called=name)
    parser.add_argument("--quiet", action="store_const", const=True, help="say nothing but warnings and errors")
    parser.add_argument("--debug", action="store_const", const=True, help="show the traceback of an error")
    return parser


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how digests are made."""
    parser.add_argument("--category", metavar="CAT", help="any arXiv category, or several with commas for one digest (default: cs.CV)")
    parser.add_argument("--layout", metavar="LAYOUT", help="topics, one section per topic, or classic, one flat list (default: topics)")
    parser.add_argument("--include", metavar="KINDS", help="new, cross and replaced, with commas (default: new,cross)")
    parser.add_argument("--out", metavar="DIR", help="where the pages go (default: ./digests)")
    parser.add_argument(
        "--source", metavar="SOURCE", help="auto, listing, catchup, recent, feed, api, oai, month, file:PATH (default: auto)"
    )
    parser.add_argument("--second-opinion", metavar="YES", help="whether arXiv's other services are asked too: yes or no (default: yes)")
    parser.add_argument("--arxiv-url", metavar="URL", help="one base URL for all of arXiv's addresses, for replays")
    parser.add_argument("--pace", metavar="SECONDS", help="least time between two requests (default: 15, arXiv's own; 0 on loopback)")
    parser.add_argument("--now", metavar="INSTANT", help="take this instant for now: 2026-11-20T03:00Z")
    parser.add_argument("--data", metavar="DIR", help="where arXiv's answers are kept (default: the user's data folder)")
    parser.add_argument(
        "--database", metavar="DATABASE", help="where all that is known is kept: a path or a URL (default: cvdigest.db in the data folder)"
    )
    parser.add_argument("--model", metavar="DIR", help="another model than the bundled one")
    add_site(parser)
    parser.add_argument("--contact", metavar="WHO", help="an address for arXiv to reach you, sent in the User-Agent")
    parser.add_argument("--log", metavar="FORM", help="how progress is told: plain, text or json (default: plain; an unattended one: text)")


def add_site(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the site is, and what it is called."""
    parser.add_argument("--site", metavar="DIR", help="where the site goes (default: site below --out)")
    parser.add_argument("--no-site", action="store_const", const=True, help="make no site")
    parser.add_argument("--site-url", metavar="URL", help="the address that the site is served from: https://example.org/papers/")
    parser.add_argument("--site-title", metavar="TEXT", help="what the site is called (default: by its category)")


def read_settings(options: argparse.Namespace, console: Console, without: Container[str] = ()) -> "Settings":
    """Return the settings of a command, but for those in *without*, and follow those that are about what is said."""
    from digest import app, settings

    names = [field.name for field in fields(settings.Settings)]
    read = settings.read({name: getattr(options, name, None) for name in names}, os.environ, app.settings_files(), without)
    console.quiet = read.quiet
    options.debug = read.debug
    console.keep(*settings.secrets(read, os.environ))
    form = read.log
    if form == "auto":  # of what runs unattended, nobody reads the lines as they come
        form = "text" if getattr(options, "unattended", False) and not is_terminal() else "plain"
    if form != "plain":
        console.structured(form, command=options.called)
    return read


def counted(number: int, what: str) -> str:
    """Return a number of things, in words: 1 edition, 1,200 editions."""
    return f"{number:,} {what}{'s' * (number != 1)}"


@contextmanager
def writing(advice: str = "") -> Iterator[None]:
    """Translate a standard output that cannot be written; a reader that has gone is the door's to deal with.

    Raises:
        PublishError: it cannot be written, or there is none; *advice* is what the reader should know then.

    """
    if sys.stdout is None:
        msg = "there is no standard output to write to"
        raise PublishError(msg, advice=advice)
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as exc:
        silence()
        msg = f"standard output cannot be written: {exc.strerror or exc}"
        raise PublishError(msg, advice=advice) from exc


def write_text(text: str, *, kept: str = "\n") -> None:
    """Write lines that a person reads: nothing in them may steer the terminal; the controls in *kept* are meant."""
    with writing():
        print("".join(letter if letter.isprintable() or letter in kept else " " for letter in text), end="")


def write_report(text: str) -> None:
    """Write lines about what was made, if there is a standard output: the files are there all the same."""
    if sys.stdout is not None:
        write_text(text)


def write_json(text: str) -> None:
    """Write JSON, which is UTF-8 whatever the locale."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
    else:
        sys.stdout.write(text)


def silence() -> None:
    """Let Python find an open standard output at its end, when it writes what is left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def told_to_end() -> Iterator[socket.socket]:
    """Yield what becomes readable at the first SIGTERM or SIGINT; the second one has its usual effect, at once.

    A handler may come in the middle of anything, so it does no more than send a byte.
    """
    reader, writer = socket.socketpair()

    def handle(_number: int, _frame: FrameType | None) -> None:
        for number in before:
            signal.signal(number, signal.SIG_DFL)
        writer.send(b".")

    before: dict[signal.Signals, Any] = {}
    with reader, writer:
        for number in (signal.SIGTERM, signal.SIGINT):
            before[number] = signal.signal(number, handle)
        try:
            yield reader
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
