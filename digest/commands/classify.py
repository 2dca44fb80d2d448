"""``cvdigest classify``: papers as JSON lines in, the same lines with their topics out."""

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from digest.commands.console import Console, command, read_settings, writing
from digest.errors import UsageError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = command(commands, "classify", run, "find the topics of papers: JSON lines in, the same lines with their topics out")
    parser.add_argument("file", metavar="FILE", nargs="?", default="-", help="JSON lines with title and abstract; .gz too (default: -)")
    parser.add_argument("--model", metavar="DIR", help="another model than the bundled one")
    parser.add_argument("--jobs", metavar="N", help="how many processes share a long input (default: one for each processor)")


def run(options: argparse.Namespace, console: Console) -> int:
    """Classify the lines of a file, or of standard input."""
    jobs = _jobs(options.jobs)
    from digest import app, paperlines, shelving

    settings = read_settings(options, console)
    with ExitStack() as stack:
        if options.file == "-":
            if sys.stdin is None:
                msg = "there is no standard input to read"
                raise UsageError(msg)
            if sys.stdin.isatty():
                console.say("reading papers from the terminal, one JSON object a line; Ctrl-D ends them")
        name = "standard input" if options.file == "-" else options.file
        lines = paperlines.raw_lines(stack.enter_context(paperlines.opened(None if options.file == "-" else Path(options.file))))
        papers = shelving.shelve(lines, app.model_folder(settings), jobs, name=name, write=_write, warn=console.warn)
    console.say(f"{papers} papers classified")
    return 0


def _write(content: bytes) -> None:
    with writing():
        sys.stdout.buffer.write(content)


def _jobs(text: str | None) -> int:
    from digest.shelving import MOST_JOBS

    if text is None:
        available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(available, MOST_JOBS)
    jobs = int(text) if text.isascii() and text.isdecimal() else 0
    if not 1 <= jobs <= MOST_JOBS:
        msg = f"--jobs: {text!r} is no number of processes"
        raise UsageError(msg, advice=f"1 to {MOST_JOBS} will do")
    return jobs
