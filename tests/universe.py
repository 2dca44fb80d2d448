"""All of arXiv's services on loopback, played from one invented world: what one of them says, the others say too.

    /list/<category>/new, /recent and /YYYY-MM    /catchup/<category>/<date>?abs=True    /rss/<category>+<category>
    /oai (arXivRaw)    /api/query (id_list, and windows of submission)

What is out at the instant `Universe.now` is what they know. Each can be switched off, and each can be made to say something
else than the others. Titles and abstracts are invented from the identifiers.
"""

import random
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache
from urllib.parse import parse_qs, unquote, urlsplit

from digest import resources
from digest.core.announcements import ITHACA, Calendar
from digest.core.domain import Kind
from tests import feeds, oaipmh, pages, rss, servers
from tests.rss import Item
from tests.servers import Answer
from tests.world import DAY, SECOND, Work, World

Kinds = dict[str, Kind]
"""What a service says: identifiers, and how each paper stands there."""
Edit = Callable[[Kinds], Kinds]
Fault = Callable[[Answer], Answer]

REACH = timedelta(days=90)
_RECENT = 5
_HARVESTED = timedelta(hours=2.5)
"""After the announcement, the records of OAI-PMH are there."""
_LISTED = (Kind.NEW, Kind.CROSS)
_THINGS = re.findall(r"\w+", "cameras gardens robots lungs faces roads cells clouds videos scenes hands leaves ships letters maps stars")
_DOINGS = re.findall(r"\w+", "detecting segmenting tracking generating restoring matching counting describing compressing reconstructing")
_WORDS = re.findall(
    r"\w+",
    "we present a method that learns dense features from few labels and finds small objects in aerial images while a network "
    "predicts depth poses and masks under weak supervision our benchmark shows that it is robust across domains and sensors",
)


@cache
def text(name: str, length: int = 40) -> tuple[str, str]:
    """Return the title and the abstract, of *length* words, of a paper: always the same for one identifier."""
    chance = random.Random(name)  # noqa: S311 - nobody is to be kept from guessing it
    title = f"{chance.choice(_DOINGS).capitalize()} {chance.choice(_THINGS).capitalize()} with {chance.choice(_THINGS).capitalize()} {name}"
    words = " ".join(chance.choices(_WORDS, k=length))
    return title, f"{words[0].upper()}{words[1:]}. Code is at https://example.org/code/{name.replace('/', '-')}."


def authors(name: str) -> tuple[str, ...]:
    """Return who wrote a paper."""
    return tuple(f"Ada{letter} Example" for letter in "bcdef"[: 1 + zlib.crc32(name.encode()) % 5])


@dataclass
class Universe:
    """arXiv at one instant."""

    world: World
    now: datetime
    calendar: Calendar
    state: servers.Arxiv
    most: int = 2000
    """How many entries a listing page holds at most."""
    harvested: int = 2500
    """How many records OAI-PMH gives at once."""
    length: int = 40
    """How many words an abstract has."""
    edits: dict[str, Edit] = field(default_factory=dict)
    """What a service says instead, by its name (`service`)."""
    faults: dict[str, Fault] = field(default_factory=dict)
    """What becomes of a service's answers on their way."""
    tongues: set[str] = field(default_factory=set)
    """The services that tell titles and abstracts in words of their own."""
    without: set[tuple[str, date]] = field(default_factory=set)
    """The categories that have no announcement on a date."""
    _truths: dict[tuple[str, date], Kinds] = field(default_factory=dict, repr=False)

    @property
    def url(self) -> str:
        """The address of all services."""
        return self.state.url

    @property
    def asked(self) -> list[str]:
        """The services that were asked, in order."""
        return [service(path) for path in self.state.asked]

    def at(self, now: datetime) -> "Universe":
        """Return the same universe at another instant, for what an old copy of a page says."""
        return replace(self, now=now)

    # -- what is so ------------------------------------------------------------------------------------------------------

    def is_out(self, day: date | None) -> bool:
        """Say whether *day* is announced."""
        return day is not None and day in self.world.windows and self.world.windows[day].announced <= self.now

    @property
    def dates(self) -> list[date]:
        """The dates that are announced, the oldest first."""
        return [day for day in self.world.windows if self.is_out(day)]

    @property
    def newest(self) -> date:
        """The last of them."""
        return self.dates[-1]

    def truth(self, category: str, day: date) -> Kinds:
        """Return what is announced in *category* on *day*; nothing if it is not out."""
        if not self.is_out(day) or (category, day) in self.without:
            return {}
        if (category, day) not in self._truths:
            self._truths[category, day] = self.world.truth(category, day)
        return self._truths[category, day]

    def categories(self, name: str) -> tuple[str, ...]:
        """Return the categories of a paper as they are now."""
        work = self.world.works[name]
        return work.categories[:-1] if work.late_cross and not self.is_out(work.late_cross) else work.categories

    def versions(self, name: str, until: date | None = None) -> list[datetime]:
        """Return when each version came in that is announced now, or was on the date *until*."""
        work = self.world.works[name]
        moments = [work.submitted]
        if work.replaced is not None and self.is_out(work.replaced) and (until is None or work.replaced <= until):
            window = self.world.windows[work.replaced]
            moments.append(window.start + zlib.crc32(name.encode()) % int((window.end - window.start) / SECOND) * SECOND)
        return moments

    def known(self) -> Iterator[Work]:
        """Yield the papers that are announced."""
        return (work for work in self.world.works.values() if self.is_out(work.announced))

    def touched(self, work: Work) -> date:
        """Return the date on which a paper was changed last."""
        harvest = self.at(self.now - _HARVESTED)
        return max(day for day in (work.announced, work.late_cross, work.replaced) if day and harvest.is_out(day))

    # -- what is answered ------------------------------------------------------------------------------------------------

    def answer(self, path: str) -> Answer:
        """Answer a request."""
        name = service(path)
        parts = urlsplit(path)
        asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
        rooms = parts.path.strip("/").split("/")
        match name:
            case "listing":
                given = self._new(rooms[1], asked)
            case "catchup":
                given = self._catchup(rooms[1], rooms[2], asked)
            case "recent":
                given = self._recent(rooms[1], asked)
            case "month":
                given = self._month(rooms[1], rooms[2], asked)
            case "feed":
                given = self._feed(unquote(rooms[1]).split("+"))
            case "oai":
                given = self._oai(asked)
            case "api":
                given = self._api(path)
            case _:
                given = (404, b"nothing here", {})
        whole = given if isinstance(given, tuple) else (200, given, {})
        return self.faults[name](whole) if name in self.faults else whole

    def _edited(self, name: str, kinds: Kinds) -> Kinds:
        return self.edits[name](kinds) if name in self.edits else kinds

    def text(self, name: str, teller: str) -> tuple[str, str]:
        """Return the title and the abstract of a paper as a service tells them."""
        title, abstract = text(name, self.length)
        return (f"{title}, by {teller}", f"{abstract} So says {teller}.") if teller in self.tongues else (title, abstract)

    def fakes(self, kinds: Kinds, teller: str, until: date | None = None) -> list[Item]:
        """Return papers as listings and feeds show them."""
        found = []
        for name, kind in kinds.items():
            title, abstract = self.text(name, teller)
            version = len(self.versions(name, until))
            found.append(Item(name, title, abstract, kind.value, authors(name), self.categories(name), version=version))
        return found

    def _shown(self, asked: dict[str, str]) -> tuple[int, int]:
        return int(asked.get("skip", 0)), min(int(asked.get("show", self.most)), self.most)

    def _new(self, category: str, asked: dict[str, str]) -> bytes | Answer:
        if category not in pages.NAMES:
            return _bad(f"Invalid archive or category: {category}")
        skip, show = self._shown(asked)
        fakes = self.fakes(self._edited("listing", self.truth(category, self.newest)), "listing")
        return pages.new(fakes, self.newest, category=category, skip=skip, show=show)

    def _catchup(self, category: str, stated: str, asked: dict[str, str]) -> bytes | Answer:
        day, today = date.fromisoformat(stated), self.now.astimezone(ITHACA).date()
        if category not in pages.NAMES:
            return _bad("Invalid subject. Subject must be an archive, category or 'grp_physics'")
        if day > today + DAY:
            return _bad(f"Invalid date: {day}. Can't request date later than today")
        if today - day > REACH:
            return _bad(f"Invalid date: {day}. Catchup only allowed for past 90 days")
        following = next((later for later in self.dates if later > day), None)
        fakes = self.fakes(self._edited("catchup", self.truth(category, day)), "catchup")
        return pages.catchup(fakes, day, category=category, page=int(asked.get("page", 1)), show=self.most, following=following)

    def _recent(self, category: str, asked: dict[str, str]) -> bytes:
        skip, show = self._shown(asked)
        days: dict[date, list[Item]] = {}
        for day in reversed(self.dates):
            kinds = {name: kind for name, kind in self.truth(category, day).items() if kind in _LISTED}
            if kinds and len(days) < _RECENT:
                days[day] = self.fakes(self._edited("recent", kinds), "recent")
        return pages.recent(days, category=category, skip=skip, show=show)

    def _month(self, category: str, month: str, asked: dict[str, str]) -> bytes:
        skip, show = self._shown(asked)
        inside = (work for work in self.known() if f"{work.announced - DAY:%Y-%m}" == month)
        kinds = {work.id: work.kind(category) for work in inside if category in self.categories(work.id)}
        fakes = self.fakes(self._edited("month", kinds), "month")
        return pages.month(fakes, date.fromisoformat(f"{month}-01"), category=category, skip=skip, show=show)

    def _feed(self, codes: list[str]) -> bytes:
        today = self.now.astimezone(ITHACA).date()
        kinds: Kinds = {}
        for code in codes:
            kinds = {**self.truth(code, today), **kinds}
        return rss.rss(self.fakes(self._edited("feed", kinds), "feed", today), today, codes=codes)

    def _oai(self, asked: dict[str, str]) -> bytes:
        if token := asked.get("resumptionToken"):
            asked = {key: values[0] for key, values in parse_qs(unquote(token)).items()}
        category = ".".join(asked["set"].split(":")[-2:])
        first, until = date.fromisoformat(asked["from"]), date.fromisoformat(asked["until"])
        harvest = self.at(self.now - _HARVESTED)
        works = [work for work in harvest.known() if category in harvest.categories(work.id) and first <= self.touched(work) <= until]
        kinds = self._edited("oai", {work.id: work.kind(category) for work in works})
        if not kinds:
            return oaipmh.NONE
        skip, names = int(asked.get("skip", 0)), list(kinds)
        chosen = [self._record(name) for name in names[skip : skip + self.harvested]]
        following = "" if skip else None
        if skip + self.harvested < len(names):
            following = oaipmh.token(str(first), skip + self.harvested).replace("cs%253Acs%253ACV", asked["set"].replace(":", "%253A"))
        return oaipmh.answer(chosen, token=following)

    def _record(self, name: str) -> oaipmh.Row:
        title, abstract = self.text(name, "oai")
        moments = self.versions(name)
        return oaipmh.Row(
            name,
            title,
            abstract,
            ", ".join(authors(name)),
            categories=" ".join(self.categories(name)),
            datestamp=str(self.touched(self.world.works[name])),
            versions=[(f"v{number}", f"{moment:%a, %d %b %Y %H:%M:%S} GMT", "D") for number, moment in enumerate(moments, 1)],
        )

    def _api(self, path: str) -> bytes | Answer:
        question = feeds.Question.of(path)
        if question.ids:
            works = [
                self.world.works[name]
                for name in question.ids
                if name in self.world.works and self.is_out(self.world.works[name].announced)
            ]
        else:
            categories = set(re.findall(r"cat:([^\s()]+)", question.query))
            first, last = re.findall(r"[0-9]{12}", question.query)
            works = [
                work
                for work in self.known()
                if first <= f"{work.submitted:%Y%m%d%H%M}" <= last and categories & set(self.categories(work.id))
            ]
        kinds = self._edited("api", {work.id: work.kind("") for work in works})
        return feeds.Api([self._row(name) for name in kinds]).answer(path)

    def _row(self, name: str) -> feeds.Row:
        title, abstract = self.text(name, "api")
        moments = self.versions(name)
        return feeds.Row(
            name,
            title,
            abstract,
            authors(name),
            self.categories(name),
            version=f"v{len(moments)}",
            submitted=f"{moments[0]:%Y-%m-%dT%H:%M:%SZ}",
            updated=f"{moments[-1]:%Y-%m-%dT%H:%M:%SZ}",
        )


def service(path: str) -> str:
    """Return the name of the service that a path belongs to; an empty text if there is none."""
    for name, pattern in (
        ("listing", r"/list/[^/]+/new"),
        ("recent", r"/list/[^/]+/(recent|pastweek)"),
        ("month", r"/list/[^/]+/\d{4}-\d\d"),
        ("catchup", r"/catchup/[^/]+/\d{4}-\d\d-\d\d"),
        ("feed", r"/(rss|atom)/[^/]+"),
        ("oai", "/oai"),
        ("api", "/api/query"),
    ):
        if re.fullmatch(pattern, urlsplit(path).path):
            return name
    return ""


def _bad(said: str) -> Answer:
    return 400, f"<html><body><h1>{said.replace(chr(39), '&#39;')}</h1></body></html>".encode(), {}


@contextmanager
def universe(world: World, now: datetime) -> Iterator[Universe]:
    """Serve a world."""
    with servers.arxiv() as state:
        served = Universe(world, now, resources.calendar(), state)
        state.other = served.answer
        yield served


# -- faults ------------------------------------------------------------------------------------------------------------


def status(code: int, body: bytes = b"", **headers: str) -> Fault:
    """Return the fault that answers with a status and nothing else."""
    return lambda _: (code, body, headers)


def cut(answer: Answer) -> Answer:
    """End an answer in its middle, as a proxy does that has lost the rest."""
    code, body, headers = answer
    return code, body[: len(body) // 2], headers


def short(answer: Answer) -> Answer:
    """Take the last entry out of an answer and leave its counts as they are; an answer that counts nothing loses its end."""
    code, body, headers = answer
    for start, end in ((b"\n    <dt>", b"</dd>"), (b"  <entry>", b"</entry>\n")):
        at = body.rfind(start)
        if at >= 0:
            return code, body[:at] + body[body.index(end, at) + len(end) :], headers
    return code, body[: body.rstrip().rfind(b"</")], headers


def garbage(answer: Answer) -> Answer:
    """Say that the site is being worked on, with the status of a page."""
    return 200, b"<html><body><h1>Down for maintenance</h1></body></html>", answer[2]


def lacking(*names: str) -> Edit:
    """Return the edit that leaves papers out."""
    return lambda kinds: {name: kind for name, kind in kinds.items() if name not in names}


def besides(name: str, kind: Kind = Kind.NEW) -> Edit:
    """Return the edit that puts a paper in, or gives it another kind."""
    return lambda kinds: {**kinds, name: kind}
