"""The composition root: puts the parts together from `Settings`. Importing it does nothing."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import platformdirs

from digest import __version__, archive, resources
from digest.alerts import Alerts, FileMemory, Mail, Memory
from digest.arxiv.answers import Answers
from digest.arxiv.client import Client
from digest.arxiv.exchange import Limits, safe
from digest.catalogue import lists, records
from digest.catalogue.records import Reading
from digest.catalogue.sources import Source as ListSource
from digest.classify import card as cards
from digest.classify import model
from digest.classify.card import Card
from digest.core.announcements import Calendar
from digest.core.domain import Announcement
from digest.core.edition import Edition
from digest.core.site import INDEX
from digest.correcting import Correcting
from digest.daily import Daily, Draft, Made
from digest.days import Days, Work
from digest.editions import Editions, Queue
from digest.errors import ClockError, DigestError, SettingsError, StoreError, UsageError
from digest.files import host, keep_private, sweep
from digest.keys import links_key
from digest.ledger import FOLDER, old_notes, storable
from digest.library import Library
from digest.mail import Server
from digest.publishing import Report
from digest.reclassify import Changed, Reclassify, Result
from digest.render.markdown import Renderer
from digest.secrets import mask
from digest.services import Services
from digest.settings import API_PACE, ARXIV, FILE, Settings, forms_address, secret, secrets
from digest.site import Site
from digest.source import Source
from digest.store import backups, days, outbox, runs
from digest.store.alerts import StoreMemory
from digest.store.database import Database, address, in_memory, read_only
from digest.store.locks import FileLeadership, Held, PostgresLeadership, leadership, turn
from digest.subscribers import Register
from digest.subscriptions import Subscriptions, adopt, forget_late

if TYPE_CHECKING:
    from digest.hooks import Hooks
    from digest.posting import Courier, Returns

Say = Callable[[str], None]
_FORM_PATIENCE = 5.0
"""Seconds that somebody who has sent a form waits for a database that another program holds."""
_API = "https://export.arxiv.org"
_APIS = "apis"
_LISTS_PACE = 1.0
_TELLING = frozenset({"run", "run --due", "schedule"})
"""The commands that make the news of the day, of which people are told."""
_IMPORTED = "notes of the first releases"
_SLACK = timedelta(minutes=10)
"""A clock may be set back by so much."""
_MENDED = timedelta(days=13)
"""So far back from the newest date files are looked at that a run has made."""
_FIRST_RELEASE = datetime(2026, 11, 1, tzinfo=UTC)
"""No run was ever earlier."""


@dataclass(slots=True)
class _Record:
    """What a run is going to have made."""

    made: Made | None = None
    held: Held = lambda: True
    """Says whether the turn is still ours."""


@dataclass(frozen=True, slots=True)
class App:
    """The program, for one set of settings."""

    settings: Settings
    now: datetime
    say: Say
    warn: Say
    command: str = "run"
    """What is kept of it in the list of runs."""
    _models: dict[Path, model.Model] = field(default_factory=dict, repr=False)
    """Those that are loaded: for many dates the model is read once."""
    _stores: list[Database] = field(default_factory=list, repr=False)
    """The database, once it is open."""
    _libraries: list[Library] = field(default_factory=list, repr=False)
    """The archive, once it was asked: it keeps the editions that it has read."""
    _sample: list[Edition] = field(default_factory=list, repr=False)
    """The edition of the sample, once it is made."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._libraries.clear()
        while self._stores:
            self._stores.pop().close()

    def database(self, *, make: bool = True) -> Database:
        """Return the database; unless *make*, one that is not there yet is not made, and an empty one stands for it.

        Raises:
            StoreError: it cannot be used.

        """
        if not self._stores:
            found = _opened(self.settings, self.now, self.say, make=make)
            self._stores.append(found)
            self._import(found, data_folder(self.settings))
        return self._stores[0]

    def _import(self, database: Database, data: Path) -> None:
        """Take over what the first releases noted in small files."""
        if (data / FOLDER).is_dir():
            with database.read() as connection:
                done = runs.fact(connection, _IMPORTED)
            if done is None:
                with database.write() as connection:
                    for note in old_notes(data, self.warn):
                        days.write(connection, note)
                    runs.note_fact(connection, _IMPORTED, "yes")

    def run(self, day: date | None, *, again: bool = False, patient: bool = False) -> Made:
        """Make the digest of *day*, or of the newest announcement, unless it is made, and note what became of it.

        With *again*, one that is made is made once more. Who is *patient* waits until arXiv has finished publishing.
        """
        settings = self.settings
        answers = Answers(data_folder(settings))

        def ask(*, opinions: bool) -> Announcement:
            source = self._source(answers)
            source.second_opinion = source.second_opinion and opinions
            return source.announcement(settings.category, day, self.now, settings.source)

        def draft(announcement: Announcement) -> Draft:
            return daily.draft(announcement, layout=settings.layout, include=settings.include)

        daily = self._daily()
        own = settings.source.startswith("file:")
        with self._turn(day) as record:
            work = Work(ask, draft, lambda: answers.kept, replace(self._editions(daily), held=record.held), self.say)
            made = self.days().run(day, self.now, work, own=own, again=again, patient=patient)
            record.made = made
        return made

    def check_clock(self) -> None:
        """See that the clock of this machine can be right.

        Raises:
            ClockError: it is earlier than what happened already.

        """
        if self.settings.now is not None:
            return
        with self.database().read() as connection:
            latest = runs.latest(connection)
        if self.now + _SLACK < max(latest or _FIRST_RELEASE, _FIRST_RELEASE):
            known = f"the last digest was made at {latest:%Y-%m-%d %H:%M} UTC" if latest else "this program is younger than that"
            msg = f"the clock of this machine shows {self.now:%Y-%m-%d %H:%M} UTC, but {known}"
            raise ClockError(msg, advice="set it; until then nothing is made")

    def reclassify(
        self,
        first: date | None,
        last: date | None,
        step: Callable[[int, int], None],
        changed: Callable[[Changed], None],
        *,
        dry: bool = False,
    ) -> Result:
        """Sort the stored dates from *first* to *last* again by the model, without asking anybody: see `digest.reclassify`.

        With *dry*, it is only told what would be different.

        Raises:
            DigestError: there is no database, or see `Reclassify.go`.

        """
        found = self.database(make=False)
        if not found.url.database:
            msg = f"there is no database in {data_folder(self.settings)} yet"
            raise DigestError(msg, advice="cvdigest run makes the first edition; --data and --database name another place")
        editions = self._editions(self._daily())
        work = Reclassify(editions, resources.calendar(), self.now, dry=dry)
        if dry:
            return work.go(first, last, step, changed)
        with self._turn(None) as record:
            editions = replace(editions, held=record.held)
            editions.recover(self.now)
            return replace(work, editions=editions).go(first, last, step, changed)

    def tidy(self) -> None:
        """Finish what a run left that was broken off, and mend the files of the last dates; asks nobody.

        Raises:
            DigestError: the database or the folders cannot be used.

        """
        with self._alone() as held:
            editions = replace(self._editions(self._daily()), held=held)
            editions.recover(self.now)
            last = resources.calendar().newest(self.now)
            editions.mend(last - _MENDED, last, self.now)

    @contextmanager
    def _turn(self, day: date | None) -> Iterator["_Record"]:
        """Take the category's turn, and keep a line about what is done then."""
        with self._alone() as held, self._recorded(day) as record:
            record.held = held
            yield record

    @contextmanager
    def _alone(self) -> Iterator[Held]:
        """Take the category's turn, and tidy up what was left half-written."""
        settings, data = self.settings, data_folder(self.settings)

        def waiting() -> None:
            self.say("another run of this category is at work; waiting for it")

        self.check_clock()  # before the wait, which may be long
        with turn(self.database(), data, settings.category, waiting) as held:
            left = (
                *sweep(settings.out, but=settings.site_folder),
                *sweep(data / "answers"),
                *sweep(data / "refused"),
                *sweep(data, deep=False),
            )
            for path in (*left, *backups.sweep(self.database(), data)):
                self.say(f"{path.name} was left half-written, and is removed")
            forget_late(self.database(), self.now)
            yield held

    @contextmanager
    def _recorded(self, day: date | None) -> Iterator["_Record"]:
        """Keep a line about a run, and how it ended."""
        database, record = self.database(), _Record()
        with database.write() as connection:
            key = runs.begin(
                connection, command=self.command, category=self.settings.category, host=host(), pid=os.getpid(),
                program=__version__, began=self.now, date=day,
            )  # fmt: skip
        status, message = 1, ""
        try:
            yield record
            status = 0
        except ClockError:
            with suppress(StoreError), database.write() as connection:
                runs.forget(connection, key)  # by a clock that is wrong it would be the first or the last of all
            raise
        except DigestError as exc:
            status, message = exc.exit_status, str(exc)
            raise
        except BaseException as exc:
            message = f"{type(exc).__name__}: {exc}"
            raise
        finally:
            found = {"date": record.made.edition.date, "edition": record.made.edition.number} if record.made else {}
            with suppress(StoreError), database.write() as connection:
                runs.end(connection, key, ended=self.now, status=status, message=storable(message)[:1000], **found)

    def plan(self, day: date) -> tuple[tuple[str, str], ...]:
        """Return the service and the address that *day* is asked of first, without asking; nothing where nobody is asked."""
        return self._source(Answers(data_folder(self.settings))).plan(self.settings.category, day, self.now, self.settings.source)

    def leadership(self) -> FileLeadership | PostgresLeadership:
        """Return what tells whether this daemon leads, of all that have the same work to do."""
        return leadership(self.database(), data_folder(self.settings), self.settings.category)

    def days(self, *, make: bool = True) -> Days:
        """Return what is known of the dates of the category; unless *make*, no database is made for it."""
        settings = self.settings
        database = self.database(make=make)
        return Days(settings.category, settings.out, database, resources.calendar(), self.warn, named=settings.source != "auto")

    def run_sample(self) -> Made:
        """Make the digest of the bundled announcement of invented papers."""
        settings = self.settings
        self.say("the bundled sample, whose papers are invented")
        source = self._source(Answers(data_folder(settings)))
        found = source.from_bytes("cs.CV", resources.sample(), service="sample", name="models/sample/new.html")
        # Invented papers never stand among real ones.
        made = self._daily().run(found, out=settings.out / "sample", layout=settings.layout, include=settings.include)
        self._sample.append(made.edition)
        return made

    def courier(self, environment: Mapping[str, str], now: Callable[[], datetime], ends: threading.Event) -> "Courier":
        """Return what hands over all that is queued, until *ends* is set.

        Raises:
            SettingsError: the settings are no good for letters.
            MailError: a package that letters need is not there.
            StoreError: the database cannot be used.

        """
        # Imported here because most commands send nothing.
        from digest import building, posting
        from digest.keys import links_key

        settings, archive = self.settings, self.site().archive
        key = links_key(settings, data_folder(settings), environment)
        letters = building.letters(settings, archive, key)
        self._adopt(self.database(), key)
        forget_late(self.database(), now())
        sending = posting.sender(settings, environment, self.database(), letters, now, self.say, self.warn, ends, key)
        return posting.Courier(sending, letters, self.say, self.warn)

    def returns(self, environment: Mapping[str, str]) -> "Returns | None":
        """Return what counts the letters that come back; None if no mailbox is set that they come back to.

        Raises:
            SettingsError: the address of the mailbox, or the key of the links, cannot be had.
            StoreError: the database cannot be used.

        """
        from digest.posting import Returns

        place = secret(self.settings, "bounces", environment)
        if not place:
            return None
        key = links_key(self.settings, data_folder(self.settings), environment)
        return Returns(self.database(), key, place, self.say, self.warn)

    def hooks(self, now: Callable[[], datetime], ends: threading.Event) -> "Hooks":
        """Return what tells web-hooks of editions, until *ends* is set.

        Raises:
            StoreError: the database cannot be used.

        """
        from digest.hooks import Hooks

        settings, archive = self.settings, self.site().archive
        return Hooks(
            self.database(),
            archive,
            settings.hooks,
            now,
            self.warn,
            settings.pages_url,
            settings.uncertain,
            ends,
            category=settings.category,
        )

    # -- the site ------------------------------------------------------------------------------------------------------

    def site(self) -> Site:
        """Return the site of all that is stored, or that of the sample.

        Raises:
            StoreError: the database cannot be used.

        """
        # Imported here because most commands need no templates.
        from digest import building

        folder = model_folder(self.settings)
        if self.settings.sample:
            if not self._sample:
                self.run_sample()
            edition = self._sample[-1]
            return building.site(self.settings, folder, archive.Held(edition.category, edition.taxonomy, (edition,)))
        if not self._libraries:
            self._libraries.append(building.library(self.settings, folder, self.database(make=False)))
        return building.site(self.settings, folder, self._libraries[0])

    def subscriptions(self) -> Subscriptions:
        """Return what people do about their letters, on connections of its own, which write.

        Raises:
            SettingsError: a setting is missing that letters need or is no good for them, or the key of their links cannot be had.
            StoreError: the database cannot be written by this program.

        """
        from digest.recipients import recipient

        settings, found = self.settings, self.database(make=False)
        for name, value in (("mail_list", settings.mail_list), ("mail_url", forms_address(settings))):
            if not value:
                msg = f"nobody can subscribe without {name}"
                raise SettingsError(msg, advice=f"set {name}, or leave subscribe out")
        recipient("someone@example.org")  # so that a package that is not there is missed now
        if found.path is not None and read_only(found.path):
            msg = f"nobody can subscribe: the database {found.name} cannot be written by this program"
            raise StoreError(msg, advice="let it write the file and its folder, or leave subscribe out")
        own = Database(found.url, self.say, _FORM_PATIENCE)
        self._stores.append(own)
        key = links_key(settings, data_folder(settings), os.environ)
        self._adopt(own, key)
        return Subscriptions(own, key, settings.mail_list)

    def register(self, *, make: bool = True) -> Register:
        """Return the subscribers; unless *make*, nothing is written.

        Raises:
            SettingsError: the key of the links in letters cannot be had.
            StoreError: the database cannot be used, or there is none and it is not to be made.

        """
        settings, database = self.settings, self.database(make=make)
        if not (make or database.url.database):
            msg = f"there is no database in {data_folder(settings)} yet"
            raise StoreError(msg, advice="cvdigest subscribers add makes it; --data and --database name another place")
        key = links_key(settings, data_folder(settings), os.environ, make=make)
        if make:
            self._adopt(database, key)
        return Register(database, key)

    def _adopt(self, database: Database, key: bytes) -> None:
        if database.path is not None:  # which holds addresses of people, or is about to
            for rest in ("", "-wal", "-shm"):
                keep_private(Path(f"{database.path}{rest}"))
        if adopt(database, key, self.now):
            self.warn("the key of the links in letters is another one than before: no link in a letter that was sent works any more")

    def publish(self, *, again: bool = False) -> Report:
        """Bring the folder of the site up to date; with *again*, make every page again.

        Raises:
            PublishError: the folder cannot be written.
            StoreError: the database cannot be used.

        """
        from digest import building, publishing

        site, settings = self.site(), self.settings
        root, key = settings.site_folder, building.key(settings, site)
        before = publishing.manifest(root)
        if before is not None and before.url not in ("", settings.site_url) and before.category == settings.category:
            now = settings.site_url or "no address, and without feeds.opml"
            self.warn(f"the site was made for {before.url}, and is now made for {now}; put site-url into the settings file to keep it")
        if settings.sample:
            return publishing.publish(site, root, key, again=again)
        database = self.database(make=False)
        if not database.url.database:
            return publishing.publish(site, root, key, again=again)
        with self._alone():
            return publishing.publish(site, root, key, again=again, helper=partial(_other_site, settings))

    def renew_site(self) -> None:
        """Bring the site up to date after editions were made, if one is to be made; what goes wrong is no reason to lose them."""
        if self.settings.no_site:
            return
        try:
            report = self.publish()
        except Exception as exc:  # noqa: BLE001 - the editions are made, and whoever reads along is told
            told = str(exc) if isinstance(exc, DigestError) else f"an error of this program ({type(exc).__name__}: {exc})"
            self.warn(f"the site is not up to date: {told}; cvdigest publish tries again, and so does the next run")
            return
        if report.written or report.removed:
            self.say(f"the site is up to date: {self.settings.site_folder / INDEX}")

    def _editions(self, daily: Daily) -> Editions:
        settings = self.settings
        include = ",".join(sorted(kind.value for kind in settings.include))
        return Editions(
            self.database(), daily, settings.category, settings.out, settings.layout, include, self.warn, settings.now is None,
            queue=self._queue(),
        )  # fmt: skip

    def _queue(self) -> Queue | None:
        """Return what queues letters and web-hooks for a date; None where nobody is told: dates that are caught up with are no news."""
        letters, hooks = bool(self.settings.mail_list), [hook.name for hook in self.settings.hooks]
        if not (letters or hooks) or self.command not in _TELLING:
            return None
        return partial(outbox.queue, calendar=resources.calendar(), letters=letters, hooks=hooks)

    def corrections(self) -> dict[str, tuple[str, str]]:
        """Return topic and subtopic (empty if it was left open) of each paper that a reader has corrected."""
        return Correcting(self.database(make=False), data_folder(self.settings), self.warn).in_force()

    def _daily(self) -> Daily:
        return Daily(
            resources.taxonomy(),
            self._model,
            _renderer(),
            self.say,
            self.warn,
            self.corrections,
        )

    def _model(self) -> model.Model:
        folder = model_folder(self.settings)
        if folder not in self._models:
            self._models[folder] = model.load(folder)
        return self._models[folder]

    def _source(self, answers: Answers) -> Source:
        settings = self.settings
        # Who sets no pace replays a day, and a replay need not be spared between two tries either.
        limits = Limits() if settings.seconds_between else Limits(back_off=0.2)
        client = _pages(settings, limits, self.say, dated=_dated(settings))
        return Source(
            client.get,
            answers,
            resources.calendar(),
            settings.arxiv_url,
            self.say,
            resources.categories(),
            _services(settings, limits, self.say),
            lambda category, day: replace(self._editions(self._daily()), category=category).earlier(day),
            settings.second_opinion,
        )


def _other_site(settings: Settings) -> Site:
    """Return the site of all that is stored, for another process."""
    from digest import building

    database = Database(address(settings.database, data_folder(settings)))
    folder = model_folder(settings)
    return building.site(settings, folder, building.library(settings, folder, database))


def _pages(settings: Settings, limits: Limits, say: Say, *, dated: bool = False) -> Client:
    """Return the client for arXiv's pages; where answers are *dated*, our clock has to agree with arXiv's."""
    pace, data = settings.seconds_between, data_folder(settings)
    return Client(pace, data, settings.contact, settings.loopback, limits, say, lane="pages", dated=dated)


def client(settings: Settings, say: Say, *, tries: int) -> Client:
    """Return a client for arXiv's pages that tries so often and no more."""
    return _pages(settings, Limits(tries=tries), say)


def _services(settings: Settings, limits: Limits, say: Say) -> Services:
    """Return arXiv's other services; they share a pace of their own."""
    pace = settings.seconds_between if settings.pace is not None or settings.loopback else API_PACE
    client = Client(pace, data_folder(settings), settings.contact, settings.loopback, limits, say, lane=_APIS, dated=_dated(settings))
    if settings.arxiv_url == ARXIV:
        return Services(client.get)
    base = settings.arxiv_url
    return Services(client.get, base, base, base, back_off=0.2 if settings.loopback else 10.0)


@cache
def _renderer() -> Renderer:
    """Return what writes pages: one for all runs, for to read its templates takes longer than to write a page."""
    return Renderer(resources.folder("templates"))


def _dated(settings: Settings) -> bool:
    """Say whether our clock has to agree with arXiv's: it does not where the instant or arXiv itself is played."""
    return settings.now is None and not settings.loopback


def alerts(
    settings: Settings, environment: Mapping[str, str], clock: Callable[[], datetime], warn: Say, database: Database | None = None
) -> Alerts:
    """Return what tells the operator; it tells nobody where neither a web-hook nor a mail server is set.

    Raises:
        SettingsError: a file with a secret cannot be used, or there is a mail server and no address of the operator.

    """
    hook, server = (secret(settings, name, environment) for name in ("webhook", "mail_server"))
    if server and not settings.operator:
        msg = "a mail server is set, and no mail address of the operator"
        raise SettingsError(msg, advice="set operator, or leave mail_server out")
    mail = Mail(Server.from_url(server), settings.mail_from or settings.operator, settings.operator) if server else None
    hidden = secrets(settings, environment)
    memory: Memory = FileMemory(data_folder(settings), warn)
    if database is not None:
        memory = StoreMemory(database, memory)
    return Alerts(hook, mail, memory, clock, warn, lambda text: mask(text, hidden))


def check_alerts(settings: Settings, environment: Mapping[str, str], warn: Say) -> None:
    """Warn whoever reads along if the operator could not be told of a failure; no digest depends on it, and nobody is asked."""
    try:
        alerts(settings, environment, lambda: datetime.now(UTC), warn)
    except SettingsError as exc:
        warn(f"nobody could be told of a failure: {exc}")


def _opened(settings: Settings, now: datetime, say: Say, *, make: bool) -> Database:
    """Return the database; unless *make*, one that is not there yet is not made, and an empty one stands for it."""
    data = data_folder(settings)
    found = Database(address(settings.database, data), say)
    if make or found.path is None or found.path.exists():
        return found.open(before_upgrade=backups.before_upgrade(data, now, say))
    return in_memory()


@contextmanager
def correcting(settings: Settings, say: Say, warn: Say) -> Iterator[Correcting]:
    """Yield the corrections, for those who make no digest; no database is made for it.

    Raises:
        StoreError: the database cannot be used.

    """
    database = _opened(settings, settings.now or datetime.now(UTC), say, make=False)
    try:
        yield Correcting(database, data_folder(settings), warn)
    finally:
        database.close()


def data_folder(settings: Settings) -> Path:
    """Return where arXiv's answers and the corrections are kept."""
    return settings.data or platformdirs.user_data_path("cvdigest", appauthor=False)


def model_folder(settings: Settings) -> Path:
    """Return where the model lies."""
    return settings.model or resources.folder("models") / "default"


def fetch(
    settings: Settings, folder: Path, ids_of: Callable[[Path], Iterable[str]], say: Say, sources: Sequence[ListSource] | None = None
) -> tuple[Path, Path]:
    """Fetch the public curated lists into *folder* and the abstracts of the papers that they name.

    *ids_of* gets the folder of the lists and returns the arXiv identifiers that stand in them. Returned are that folder,
    and the file of abstracts that `digest.fetching.read` reads. Run again, it goes on where it was stopped.
    """
    # Imported here because few commands need it.
    from digest import fetching

    chosen = resources.sources() if sources is None else sources
    data, replayed = data_folder(settings), settings.loopback
    fetching.lists(chosen, folder / "lists", _list_client(settings, say).get, say)
    # Thousands of abstracts are worth a longer wait than a page is, when arXiv is busy.
    limits = Limits(back_off=0.2) if replayed else Limits(tries=7, back_off=5, patience=900, all_tries=900)
    pace = settings.seconds_between if settings.pace is not None or replayed else API_PACE
    client = Client(pace, data, settings.contact, replayed, limits, say, lane=_APIS)
    base = _API if settings.arxiv_url == ARXIV else settings.arxiv_url
    service = fetching.Service(f"{base}/api/query", back_off=0.2 if replayed else 10.0)
    abstracts = fetching.abstracts(ids_of(folder / "lists"), folder / "abstracts.jsonl", client.get, say, service)
    return folder / "lists", abstracts.path


def _list_client(settings: Settings, say: Say) -> Client:
    """Return the client for lists: without the contact, which is for arXiv's eyes."""
    limits = Limits(max_bytes=records.LARGEST, elsewhere=True)
    return Client(_LISTS_PACE, data_folder(settings), limits=limits, who="the server", say=say)


def curated_list(settings: Settings, place: str, say: Say) -> Reading:
    """Read the curated list in the file or at the address *place*.

    Raises:
        UsageError: there is no such file, or it is no list.
        SourceError: the address does not answer with a list.

    """
    name = place
    if "://" in place:
        # Imported here because few commands need it.
        from digest import fetching

        if not safe(place):
            msg = f"{place[:200]!r} is no address that lists are fetched from"
            raise UsageError(msg, advice="it begins with https://, and holds no name to log in with")
        body = fetching.listed(place, _list_client(settings, say).get).body
        name = urlsplit(place).path
    else:
        try:
            with Path(place).open("rb") as file:
                body = file.read(records.LARGEST + 1)
        except (OSError, ValueError) as exc:
            msg = f"{place[:200]} cannot be read: {exc.strerror if isinstance(exc, OSError) else exc}"
            raise UsageError(msg) from exc
    return lists.read(records.decode(body, source=place[:200]), source=name.rpartition("/")[2] or place)


def calendar() -> Calendar:
    """Return arXiv's schedule, for those who wait for it."""
    return resources.calendar()


@dataclass(frozen=True, slots=True)
class Lessons:
    """Where the papers are that a model is to learn from."""

    lists: Sequence[Path]
    abstracts: Sequence[Path]
    fetch: bool = False
    """Whether the public lists and their abstracts are fetched first."""
    own: bool = False
    """Whether the lists' headings are the topics, and not the catalogue's."""


def train(  # noqa: PLR0913 - where from, where to, and what is said meanwhile
    settings: Settings, what: Lessons, out: Path, *, name: str, say: Say, warn: Say
) -> dict[str, object]:
    """Teach a model and write it to *out*; return what it was trained on. Where anything fails, *out* stays as it was."""
    # Imported here because it brings scikit-learn, which takes longer than a whole digest.
    from digest import curating, training

    known, sections, taxonomy = resources.sources(), resources.sections(), resources.taxonomy()
    lists, abstracts = list(what.lists), list(what.abstracts)
    if what.fetch:
        folder, texts = fetch(settings, data_folder(settings) / "training", _identifiers, say)
        lists, abstracts = [*lists, folder], [*abstracts, texts]
    found = curating.read(curating.files(lists), known, say)
    if lists:
        say(f"{sum(map(len, found.values())):,} papers in {len(found)} lists")
    if what.own:
        own = curating.by_headings(found, warn, few=training.FEW)
        lesson = training.Lesson(own.shelves, abstracts, own.filed, own=True, without_abstracts=True, taxonomy=own.taxonomy)
    else:
        reserved = frozenset(label.arxiv_id for label in resources.daily_reference())
        with correcting(settings, say, warn) as kept:
            corrected = {one.id: (one.topic, one.subtopic) for one in kept.listed()}
        lesson = training.Lesson(
            taxonomy.shelves(),
            abstracts,
            curating.by_catalogue(found, known, sections),
            daily=resources.daily_training(reserved),
            reserved=reserved,
            corrections=corrected,
        )
    return training.teach(lesson, out, name=name, say=say, warn=warn)


def _identifiers(folder: Path) -> list[str]:
    """Return the arXiv identifiers in the lists of a folder."""
    from digest import curating

    found = curating.read(curating.files([folder]), resources.sources(), lambda _line: None)
    return list(dict.fromkeys(record.arxiv_id for records in found.values() for record in records if record.arxiv_id))


def card(chosen: Path | None) -> tuple[Card, str]:
    """Return the accuracy card of the chosen or the bundled model, and the page that shows it."""
    folder = _model_folder(chosen)
    found = cards.read(folder, model.load(folder).info)
    return found, cards.markdown(found, resources.taxonomy().names())


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a model is to be measured with; what is None is left out."""

    corpus: Path | None
    daily: Path | None
    reference: Path | None
    """Labels of daily papers; None for the bundled ones."""
    half: str


def evaluate(chosen: Path | None, with_what: Measurement, warn: Say, *, write: bool) -> tuple[Card, str]:
    """Measure the chosen or the bundled model again; return its card and the page that shows it."""
    # Imported here because it brings scikit-learn by way of the training, whose test papers these are.
    from digest import measuring

    folder, names = _model_folder(chosen), resources.taxonomy().names()
    judge = model.load(folder)
    known = measuring.corpus(with_what.corpus, names) if with_what.corpus else None
    found, further = None, []
    if with_what.daily:
        reference = resources.daily_reference(with_what.reference)
        labels = measuring.of_half(reference, with_what.half)
        all_ids = {label.arxiv_id for label in reference}
        training = {label.arxiv_id for label in resources.daily_training(all_ids)}
        texts = measuring.texts(with_what.daily, all_ids | training)
        found = measuring.dailies(with_what.daily, labels, texts)
        further = [title for arxiv_id, (title, _) in texts.items() if arxiv_id in training]
        if found.lacking:
            warn(f"{with_what.daily} lacks {found.lacking} of the {len(labels)} labelled daily papers; they are left out")
    faults = measuring.unseen_faults(measuring.about(folder), known, found, names, ((), further))
    for fault in faults:
        warn(fault)
    made = measuring.measure(judge, folder, tuple(names), known=known, found=found, faults=faults)
    page = cards.markdown(made, names)
    if write:
        cards.write(folder, made, page)
    return made, page


def _model_folder(chosen: Path | None) -> Path:
    return chosen or resources.folder("models") / "default"


def settings_files() -> tuple[Path, ...]:
    """Return where a settings file may lie: the working directory first, then the user's configuration folder."""
    return (Path(FILE), platformdirs.user_config_path("cvdigest", appauthor=False) / FILE)
