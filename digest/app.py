"""The composition root: puts the parts together from `Settings`. Importing it does nothing."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from digest import publish, resources
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
from digest.corrections import corrections
from digest.daily import Daily, Made
from digest.days import Days
from digest.errors import UsageError
from digest.ledger import Ledger
from digest.render.markdown import Renderer
from digest.services import Services
from digest.settings import API_PACE, ARXIV, FILE, Settings
from digest.source import Source

Say = Callable[[str], None]
_API = "https://export.arxiv.org"
_APIS = "apis"
_LISTS_PACE = 1.0


@dataclass(frozen=True, slots=True)
class App:
    """The program, for one set of settings."""

    settings: Settings
    now: datetime
    say: Say
    warn: Say
    _models: dict[Path, model.Model] = field(default_factory=dict, repr=False)
    """Those that are loaded: for many dates the model is read once."""

    def run(self, day: date | None) -> Made:
        """Make the digest of *day*, or of the newest announcement, and note what became of it."""
        settings = self.settings

        def ask() -> Announcement:
            return self._source().announcement(settings.category, day, self.now, settings.source)

        days = self.days()
        with days.ledger.turn(settings.category, lambda: self.say("another run of this category is at work; waiting for it")):
            return days.run(day, self.now, ask, self._made, own=settings.source.startswith("file:"))

    def plan(self, day: date) -> tuple[tuple[str, str], ...]:
        """Return the service and the address that *day* is asked of first, without asking; nothing where nobody is asked."""
        return self._source().plan(self.settings.category, day, self.now, self.settings.source)

    def days(self) -> Days:
        """Return what is known of the dates of the category."""
        settings = self.settings
        ledger = Ledger(data_folder(settings), self.warn)
        return Days(settings.category, settings.out, ledger, resources.calendar(), self.warn, named=settings.source != "auto")

    def run_sample(self) -> Made:
        """Make the digest of the bundled announcement of invented papers."""
        self.say("the bundled sample, whose papers are invented")
        page = resources.sample()
        return self._made(self._source().from_bytes("cs.CV", page, service="sample", name="models/sample/new.html"))

    def _made(self, announcement: Announcement) -> Made:
        settings = self.settings
        daily = Daily(
            resources.taxonomy(),
            self._model,
            Renderer(resources.folder("templates")),
            self.say,
            self.warn,
            lambda: corrections(data_folder(settings)),
        )
        return daily.run(announcement, out=settings.out, layout=settings.layout, include=settings.include)

    def _model(self) -> model.Model:
        folder = model_folder(self.settings)
        if folder not in self._models:
            self._models[folder] = model.load(folder)
        return self._models[folder]

    def _source(self) -> Source:
        settings = self.settings
        data = data_folder(settings)
        pace = settings.seconds_between
        # Who sets no pace replays a day, and a replay need not be spared between two tries either.
        limits = Limits() if pace else Limits(back_off=0.2)
        client = Client(pace, data, settings.contact, settings.loopback, limits, self.say, lane="pages")
        answers = Answers(data)
        return Source(
            client.get,
            answers,
            resources.calendar(),
            settings.arxiv_url,
            self.say,
            resources.categories(),
            _services(settings, limits, self.say),
            lambda category, day: publish.earlier(settings.out, category, day),
            settings.second_opinion,
        )


def _services(settings: Settings, limits: Limits, say: Say) -> Services:
    """Return arXiv's other services; they share a pace of their own."""
    pace = settings.seconds_between if settings.pace is not None or settings.loopback else API_PACE
    client = Client(pace, data_folder(settings), settings.contact, settings.loopback, limits, say, lane=_APIS)
    if settings.arxiv_url == ARXIV:
        return Services(client.get)
    base = settings.arxiv_url
    return Services(client.get, base, base, base, back_off=0.2 if settings.loopback else 10.0)


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
        lesson = training.Lesson(
            taxonomy.shelves(),
            abstracts,
            curating.by_catalogue(found, known, sections),
            daily=resources.daily_training(reserved),
            reserved=reserved,
            corrections=corrections(data_folder(settings)),
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
