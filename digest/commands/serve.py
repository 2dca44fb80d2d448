"""``cvdigest serve``: the site and what can be asked of it over HTTP, out of the database."""

import argparse
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from digest.commands.console import Console, command, read_settings, told_to_end, write_report
from digest.errors import DigestError, UsageError

if TYPE_CHECKING:
    from digest.app import App
    from digest.core.site import Frame
    from digest.web.application import Answered
    from digest.web.holdings import Holdings
    from digest.web.subscribing import Forms

_PORT, _THREADS, _CACHE = 8080, 4, 64
_MOST_PORTS, _MOST_THREADS, _MOST_CACHE = 65_535, 12, 4096
_EXTRA = ("flask", "waitress", "prometheus_client")
_SERVER_ERROR = 500


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = command(commands, "serve", run, "answer over HTTP: the site, a search and JSON, out of the database; changes nothing")
    parser.set_defaults(unattended=True)  # so it writes a log where no terminal reads along
    parser.add_argument("--host", metavar="HOST", default="127.0.0.1", help="the address to listen at (default: 127.0.0.1, this machine)")
    parser.add_argument("--port", metavar="PORT", default=str(_PORT), help=f"the port; 0 for any that is free (default: {_PORT})")
    parser.add_argument("--threads", metavar="N", default=str(_THREADS), help=f"how many make answers (default: {_THREADS})")
    parser.add_argument("--cache", metavar="MB", default=str(_CACHE), help=f"how much memory answers may take (default: {_CACHE})")
    parser.add_argument("--category", metavar="CAT", help="any arXiv category (default: cs.CV)")
    parser.add_argument("--data", metavar="DIR", help="where the database is (default: the user's data folder)")
    parser.add_argument("--database", metavar="DATABASE", help="which database: a path or a URL (default: cvdigest.db in the data folder)")
    parser.add_argument("--model", metavar="DIR", help="another model than the bundled one, for the reasons on the pages of papers")
    parser.add_argument("--site-url", metavar="URL", help="the address that readers know the server by, for feeds and canonical links")
    parser.add_argument("--site-title", metavar="TITLE", help="the title of the site (default: the category's digest)")
    parser.add_argument(
        "--log", metavar="FORM", help="how requests are told: plain, text or json (default: plain; an unattended one: text)"
    )


def run(options: argparse.Namespace, console: Console) -> int:
    """Answer until told to end."""
    from digest import app

    _check_extra()
    settings = read_settings(options, console)
    port = _number(options.port, "port", 0, _MOST_PORTS)
    threads = _number(options.threads, "threads", 1, _MOST_THREADS)
    cache = _number(options.cache, "cache", 1, _MOST_CACHE)
    with told_to_end() as told, app.App(settings, settings.now or datetime.now(UTC), console.say, console.warn, "serve") as program:
        found = program.database(make=False)
        if not found.url.database:
            msg = f"there is no database in {app.data_folder(settings)} yet"
            raise DigestError(msg, advice="cvdigest run makes the first edition; --data and --database name another place")
        from digest.web.server import listen

        with closing(listen(_application(program, console, cache), options.host, port, threads, console.warn)) as server:
            console.say(f"answering for {settings.category} at {server.address} until told to end")
            if not settings.quiet:
                write_report(f"{server.address}\n")
            left = server.run(told)
    console.say(f"told to end; {f'{left} clients do not have their whole answer' if left else 'all that was asked is answered'}")
    return 0


def _check_extra() -> None:
    """See that what serving needs besides is installed.

    Raises:
        DigestError: it is not.

    """
    try:
        import digest.web.application
        import digest.web.server  # noqa: F401
    except ModuleNotFoundError as exc:
        if str(exc.name).partition(".")[0] not in _EXTRA:
            raise
        msg = f"serving needs {exc.name}, which is not installed"
        raise DigestError(msg, advice="pip install 'cvdigest[serve]'") from exc


def _application(program: "App", console: Console, megabytes: int) -> object:
    """Return what answers, for the program's database."""
    from digest import resources
    from digest.web.application import application
    from digest.web.description import description

    forms = _forms(program) if program.settings.subscribe else None
    holdings = _holdings(program, console, megabytes)
    document = description(resources.folder("models"), holdings.taxonomy, holdings.categories)

    def log(one: "Answered") -> None:
        tell = console.warn if one.status >= _SERVER_ERROR else console.say
        if console.logs:
            tell(f"{one.method} {one.path}", status=one.status, bytes=one.size, ms=round(one.milliseconds, 1))
        else:
            tell(f"{one.method} {one.path}: {one.status}, {one.size:,} bytes, {one.milliseconds:.1f} ms")

    return application(holdings, document, log, console.error, forms)


def _forms(program: "App") -> "Forms":
    """Return the forms by which people subscribe."""
    from digest import resources
    from digest.clock import Clock
    from digest.core.subscription import names_of
    from digest.render.forms import FormPages
    from digest.render.html import Pages
    from digest.web.subscribing import Forms, origin

    settings = program.settings
    subscriptions = program.subscriptions()
    pages = FormPages(Pages(resources.folder("templates")), _frame(program), names_of(settings.include))
    return Forms(subscriptions, pages, origin(settings.forms_url), Clock(settings.now, settings.speed).now)


def _frame(program: "App") -> "Frame":
    """Return what is the same on all pages."""
    from dataclasses import replace

    from digest.core.site import SUBSCRIBE

    found = program.site().frame
    return replace(found, served=True, subscribe=SUBSCRIBE if program.settings.subscribe else found.subscribe)


def _holdings(program: "App", console: Console, megabytes: int) -> "Holdings":
    """Return what is served: the site as it is now, and again as soon as there is something new."""
    from digest import resources
    from digest.core.site import SearchPage
    from digest.render.html import Pages
    from digest.site import Site
    from digest.web.caching import Cache
    from digest.web.holdings import Holdings

    first, frame = program.site(), _frame(program)
    pages = Pages(resources.folder("templates"))

    return Holdings(
        program.database(make=False),
        program.settings.category,
        frame.taxonomy,
        resources.categories(),
        lambda: Site(first.archive, frame, first.parts),
        lambda found: pages.search(frame, SearchPage(()), found),
        Cache(megabytes * 1_000_000),
        console.warn,
    )


def _number(text: str, name: str, least: int, most: int) -> int:
    """Return the whole number that an option was given.

    Raises:
        UsageError: it is none, or out of bounds.

    """
    if not text.isascii() or not text.isdigit() or not least <= int(text[:10]) <= most:
        msg = f"--{name}: {text!r} is no number from {least:,} to {most:,}"
        raise UsageError(msg)
    return int(text)
