"""``cvdigest feed``: a feed of a search, an author or a topic."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from digest.commands.console import Console, command, read_settings, write_json, writing
from digest.commands.shelves import shelf
from digest.errors import PublishError, UsageError

_FORMATS = {"atom": ".atom.xml", "rss": ".rss.xml", "json": ".json"}


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = command(commands, "feed", run, "print a feed of the newest 30 days, for a search, an author or a topic")
    parser.add_argument("--search", metavar="WORDS", help="only papers with these words, written as for cvdigest search")
    parser.add_argument("--author", metavar="NAME", help="only papers with an author of this name")
    parser.add_argument("--topic", metavar="TOPIC[/SUBTOPIC]", help="only papers of this topic, by the slugs of the catalogue")
    parser.add_argument("--format", metavar="FORMAT", choices=_FORMATS, default="atom", help="atom, rss or json (default: atom)")
    parser.add_argument("--title", metavar="TITLE", help="what the feed is called (default: what it asks for)")
    parser.add_argument("--output", metavar="FILE", help="write it to this file, if it is different from what is there")
    parser.add_argument("--category", metavar="CAT", help="whose digests: any arXiv category (default: cs.CV)")
    parser.add_argument("--database", metavar="PLACE", help="the file or the URL of the database (default: in the data folder)")
    parser.add_argument("--data", metavar="DIR", help="where the database is (default: the user's data folder)")


def run(options: argparse.Namespace, console: Console) -> int:
    """Make the feed, and print or write it."""
    from digest import app
    from digest.core.site import OwnFeed
    from digest.feeding import Feeding
    from digest.settings import own_feed

    settings = read_settings(options, console)
    asked = {name: (getattr(options, name) or "").strip() for name in ("search", "author", "topic", "title")}
    if not (asked["search"] or asked["author"] or asked["topic"]):
        msg = "nothing is asked for"
        raise UsageError(msg, advice="give --search, --author or --topic")
    if options.output is not None and not options.output:
        msg = "--output names no file"
        raise UsageError(msg)
    asked["title"] = asked["title"] or ", ".join(filter(None, (asked["search"], asked["author"], asked["topic"])))
    with app.App(settings, settings.now or datetime.now(UTC), console.say, console.warn) as program:
        database = program.database(make=False)
        if database.sqlite and database.path is None:
            console.warn("there is no database yet; cvdigest run and cvdigest backfill fill it")
        site = program.site()
        if database.path is not None and not site.archive.issues():
            console.warn(f"no edition of {settings.category} is stored, so the feed is empty")
        if asked["topic"]:
            asked["topic"] = "/".join(filter(None, shelf(asked["topic"], site.archive.taxonomy, begins=True)))
        try:
            own: OwnFeed = own_feed({"name": "query", **asked})
        except ValueError as exc:
            raise UsageError(str(exc)) from exc
        body = Feeding(site.archive, site.frame).query(own, _FORMATS[options.format])
    if options.output is None:
        with writing():
            write_json(body.decode())
        return 0
    _keep(Path(options.output), body)
    return 0


def _keep(path: Path, body: bytes) -> None:
    """Write a feed to *path*, whole, if it is different from what is there."""
    from digest.files import write_whole

    try:
        write_whole(path, body)
    except (OSError, ValueError) as exc:
        msg = f"{path} cannot be written: {exc.strerror if isinstance(exc, OSError) else exc}"
        raise PublishError(msg) from exc
