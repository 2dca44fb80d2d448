"""An archive as feeds: which feeds there are, and what stands in each.

    Archive | the newest 30 days | one item a paper, one a date | the feeds | Atom, RSS, JSON

The identifiers of feeds and items are made of what they are about and of nothing else, so that they outlive every change
of an address, of a title or of the design.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property
from hashlib import sha1
from uuid import UUID

from digest import resources
from digest.archive import Archive
from digest.catalogue.taxonomy import Taxonomy
from digest.core import query as queries
from digest.core.announcements import announcement_instant
from digest.core.domain import Kind
from digest.core.edition import Edition, Item
from digest.core.matching import Words, fits, words
from digest.core.site import FEEDS, OPML, Content, FeedLink, Frame, Issue, OwnFeed, day_path, paper_path, topic_path
from digest.errors import SettingsError
from digest.render.feeds import ATOM, JSON, MEDIA_TYPES, OPML_TYPE, RSS, Feed, FeedItem, Feeds, PaperText, Section, Tag, legal
from digest.render.markdown import day as written

DAYS = 30
"""How many days back from the newest a feed reaches."""
_NAMESPACE = UUID("5b7f4c52-3f0e-5d0c-9a3e-6d1c0c6c8f1b").bytes
_ARXIV = "https://arxiv.org"
_SCHEME = "http://arxiv.org/schemas/atom"
"""What arXiv's own feeds call the list of its categories."""
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_AUTHORS, _NAMED = 500, 8
"""Of a paper's item, and of a line in a digest."""
_LONGEST_TITLE, _LONGEST_ABSTRACT, _LONGEST_COMMENTS = 1_000, 50_000, 2_000
_LABELS = {"arxiv": "arXiv", "pdf": "PDF", "code": "code", "project": "project", "video": "video", "data": "data", "other": "link"}
_KINDS = {Kind.CROSS: "cross-listed", Kind.REPLACED: "replaced", Kind.REPLACED_CROSS: "replaced cross-list"}
_DIGEST, _PAPERS, _TOPICS, _OWN = "feeds/digest", "feeds/papers", "feeds/topics", "feeds/own"


def links(taxonomy: Taxonomy, own: Sequence[OwnFeed] = ()) -> tuple[FeedLink, ...]:
    """Return all feeds: those of the digest, of all papers, of each topic and subtopic, and those that the settings name."""
    found = [FeedLink("One item a day", "digest", _DIGEST), FeedLink("All papers", "papers", _PAPERS)]
    for topic in taxonomy.topics:
        found.append(FeedLink(topic.name, topic.slug, f"{_TOPICS}/{topic.slug}"))
        found += [FeedLink(_capital(sub.name), topic.slug, f"{_TOPICS}/{topic.slug}/{sub.slug}") for sub in topic.subtopics]
    return (*found, *(FeedLink(one.title, "own", f"{_OWN}/{one.name}") for one in own))


def feeds(archive: Archive, frame: Frame, own: Sequence[OwnFeed] = ()) -> Iterator[tuple[str, Content]]:
    """Yield the path and the content of each feed in each format, and of the OPML if the site's address is known.

    Raises:
        SettingsError: see `Feeding`.

    """
    feeding = Feeding(archive, frame, own)
    for path in feeding.paths():
        if found := feeding.content(path):
            yield path, found


@dataclass(frozen=True, slots=True)
class _Listed:
    """A paper of the window, as the newest edition that lists it has it."""

    item: Item
    shown: FeedItem


class Shown:
    """Items of papers as they were made last; most of a day's are those of the day before, and need not be made again."""

    def __init__(self) -> None:
        self._made: tuple[Frame | None, Mapping[str, tuple[Item, FeedItem]]] = None, {}

    def of(self, frame: Frame) -> Mapping[str, tuple[Item, FeedItem]]:
        """Return those that were made for *frame*, by the identifiers of their papers, each with what it was made of."""
        made_for, found = self._made
        return found if made_for == frame else {}

    def keep(self, frame: Frame, found: Mapping[str, tuple[Item, FeedItem]]) -> None:
        """Keep these, and no others."""
        self._made = frame, found


class Feeding:
    """The feeds of an archive as it is now; each is made when it is asked for. What is *shown* already is not made again.

    Raises:
        SettingsError: an own feed names a topic that there is not.

    """

    def __init__(self, archive: Archive, frame: Frame, own: Sequence[OwnFeed] = (), shown: Shown | None = None) -> None:
        shelves = {*frame.taxonomy.names(), *("/".join(shelf) for shelf in frame.taxonomy.shelves())}
        for one in own:
            if one.topic and one.topic not in shelves:
                msg = f"feeds: {one.name}: there is no topic {one.topic!r}"
                raise SettingsError(msg, advice=f"there are {', '.join(frame.taxonomy.names())}, each alone or with /SUBTOPIC")
        self._archive, self._frame, self._own, self._shown = archive, frame, own, shown or Shown()
        self._links = {link.path: link for link in links(frame.taxonomy, own)}
        self._topics, self._subtopics = frame.taxonomy.names(), frame.taxonomy.subtopic_names()
        self._words: dict[str, Words] = {}

    def paths(self) -> Iterator[str]:
        """Yield the path of each file."""
        for path in self._links:
            yield from (path + form for form in MEDIA_TYPES)
        if self._frame.url:
            yield OPML

    def content(self, path: str) -> Content | None:
        """Return the file at *path*, below the site's folder; None if there is none."""
        if path == OPML:
            return self._opml() if self._frame.url else None
        for form in MEDIA_TYPES:
            link = self._links.get(path.removesuffix(form)) if path.endswith(form) else None
            if link is not None:
                return Content(_written(self._feed(link), form), MEDIA_TYPES[form])
        return None

    def query(self, own: OwnFeed, form: str) -> bytes:
        """Return a feed that nobody serves, in the format with the ending *form*."""
        path = f"{_OWN}/query\n{own.search}\n{own.author}\n{own.topic}"
        return _written(self._made(path, own.title, _described(own), self._fitting(own), served=False), form)

    # -- the feeds --------------------------------------------------------------------------------------------------

    def _feed(self, link: FeedLink) -> Feed:
        """Return one of the feeds that there are."""
        topic, _, subtopic = link.path.removeprefix(f"{_TOPICS}/").partition("/") if link.path.startswith(f"{_TOPICS}/") else ("", "", "")
        if link.path == _DIGEST:
            about, items = "daily digest", self._digests
        elif link.path == _PAPERS:
            about, items = "all papers", [one.shown for one in self._papers]
        elif topic:
            about = f"{self._topics[topic]} \u203a {link.title}" if subtopic else link.title
            items = self._by_place[topic, subtopic]
        else:
            own = next(one for one in self._own if link.path == f"{_OWN}/{one.name}")
            return self._made(link.path, own.title, _described(own), self._fitting(own))
        description = f"arXiv {self._frame.category}: {about}, the newest {DAYS} days"
        return self._made(link.path, f"{self._frame.title}: {about}", description, items)

    def _made(self, path: str, title: str, description: str, items: Sequence[FeedItem], *, served: bool = True) -> Feed:
        # An empty feed has one date for ever, so that it stays the same while nothing comes.
        updated = max((one.updated for one in items), default=_NEVER)
        address = f"{self._frame.url}{path}" if served and self._frame.url else ""
        return Feed(_urn(f"{self._sample}{self._frame.category}/{path}"), title, description, self._home(path), updated, items, address)

    def _fitting(self, own: OwnFeed) -> list[FeedItem]:
        """Return the papers that an own feed asks for."""
        query = queries.parse(own.search, own.author) if own.search or own.author else None
        topic, _, subtopic = own.topic.partition("/")
        found = []
        for one in self._papers:
            place = one.item.place or ("", "")
            if (topic and place[0] != topic) or (subtopic and place[1] != subtopic):
                continue
            paper = one.item.entry.paper
            if query is not None:
                if paper.id not in self._words:
                    self._words[paper.id] = words(paper)
                if not fits(query, self._words[paper.id]):
                    continue
            found.append(one.shown)
        return found

    def _opml(self) -> Content:
        groups: dict[str, list[FeedLink]] = defaultdict(list)
        names = {"digest": "All", "papers": "All", "own": "Own feeds", **self._frame.taxonomy.names()}
        for link in self._links.values():
            groups[names[link.group]].append(link)
        found = [(name, [(one, self._home(one.path)) for one in group]) for name, group in groups.items()]
        return Content(_renderer().opml(self._frame.title, found, self._frame.url), OPML_TYPE)

    # -- their items ------------------------------------------------------------------------------------------------

    @cached_property
    def _issues(self) -> tuple[Issue, ...]:
        """The newest 30 days."""
        found = self._archive.issues()
        return tuple(one for one in found if one.date > found[0].date - timedelta(days=DAYS))

    @cached_property
    def _editions(self) -> Mapping[date, Edition]:
        return {one.date: self._archive.edition(one.date) for one in self._issues}

    @cached_property
    def _papers(self) -> list[_Listed]:
        """All papers, the newest first, on a date in the order of its page."""
        newest: dict[str, tuple[Item, datetime]] = {}
        for issue in self._issues:
            announced = announcement_instant(issue.date)
            retold = self._archive.retold(issue.date) if issue.number > 1 else {}
            for item in self._editions[issue.date].items:
                name = item.entry.paper.id
                newest.setdefault(name, (item, max(announced, retold.get(name, announced))))
        listings = self._archive.listings(newest)
        found, before, now = [], self._shown.of(self._frame), {}
        for name, (item, updated) in newest.items():
            published = announcement_instant(listings[name][-1].date)
            instants = published, max(updated, published)
            kept, shown = before.get(name, (None, None))
            if shown is None or kept is not item or (shown.published, shown.updated) != instants:
                shown = self._paper(item, *instants)
            now[name] = item, shown
            found.append(_Listed(item, shown))
        self._shown.keep(self._frame, now)
        return found

    @cached_property
    def _by_place(self) -> Mapping[tuple[str, str], list[FeedItem]]:
        """The papers of each topic, and of each of its subtopics."""
        found: dict[tuple[str, str], list[FeedItem]] = defaultdict(list)
        for one in self._papers:
            if one.item.place:
                topic, subtopic = one.item.place
                found[topic, ""].append(one.shown)
                if subtopic:
                    found[topic, subtopic].append(one.shown)
        return found

    @cached_property
    def _digests(self) -> list[FeedItem]:
        return [self._digest(issue, self._editions[issue.date]) for issue in self._issues]

    def _paper(self, item: Item, published: datetime, updated: datetime) -> FeedItem:
        paper = item.entry.paper
        topics, subtopics, place = self._topics, self._subtopics, item.place
        tags = [Tag(name, name, _SCHEME) for name in paper.categories]
        facts = []
        if place:
            topic, subtopic = topics.get(place[0], place[0]), subtopics.get(place, "")
            tags.append(Tag(place[0], topic))
            if subtopic:
                tags.append(Tag("/".join(place), _capital(subtopic)))
            facts.append(f"{topic} \u203a {subtopic}" if subtopic.casefold() not in ("", topic.casefold()) else topic)
        facts += filter(None, (_KINDS.get(item.entry.kind, ""), paper.primary, item.venue))
        abstract = _cut(paper.abstract, _LONGEST_ABSTRACT).strip() or (
            "(The abstract could not be had yet.)" if paper.pending else "(no abstract)"
        )
        shown = PaperText(
            abstract,
            tuple(facts),
            _cut(paper.comments, _LONGEST_COMMENTS),
            tuple((_LABELS[link.kind], link.url) for link in item.links),
        )
        ours = f"{self._frame.url}{paper_path(paper.id)}" if self._frame.url else ""
        arxiv = f"{_ARXIV}/abs/{paper.id}"
        return FeedItem(
            _urn(f"{self._sample}paper/{paper.id}"),
            _title(item),
            ours or arxiv,
            published,
            updated,
            shown,
            related=arxiv if ours else "",
            authors=_authors(paper.authors),
            tags=tuple(tags),
        )

    def _digest(self, issue: Issue, edition: Edition) -> FeedItem:
        sections = tuple(
            Section(section.name, tuple((_title(item), self._link(item), _names(item.entry.paper.authors)) for item in section.items))
            for section in edition.sections
        )
        counts = ", ".join(f"{section.name} {len(section.items)}" for section in edition.sections)
        url = self._frame.url
        published = announcement_instant(issue.date)
        return FeedItem(
            _urn(f"{self._sample}{edition.category}/{issue.date}"),
            f"{edition.category}, {written(issue.date)}: {len(edition.items)} papers",
            f"{url}{day_path(issue.date)}" if url else f"{_ARXIV}/catchup/{self._first}/{issue.date}",
            published,
            max(published, _updated(issue)),
            sections,
            summary=f"{len(edition.items)} papers. {counts}" if counts else "No paper is listed.",
        )

    # -- where they are ---------------------------------------------------------------------------------------------

    @property
    def _sample(self) -> str:
        """What keeps invented papers apart from real ones."""
        return "sample/" if self._frame.sample else ""

    @property
    def _first(self) -> str:
        """The category whose pages on arXiv are linked to."""
        return self._frame.category.partition("+")[0]

    def _link(self, item: Item) -> str:
        name = item.entry.paper.id
        return f"{self._frame.url}{paper_path(name)}" if self._frame.url else f"{_ARXIV}/abs/{name}"

    def _home(self, path: str) -> str:
        """Return the page that shows the same as a feed."""
        if not self._frame.url:
            return f"{_ARXIV}/list/{self._first}/recent"
        if path.startswith(f"{_TOPICS}/"):
            topic, _, subtopic = path.removeprefix(f"{_TOPICS}/").partition("/")
            return f"{self._frame.url}{topic_path(topic, subtopic)}"
        return f"{self._frame.url}{FEEDS if path.startswith(_OWN) else ''}"


@cache
def _renderer() -> Feeds:
    return Feeds(resources.folder("templates"))


def _written(feed: Feed, form: str) -> bytes:
    renderer = _renderer()
    return {ATOM: renderer.atom, RSS: renderer.rss, JSON: renderer.json_feed}[form](feed)


def _urn(text: str) -> str:
    found = sha1(_NAMESPACE + text.encode(), usedforsecurity=False).hexdigest()  # what `uuid.uuid5` does, in a third of the time
    variant = "89ab"[int(found[16], 16) & 3]
    return f"urn:uuid:{found[:8]}-{found[8:12]}-5{found[13:16]}-{variant}{found[17:20]}-{found[20:32]}"


def _updated(issue: Issue) -> datetime:
    """Return when an edition came to be as it is; the first of a date counts as made when arXiv announced it."""
    announced = announcement_instant(issue.date)
    return max(announced, issue.made) if issue.number > 1 and issue.made else announced


def _described(own: OwnFeed) -> str:
    parts = (own.search, f"author {own.author}" if own.author else "", f"topic {own.topic}" if own.topic else "")
    return f"{', '.join(filter(None, parts))}: the newest {DAYS} days"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _title(item: Item) -> str:
    paper = item.entry.paper
    return _cut(paper.title, _LONGEST_TITLE).strip() or paper.id


def _cut(text: str, most: int) -> str:
    """Return a text that a feed may hold, of a sane length, with a mark where it was cut."""
    text = legal(text)
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"


def _authors(names: Sequence[str]) -> tuple[str, ...]:
    """Return the authors that have a name, and how many more there are than anybody reads."""
    found = [name for name in (_cut(name, _LONGEST_TITLE).strip() for name in names) if name]
    return tuple(found) if len(found) <= _MOST_AUTHORS else (*found[:_MOST_AUTHORS], f"and {len(found) - _MOST_AUTHORS:,} others")


def _names(names: Sequence[str]) -> str:
    found = _authors(names[: _NAMED + 1])
    return ", ".join(found) if len(names) <= _NAMED else f"{', '.join(found[:_NAMED])} and {len(names) - _NAMED:,} others"
