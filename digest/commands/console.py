"""What all commands share: how they are added to the parser, what they say, where their results go."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING

from digest.errors import PublishError

if TYPE_CHECKING:
    from digest.settings import Settings


_LONGEST = 700
"""Letters of a line: the address of a question for a hundred papers is longer than anybody reads."""


class Console:
    """What is said on standard error."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self._terminal = (
            sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and "NO_COLOR" not in os.environ
        )

    def say(self, line: str) -> None:
        """Tell how it goes."""
        if not self.quiet:
            self._print("36", "·", line)

    def warn(self, line: str) -> None:
        """Tell what the user should know."""
        self._print("33", "warning:", line)

    def error(self, line: str) -> None:
        """Tell why it ended."""
        self._print("31", "cvdigest:", line)

    def _print(self, colour: str, mark: str, line: str) -> None:
        if sys.stderr is None:
            return
        # Parts of a line may come out of an answer or a file: nothing in it may steer the terminal.
        text = "".join(letter if letter.isprintable() else " " for letter in line)
        text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
        print(f"\x1b[{colour}m{mark}\x1b[0m {text}" if self._terminal else f"{mark} {text}", file=sys.stderr, flush=True)


def command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    function: Callable[[argparse.Namespace, Console], int],
    what: str,
) -> argparse.ArgumentParser:
    """Add a subcommand that runs *function*, with the options that every subcommand has."""
    parser = commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")
    parser.set_defaults(command=function)
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
    parser.add_argument("--model", metavar="DIR", help="another model than the bundled one")
    parser.add_argument("--contact", metavar="WHO", help="an address for arXiv to reach you, sent in the User-Agent")


def read_settings(options: argparse.Namespace, console: Console) -> "Settings":
    """Return the settings of a command, and follow those that are about what is said."""
    from digest import app, settings

    names = [field.name for field in fields(settings.Settings)]
    read = settings.read({name: getattr(options, name, None) for name in names}, os.environ, app.settings_files())
    console.quiet = read.quiet
    options.debug = read.debug
    return read


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
