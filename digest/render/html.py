"""The pages of a site in HTML: what stands on a page in, its text out.

Jinja escapes whatever a template puts out. What passes unescaped is `Markup` that this module made itself, of texts that it
escaped, by `_markup` alone; mathematics comes from `digest.render.mathml`, where every element and attribute is looked up.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import jinja2
from markupsafe import Markup

import digest
from digest.core.domain import Kind, Paper, Shelf, State
from digest.core.edition import UNCLASSIFIED, UNSURE, Item
from digest.core.links import is_address
from digest.core.query import Snippet
from digest.core.site import (
    ABOUT,
    CALENDAR,
    FEEDS,
    INDEX,
    NOT_FOUND,
    OPML,
    SCRIPT,
    SEARCH,
    SEARCHING,
    STYLE,
    SUBSCRIBE,
    THEME,
    AboutPage,
    CalendarPage,
    DayPage,
    FeedLink,
    Frame,
    PaperPage,
    Related,
    Results,
    SearchPage,
    Standing,
    TopicPage,
    day_path,
    month_of,
    paper_path,
    topic_path,
)  # fmt: skip
from digest.core.text import MATH, URL, trim_url
from digest.render.markdown import CASED, LABELS, THANKS, counts, kinds
from digest.render.markdown import day as short_day
from digest.render.mathml import mathml

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_MANY = 24
"""More authors than these are cut short in a list; the page of the paper names them all."""
_FIRST = 10
_IN_A_LIST, _ON_ITS_PAGE = 5_000, 100_000
"""Letters of an abstract that are shown; no abstract of arXiv has more than 2,000."""
_REMEMBERED = 8_000
"""Papers in lists that are kept: more than a month has."""
_LONG = 48
"""A formula whose TeX is longer may be wider than a phone, and scrolls in itself."""
_GROUPS = {"digest": "The whole digest, one item a day", "papers": "All papers, one item a paper", "own": "Searches"}
_ARXIV = "https://arxiv.org/abs/"


def _markup(text: str) -> Markup:
    """Return a text that is HTML already: what this module made, all that is not its own escaped."""
    return Markup(text)  # noqa: S704 - the one door, for callers in this module


def _escaped(value: str) -> str:
    """Return a text as `markupsafe.escape` does, in a third of the time: most of a page's time is spent here."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;").replace("'", "&#39;")


def long_day(value: date) -> str:
    """Return a date in full: ``Friday, 20 November 2026``, in English whatever the locale."""
    return f"{_WEEKDAYS[value.weekday()]}, {value.day} {_MONTHS[value.month - 1]} {value.year}"


def month_name(month: str) -> str:
    """Return a month in words: ``November 2026``."""
    year, _, number = month.partition("-")
    return f"{_MONTHS[int(number) - 1]} {year}"


_WORDS = r"\\(?:text(?:bf|it|sc|tt|rm|sf)|emph|underline|url)\{[^{}$\\]*\}"
"""Words that TeX would set in another letter, outside of mathematics: they are shown without that."""
_PLAIN = re.compile(f"(?P<math>{MATH})|(?P<words>{_WORDS})")
_ACTIVE = re.compile(f"(?P<math>{MATH})|(?P<words>{_WORDS})|(?P<url>{URL})")
_TOUCHING = re.compile(r"(?<![(\[])[(\[]++(?><math>.*?</math>)[)\].,;:!?%-]*|(?><math>.*?</math>)[)\].,;:!?%-]+")
"""A formula and the signs beside it: a browser would break the line between them, on either side of any formula.

However many brackets there are, each is looked at once.
"""
_NUMBER = re.compile(r"\$([+-]?\d[\d.,]*(?:\\?%)?|\\?%|[<>=/+])\$")


def text(value: str, *, links: bool = True) -> Markup:
    """Return one paragraph of untrusted text: mathematics as MathML, addresses as links unless it stands in a link itself."""
    return _markup(_text(value, links=links))


def _text(value: str, *, links: bool = True) -> str:
    if "$" not in value and "\\" not in value and not (links and "://" in value):
        return _escaped(value)
    parts: list[str] = []
    end = 0
    for match in (_ACTIVE if links else _PLAIN).finditer(value):
        parts.append(_escaped(value[end : match.start()]))
        if match["math"]:
            parts.append(_formula(match["math"]))
        elif match["words"]:
            parts.append(_text(match["words"].partition("{")[2][:-1], links=links))
        else:
            parts.append(_address(match[0]))
        end = match.end()
    return _TOUCHING.sub(r'<span class="joined">\g<0></span>', "".join([*parts, _escaped(value[end:])]))


def _formula(tex: str) -> str:
    if number := _NUMBER.fullmatch(tex):
        return _escaped(number[1].replace("\\", "").replace("-", "\u2212"))
    shown = mathml(tex)
    if shown is None:
        return f'<code class="tex">{_escaped(tex)}</code>'
    # What scrolls must be reachable by the keyboard.
    return f'<span class="formula" tabindex="0">{shown}</span>' if len(tex) > _LONG or tex.startswith("$$") else shown


def _address(found: str) -> str:
    url = trim_url(found)
    if not is_address(url):
        return _escaped(found)
    return f'<a href="{_escaped(url)}" rel="noreferrer">{_escaped(url)}</a>{_escaped(found[len(url) :])}'


def abstract(paper: Paper, rest: str = "") -> str:
    """Return the paragraphs of the abstract of *paper* as HTML, or what stands for one that could not be had.

    One that no abstract of arXiv is nearly as long as is cut short, and ends in a link to the address *rest*, if that is given.
    """
    if paper.abstract:
        shown = paper.abstract
        if len(shown) > (most := _IN_A_LIST if rest else _ON_ITS_PAGE):
            shown = shown[:most].rpartition(" ")[0] or shown[:most]
        parts = [f'<p class="abstract">{_text(part)}</p>' for part in shown.split("\n")]
        if shown is not paper.abstract:
            link = f' <a href="{_escaped(rest)}">the rest</a>' if rest else ""
            parts.append(f'<p class="abstract">\u2026{link}</p>')
        return "\n".join(parts)
    if paper.pending:
        return '<p class="abstract">(The abstract could not be had yet. The next run asks for it again.)</p>'
    return '<p class="abstract">(no abstract)</p>'


def _names(names: Sequence[str], *, whole: bool = False) -> str:
    """Return authors one after the other; of very many, the first ones, how many more there are, and the last."""
    cut = not whole and len(names) > _MANY
    shown = [f"<bdi>{_escaped(name)}</bdi>" for name in (names[:_FIRST] if cut else names)]
    if cut:
        shown += [f'<span class="more">{len(names) - _FIRST - 1:,} more</span>', f"<bdi>{_escaped(names[-1])}</bdi>"]
    return ", ".join(shown)


def anchor(identifier: str) -> str:
    """Return the anchor of a paper on the page of a date."""
    return "p" + identifier.replace("/", "-")


@lru_cache(maxsize=256)
def slug_anchor(slug: str) -> str:
    """Return the anchor of a section: that of a topic which the catalogue does not have may be anything."""
    return "t-" + re.sub(r"[^A-Za-z0-9_-]", "-", slug)


_WEB = re.compile(r"https?://[^\s\"'<>\\^`{|}]+")


def web(url: str) -> str:
    """Return *url* if it is one that a page may link to, else an empty string."""
    return url if _WEB.fullmatch(url) else ""


_LICENCES = {
    "arxiv.org/licenses/nonexclusive-distrib/1.0": "arXiv non-exclusive 1.0",
    "creativecommons.org/publicdomain/zero/1.0": "CC0 1.0",
    "creativecommons.org/licenses/publicdomain": "Public domain",
    **{
        f"creativecommons.org/licenses/{kind}/{version}": f"CC {kind.upper()} {version}"
        for kind in ("by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd")
        for version in ("1.0", "2.0", "2.5", "3.0", "4.0")
    },
}


def licence(url: str) -> str:
    """Return the name of a licence that arXiv offers or has offered, by its address: ``CC BY 4.0``; of any other, the address."""
    _, _, address = url.partition("://")
    return _LICENCES.get(address.removeprefix("www.").rstrip("/"), url)


class _Entry(NamedTuple):
    """One paper in a list; texts are HTML."""

    item: Item
    paper: Paper
    topic: str
    data: str
    """The attributes by which a script knows it."""
    path: str
    title: str
    authors: str
    facts: str
    abstract: str
    was: str
    """Where the model would have put a paper that the reader has put elsewhere; else empty."""

    def article(self, level: int, number: str = "") -> str:
        """Return it under a heading of a *level*, after its *number* if that is told."""
        return (
            f'<article class="paper" {self.data}>\n'
            f'<h{level}>{number}<a class="title" href="{self.path}"><bdi>{self.title}</bdi></a></h{level}>\n'
            f'<p class="authors">{self.authors}</p>\n'
            f'<p class="facts">{self.facts}</p>\n'
            f"{self.abstract}{_TOOLS}</article>\n"
        )


_TOOLS = (
    '<p class="tools" hidden><button class="read" type="button">Read</button>'
    ' <button class="copy-bibtex" type="button">BibTeX</button> <button class="copy-markdown" type="button">Markdown</button></p>\n'
)
_KINDS = {Kind.NEW: "new", Kind.CROSS: "cross", Kind.REPLACED: "replaced", Kind.REPLACED_CROSS: "replaced"}
_SHELVES = 10_000
"""How many names of topics are kept at most: those that the catalogue does not have may be without number."""


class _Place:
    """What is the same on all pages that lie equally deep in a site; *root* leads from them to its first page."""

    def __init__(self, frame: Frame, root: str, environment: jinja2.Environment) -> None:
        self.frame, self.root = frame, root
        self.index, self.calendar, self.search, self.about, self.feeds, self.opml = (
            root + path for path in (INDEX, CALENDAR, SEARCH, ABOUT, FEEDS, OPML)
        )
        self.style, self.theme, self.script, self.searching = (root + path for path in (STYLE, THEME, SCRIPT, SEARCHING))
        self.subscribe = root + SUBSCRIBE if frame.subscribe == SUBSCRIBE else frame.subscribe
        self.names = frame.taxonomy.names()
        self._subtopics = frame.taxonomy.subtopic_names()
        self._divided = {topic.slug for topic in frame.taxonomy.topics if topic.by_subtopic}
        self._environment = environment
        self._shelves: dict[tuple[str, str, str], str] = {}
        self._headers: dict[str, Markup] = {}
        self.shown: dict[tuple[str, int], tuple[Item, str]] = {}
        """Papers in lists, by the topic that they are shown in and by the identity of the item, which is kept beside."""
        self.footer = self._part("footer.html.j2")

    def header(self, current: str) -> Markup:
        """Return what is above each page; *current* is the page that the reader is on, if it is among those named there."""
        if current not in self._headers:
            self._headers[current] = self._part("header.html.j2", current=self.root + current)
        return self._headers[current]

    def day(self, day: date) -> str:
        """Return the address of the page of a date."""
        return self.root + day_path(day)

    def topic(self, topic: str, subtopic: str = "", month: str = "") -> str:
        """Return the address of the page of a topic or a subtopic."""
        return self.root + topic_path(topic, subtopic, month)

    def entry(self, item: Item, within: str = "", *, full: bool = True, alone: bool = False) -> _Entry:
        """Return what a list shows of one paper, in the section *within*; *full* with its abstract. It may stand *alone* on its page."""
        paper = item.entry.paper
        topic, subtopic = item.place or (UNCLASSIFIED, "")
        was = ""
        opinion = item.classification
        if item.corrected and opinion and (opinion.best.topic, opinion.best.subtopic) != (topic, subtopic):
            was = self.chip(opinion.best)
        path = self.root + paper_path(paper.id)
        code = "yes" if any(link.kind == "code" for link in item.links) else "no"
        return _Entry(
            item,
            paper,
            within or topic,
            (
                f'id="{_escaped(anchor(paper.id))}" data-id="{_escaped(paper.id)}" data-topic="{_escaped(within or topic)}"'
                f' data-subtopic="{_escaped(subtopic)}" data-kind="{_KINDS[item.entry.kind]}" data-code="{code}"'
            ),
            _escaped(path),
            _text(paper.title, links=False) or "(no title)",
            _names(paper.authors),
            self._facts(item, within, was),
            f"{abstract(paper, '' if alone else path)}\n" if full else "",
            was,
        )

    def _facts(self, item: Item, within: str, was: str) -> str:
        paper, kind, parts = item.entry.paper, item.entry.kind, []
        if item.corrected:
            parts.append(f'<span class="chip">{self.shelf(*item.corrected, within)}</span>')
            parts.append(f'<span class="mark">corrected{f" from {was}" if was else ""}</span>')
        elif item.classification:
            parts.extend(self.chip(shelf, within) for shelf in item.classification.shelves)
        if kind is not Kind.NEW:
            parts.append(f'<span class="mark {_KINDS[kind]}">{CASED[kind]}</span>')
        if paper.primary and paper.primary != self.frame.category:
            parts.append(f'<span class="mark"><bdi>{_escaped(paper.primary)}</bdi></span>')
        if item.venue:
            parts.append(f'<b class="venue"><bdi>{_escaped(item.venue)}</bdi></b>')
        shown = [
            f'<a class="{_escaped(link.kind)}" href="{_escaped(link.url)}" rel="noreferrer">{LABELS.get(link.kind, "link")}</a>'
            for link in item.links
            if web(link.url)
        ]
        return " ".join([*parts, f'<span class="links">{" ".join(shown)}</span>' if shown else ""])

    def chip(self, shelf: Shelf, within: str = "") -> str:
        """Return a topic with its probability."""
        return f'<span class="chip">{self.shelf(shelf.topic, shelf.subtopic, within)} <span class="p">{shelf.probability:.2f}</span></span>'

    def shelf(self, topic: str, subtopic: str, within: str = "") -> str:
        """Return a link to a topic or a subtopic; the name of the topic *within* which it is shown is left out if it can be."""
        key = topic, subtopic, within
        if (found := self._shelves.get(key)) is None:
            name, part = self.names.get(topic, topic), self._subtopics.get(key[:2], "")
            if part.casefold() in ("", name.casefold()):
                said = f"<bdi>{_escaped(name)}</bdi>"
            elif topic == within or topic in self._divided:  # papers of a divided topic have little but the subtopic in common
                said = _escaped(part)
            else:
                said = f'{_escaped(name)} <span class="sub">\u203a {_escaped(part)}</span>'
            address = self.topic(topic, subtopic if part else "")
            found = f'<a href="{_escaped(address)}">{said}</a>' if topic in self.names else said
            if len(self._shelves) < _SHELVES:
                self._shelves[key] = found
        return found

    def _part(self, name: str, **values: object) -> Markup:
        return _markup(self._environment.get_template(name).render(place=self, frame=self.frame, thanks=THANKS, **values))


class Pages:
    """Writes the pages of sites, by the templates of one folder."""

    def __init__(self, templates: Path) -> None:
        """Use the templates and the assets in *templates*, which are read when they are first needed."""
        self._templates = templates
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(templates / "html"),
            undefined=jinja2.StrictUndefined,
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            auto_reload=False,  # one that was read stays in its cache
        )
        self._environment.filters.update(
            text=text, day=short_day, long_day=long_day, month=month_name, anchor=slug_anchor, web=web, moment=_moment, licence=licence
        )
        self._environment.globals = {"UNSURE": UNSURE, "UNCLASSIFIED": UNCLASSIFIED}  # they are copied for each page
        self._places: tuple[Frame, dict[str, _Place]] | None = None
        self._read: dict[str, jinja2.Template] = {}

    def asset(self, path: str) -> bytes:
        """Return the style sheet or a script, by the path that it has in a site."""
        return (self._templates / path).read_bytes()

    def day(self, frame: Frame, page: DayPage) -> str:
        """Return the page of a date; it stands on the site's first page too if it is the newest."""
        edition, path = page.edition, day_path(page.edition.date)
        place = self._place(frame, INDEX if page.newest else path)
        sections = [_section(place, section.slug, section.name, section.items, section.parts) for section in edition.sections]
        return self._page(
            place, "day.html.j2", path, short_day(edition.date), INDEX if page.newest else "", "day",
            description=f"What arXiv announced in {edition.category} on {long_day(edition.date)}, sorted by topic.",
            feeds=[("feeds/digest", frame.title), ("feeds/papers", f"{frame.title}, each paper")],
            page=page, edition=edition, sections=sections, counts=counts(edition), kinds=kinds(edition), topics=_topics(place, sections),
        )  # fmt: skip

    def paper(self, frame: Frame, page: PaperPage) -> str:
        """Return the page of a paper."""
        item, reason, path = page.item, page.reason, paper_path(page.item.entry.paper.id)
        place = self._place(frame, path)
        entry = place.entry(item, alone=True)
        authors = entry.authors if len(entry.paper.authors) <= _MANY else _names(entry.paper.authors, whole=True)
        return self._page(
            place, "paper.html.j2", path, entry.paper.title or "(no title)", "", "single",
            page=page, paper=entry.paper, edition=page.edition,
            title=_markup(entry.title), authors=_markup(authors), facts=_markup(entry.facts), abstract=_markup(entry.abstract),
            shelves=_rows((place.shelf(one.topic, one.subtopic), one.probability) for one in _shelves(item)),
            terms=_rows((f"<bdi>{_escaped(term)}</bdi>", share) for term, share in reason.terms) if reason else "",
            runner_up=_markup(place.chip(reason.runner_up)) if reason and reason.runner_up else None,
            related=_markup("".join([_related(place, one) for one in reason.related])) if reason else "",
            where=_markup(place.shelf(*item.corrected)) if item.corrected else None, was=_markup(entry.was),
            listings=[(one.date, CASED[one.kind]) for one in page.listings],
            anchor=anchor(entry.paper.id), doi=quote(entry.paper.doi, safe="/"),
        )  # fmt: skip

    def topic(self, frame: Frame, page: TopicPage) -> str:
        """Return the page of a topic or a subtopic in one month."""
        topic, subtopic = page.topic, page.subtopic
        sub = subtopic.slug if subtopic else ""
        place = self._place(frame, topic_path(topic.slug, sub))
        name = f"{topic.name}: {subtopic.name}" if subtopic and subtopic.name.casefold() != topic.name.casefold() else topic.name
        found = Counter((item.place or ("", ""))[1] for _, items in page.days for item in items)
        feed = f"feeds/topics/{topic.slug}{f'/{sub}' if sub else ''}"
        return self._page(
            place, "topic.html.j2", topic_path(topic.slug, sub, page.month), f"{name}{f', {month_name(page.month)}' if page.month else ''}",
            "", "day topic-page", feeds=[(feed, name)],
            page=page, feed=place.root + feed, sub=sub,
            days=[
                (day, len(items), _markup("".join([_light(place, item, topic.slug) for item in items]))) for day, items in page.days
            ],
            total=sum(len(items) for _, items in page.days),
            parts=[(one, found[one.slug]) for one in topic.subtopics] if subtopic is None and len(topic.subtopics) > 1 else [],
        )  # fmt: skip

    def calendar(self, frame: Frame, page: CalendarPage) -> str:
        """Return the page of all dates."""
        most = max((one.listed for one in page.standings), default=0)
        months = [_month(month, list(days), most) for month, days in groupby(page.standings, lambda one: month_of(one.date))]
        years = [(year, list(own)) for year, own in groupby(months, lambda one: one.month[:4])]
        return self._page(self._place(frame, CALENDAR), "calendar.html.j2", CALENDAR, "Calendar", CALENDAR, "calendar", years=years)

    def search(self, frame: Frame, page: SearchPage, results: Results | None = None) -> str:
        """Return the search page; *results* are what a server of ours found, and None on a site without one."""
        place = self._place(frame, SEARCH)
        found = results or Results()
        hits = [
            (hit, place.root + paper_path(hit.paper.id) if hit.paged else _ARXIV + hit.paper.id,
              _snippet(hit.snippet), _markup(_names(hit.paper.authors)),
             _markup(place.shelf(hit.topic, hit.subtopic)) if hit.topic else None)
            for hit in found.hits
        ]  # fmt: skip
        return self._page(
            place, "search.html.j2", SEARCH, "Search", SEARCH, "single search", results=found, hits=hits,
            months=[month for month, _ in page.months], papers=sum(papers for _, papers in page.months),
            newer=_asked(found, found.page - 1) if found.page > 1 else "", older=_asked(found, found.page + 1) if found.more else "",
        )  # fmt: skip

    def about(self, frame: Frame, page: AboutPage) -> str:
        """Return the page that says how the site is made."""
        return self._page(
            self._place(frame, ABOUT), "about.html.j2", ABOUT, "About", ABOUT, "single prose",
            page=page, figures=_figures(page.card), version=digest.__version__,
        )  # fmt: skip

    def feeds(self, frame: Frame, links: Sequence[FeedLink]) -> str:
        """Return the page that lists all feeds."""
        names = {**frame.taxonomy.names(), **_GROUPS}
        groups = [(names.get(group, group), list(own)) for group, own in groupby(links, lambda one: one.group)]
        feeds = [("feeds/digest", frame.title), ("feeds/papers", f"{frame.title}, each paper")]
        return self._page(self._place(frame, FEEDS), "feeds.html.j2", FEEDS, "Feeds", FEEDS, "single", feeds=feeds, groups=groups)

    def form(self, frame: Frame, template: str, title: str, values: Mapping[str, Any], path: str = "") -> str:
        """Return a page on which people subscribe or choose (see `digest.render.forms`); one without a *path* stands in a folder."""
        place = self._place(frame, path, root=None if path else "../")
        return self._page(place, template, path, title, path, "single form", **values)

    def not_found(self, frame: Frame) -> str:
        """Return what stands at an address that has no page; its own links hold wherever it is shown."""
        place = self._place(frame, NOT_FOUND, root=frame.url or "/")
        return self._page(place, "not_found.html.j2", "", "Not found", "", "single prose")

    def _page(  # noqa: PLR0913, PLR0917 - what tells one page from another
        self, place: _Place, template: str, path: str, title: str, current: str, kind: str, /, *,
        description: str = "", feeds: Sequence[tuple[str, str]] = (), **values: object,
    ) -> str:  # fmt: skip
        frame = place.frame
        main = self._template(template).render(values, place=place, frame=frame)
        return self._template("base.html.j2").render(
            place=place, title=f"{title} \u2013 {frame.title}", description=description, feeds=feeds, kind=kind,
            header=place.header(current), main=_markup(main), canonical=frame.url + path if frame.url and path else "",
        )  # fmt: skip

    def _template(self, name: str) -> jinja2.Template:
        """Return a template; to ask Jinja for one that it has takes as long as to write a line of a page."""
        if name not in self._read:
            self._read[name] = self._environment.get_template(name)
        return self._read[name]

    def _place(self, frame: Frame, path: str, root: str | None = None) -> _Place:
        held = self._places
        if held is None or held[0] != frame:
            held = self._places = (frame, {})
        root = "../" * path.count("/") if root is None else root
        if root not in held[1]:
            held[1][root] = _Place(frame, root, self._environment)
        return held[1][root]


class _Part(NamedTuple):
    """The papers under one heading."""

    anchor: str
    name: str
    entries: list[_Entry]
    articles: Markup


class _Section(NamedTuple):
    """The papers under one heading of a day, and under the headings in it."""

    slug: str
    anchor: str
    name: str
    papers: int
    parts: list[_Part]
    divided: bool
    """Whether the parts have headings; else there is one."""


def _light(place: _Place, item: Item, within: str) -> str:
    """Return one paper of a list without its abstract. The page of a month is written each day, and most of it is what it was."""
    key = within, id(item)
    kept = place.shown.get(key)
    if kept is None:
        if len(place.shown) >= _REMEMBERED:
            place.shown.clear()
        kept = place.shown[key] = item, place.entry(item, within, full=False).article(3)
    return kept[1]


def _section(place: _Place, slug: str, name: str, items: Sequence[Item], parts: Sequence[Any]) -> _Section:
    own = slug_anchor(slug)
    within = slug if slug != "all" else ""
    level = 4 if parts else 3

    def part(anchor: str, name: str, items: Sequence[Item]) -> _Part:
        entries = [place.entry(item, within) for item in items]
        articles = [one.article(level, f'<span class="n">{one.item.number}</span> ') for one in entries]
        return _Part(anchor, name, entries, _markup("".join(articles)))

    made = [part(f"{own}--{slug_anchor(one.slug)[2:]}", one.name, one.items) for one in parts] or [part(own, name, items)]
    return _Section(slug, own, name, len(items), made, bool(parts))


def _topics(place: _Place, sections: Sequence[_Section]) -> list[tuple[str, str]]:
    """Return slug and name of each topic that papers of a page stand under, in its order."""
    found = dict.fromkeys(entry.topic for section in sections for part in section.parts for entry in part.entries)
    names = {section.slug: section.name for section in sections} | {UNCLASSIFIED: "Unclassified"} | dict(place.names)
    order = {slug: rank for rank, slug in enumerate(place.names)}
    return [(slug, names.get(slug, slug)) for slug in sorted(found, key=lambda slug: order.get(slug, len(order)))]


def _shelves(item: Item) -> tuple[Shelf, ...]:
    return item.classification.shelves if item.classification else ()


def _rows(shares: Iterable[tuple[str, float]]) -> Markup:
    """Return the rows of a table: what it is, in HTML, and its share for people and as a bar."""
    return _markup(
        "".join([
            f'<tr><td>{what}</td><td><span class="p">{share:.2f}</span>'
            f' <meter aria-hidden="true" value="{min(max(share, 0), 1):.3f}">{share:.2f}</meter></td></tr>\n'
            for what, share in shares
        ])
    )  # fmt: skip


def _related(place: _Place, one: Related) -> str:
    """Return one paper of a curated list."""
    title = f"<bdi>{_text(one.title, links=False)}</bdi>"
    linked = f'<a href="{_ARXIV}{_escaped(one.id)}" rel="noreferrer">{title}</a>' if one.id else title
    shelf = place.shelf(one.topic, one.subtopic)
    return f'<li>{linked} <span class="chip">{shelf}</span> <span class="p">{one.nearness:.2f}</span></li>\n'


def _moment(value: datetime) -> str:
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}, {value.hour:02}:{value.minute:02} UTC"


class _Day(NamedTuple):
    """One cell of a calendar."""

    day: date
    standing: Standing | None
    level: int
    """How many papers it lists beside other dates, from 0 to 4."""
    inside: bool
    """Whether it belongs to the month."""


class _Month(NamedTuple):
    """One table of a calendar."""

    month: str
    weeks: list[list[_Day]]
    without: list[Standing]
    """Dates that have no page, and are no weekend."""


_LEVELS = 4


def _month(month: str, standings: Sequence[Standing], most: int) -> _Month:
    known = {one.date: one for one in standings}
    first = date.fromisoformat(f"{month}-01")
    start = first - timedelta(days=first.weekday())
    weeks = []
    while start < first or month_of(start) == month:
        week = []
        for offset in range(7):
            day = start + timedelta(days=offset)
            one = known.get(day)
            level = -(-_LEVELS * one.listed // most) if one and one.state is State.PUBLISHED and most else 0
            week.append(_Day(day, one, level, month_of(day) == month))
        weeks.append(week)
        start += timedelta(days=7)
    without = [one for one in reversed(standings) if one.state is not State.PUBLISHED and one.date.weekday() < 5]  # noqa: PLR2004 - Saturday
    return _Month(month, weeks, without)


def _snippet(snippet: Snippet) -> Markup:
    """Return a part of an abstract with the words marked that were looked for."""
    parts, end = ["\u2026 " if snippet.before else ""], 0
    for begin, stop in snippet.marks:
        parts += [_escaped(snippet.text[end:begin]), f"<mark>{_escaped(snippet.text[begin:stop])}</mark>"]
        end = stop
    return _markup("".join([*parts, _escaped(snippet.text[end:]), " \u2026" if snippet.after else ""]))


def _asked(results: Results, page: int) -> str:
    """Return the address of another page of what was found."""
    asked = {"q": results.query, "topic": results.topic, "from": results.first, "to": results.last, "order": results.order}
    asked["page"] = str(page) if page > 1 else ""
    return "search?" + urlencode({name: value for name, value in asked.items() if value})


class _Figure(NamedTuple):
    """One line of the accuracy card in plain words."""

    name: str
    means: str
    value: str
    interval: str
    papers: str
    goal: str
    reached: bool | None


_FIGURES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Daily papers of arXiv, labelled by reading them": {
        "daily_topic_accuracy": ("Topic right", "The share of papers whose first topic is the one that a reader gave."),
        "daily_accepted_accuracy": (
            "Topic right or accepted",
            "The same, where a second topic that the reader found right too counts as well.",
        ),
        "daily_shelf_accuracy": ("Topic and subtopic right", "The share of papers of which both are as the reader has them."),
        "daily_subtopic_accuracy": (
            "Subtopic right where the topic is",
            "Of the papers with the right topic, the share with the right subtopic.",
        ),
        "daily_surest_accuracy": (
            "Topic right on the surest 80 %",
            "The same as the first figure, without the fifth of which the model is least sure.",
        ),
        "daily_unsure_share": ("Marked unsure", "The share of papers that go to the section \u201cUnsure\u201d."),
        "daily_calibration_error": (
            "Calibration error",
            "How far the probabilities are from how often they are right, on average over ten groups alike in probability; 0 is best.",
        ),
    },
    "Papers of curated lists that no training has seen": {
        "topic_accuracy": ("Topic right", "The share of papers whose first topic is the one that curators gave."),
        "topic_macro_f1": (
            "Macro F1 of the topics",
            "Precision and recall together, topic by topic; each topic counts the same, however few papers it has.",
        ),
        "shelf_accuracy": ("Topic and subtopic right", "The share of papers of which both are as the curators have them."),
        "agreed_accuracy": ("Topic right where curators agree", "Only papers that two curators or more filed alike."),
        "surest_accuracy": ("Topic right on the surest 80 %", "Without the fifth of which the model is least sure."),
        "unsure_share": ("Marked unsure", "The share of papers that would go to the section \u201cUnsure\u201d."),
        "calibration_error": ("Calibration error", "As above."),
    },
    "A conference of which no paper was taught": {
        "venue_topic_accuracy": ("Topic right", "Found by another model, taught in the same way without that conference."),
        "venue_topic_macro_f1": ("Macro F1 of the topics", "The same."),
    },
}
"""The figures that the page about the site explains, and in which words."""


def _figures(card: Mapping[str, object]) -> list[tuple[str, list[_Figure]]]:
    """Return the groups of figures of an accuracy card, those that it has."""
    given = card.get("figures")
    known: Mapping[str, Any] = given if isinstance(given, dict) else {}
    groups = []
    for heading, lines in _FIGURES.items():
        found = [_figure(key, *words, known[key]) for key, words in lines.items() if isinstance(known.get(key), dict)]
        if found:
            groups.append((heading, found))
    return groups


def _figure(key: str, name: str, means: str, found: Mapping[str, Any]) -> _Figure:
    error = key.endswith("calibration_error")
    interval, goal = found.get("interval"), found.get("goal")
    return _Figure(
        name, means, _said(found["value"], error=error),
        f"{_said(interval[0], error=error).removesuffix(' %')} to {_said(interval[1], error=error)}" if interval else "",
        f"{found['papers']:,}",
        f"{'at most' if error else 'at least'} {_said(goal, error=error)}" if goal is not None else "",
        found.get("reached"),
    )  # fmt: skip


def _said(value: float, *, error: bool) -> str:
    """Return a figure for people; an *error* is no share."""
    return f"{value:.3f}" if error else f"{100 * value:.1f} %"
