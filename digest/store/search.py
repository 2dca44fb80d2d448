"""Papers found by their words: a query in, the papers that fit out.

    query | what the database calls it | how many? | the newest of them | ranked | papers and snippets

What a user types never becomes syntax of the database: a `Query` holds words of letters and digits only, each is quoted, and
the whole is bound as a value. To rank everything that a common word finds would take long, so that the newest `RANKED`
papers that fit are ranked, the others follow by date, and what is found more than `COUNTED` times is not counted. On SQLite,
a search for a phrase that is everywhere ranks by titles alone.
"""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from digest.core import query as queries
from digest.core.domain import Paper
from digest.core.query import Query, Snippet, Term, Where
from digest.store.papers import CATEGORY_MARK, paper_of
from digest.store.schema import papers, versions

RANKED, COUNTED = 1_000, 10_000
Order = Literal["relevance", "date"]
_CHUNK, _GROWS = 3_000, 8
"""How many of the newest papers are looked at first, and at most how many times as many at each further step."""
_NEAR = 10_000
_FEW = 5
"""At most so many times as many papers as are needed are all looked up."""
_TITLE, _ABSTRACT, _AUTHORS = 5.0, 1.0, 2.0
"""How much a word counts where it stands."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A paper that was found."""

    paper: Paper
    announced: date | None
    """The newest date on which it was announced; None if no edition lists it."""
    topic: str
    subtopic: str
    snippet: Snippet
    """Of its abstract."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found."""

    papers: tuple[Hit, ...]
    total: int | None
    """How many papers fit; None where there are more than `RANKED`, and to count them would take long."""


class _Place(NamedTuple):
    """A paper that fits, before it is loaded."""

    key: int
    rank: float
    """The less, the better."""


def search(  # noqa: PLR0913 - a search has this many filters
    connection: sa.Connection,
    query: Query,
    *,
    topic: str | None = None,
    subtopic: str | None = None,
    first: date | None = None,
    last: date | None = None,
    category: str | None = None,
    order: Order = "relevance",
    most: int = 20,
    start: int = 0,
) -> Found:
    """Return *most* of the papers that fit, after the first *start*: the likeliest or the newest first.

    *topic*, *subtopic* and the dates from *first* to *last* are those of the newest edition that lists a paper; *category*
    is any of its categories.
    """
    filters = []
    if topic is not None:
        filters.append(papers.c.topic == topic)
    if subtopic is not None:
        filters.append(papers.c.subtopic == subtopic)
    if first is not None:
        filters.append(papers.c.announced >= first)
    if last is not None:
        filters.append(papers.c.announced <= last)
    kind: type[_Sqlite | _Postgres] = _Sqlite if connection.dialect.name == "sqlite" else _Postgres
    index = kind(connection, query, category, filters)
    ranked = RANKED if order == "relevance" else 0
    places, total = index.newest(max(RANKED, start + most), rank=bool(ranked))
    chosen = [*sorted(places[:ranked], key=lambda place: place.rank), *places[ranked:]][start : start + most]
    return Found(tuple(_hits(connection, index, [place.key for place in chosen])), total)


def _hits(connection: sa.Connection, index: "_Sqlite | _Postgres", keys: Sequence[int]) -> Iterator[Hit]:
    """Load the papers of *keys*, in order."""
    columns = (versions, papers.c.arxiv_id, papers.c.announced, papers.c.topic, papers.c.subtopic, papers.c.id.label("key"))
    joined = sa.select(*columns).join(papers, papers.c.latest == versions.c.id).where(papers.c.id.in_(keys))
    rows = {row["key"]: row for row in connection.execute(joined).mappings()}
    marks = index.marks({key: str(rows[key]["abstract"]) for key in keys})
    for key in keys:
        row = rows[key]
        part = queries.snippet(row["abstract"], marks.get(key, ()))
        yield Hit(paper_of(row), row["announced"], row["topic"], row["subtopic"], part)


class _Sqlite:
    """What fits by FTS5.

    It finds and counts a hundred thousand papers within milliseconds, but to hand them over takes ten times as long. So a
    common word is looked for date after date, from the newest on, until there is enough.
    """

    def __init__(self, connection: sa.Connection, query: Query, category: str | None, filters: list[sa.ColumnElement[bool]]) -> None:
        self._connection = connection
        self._filters = filters
        self._placed = any(isinstance(one, sa.BinaryExpression) and one.left is not papers.c.announced for one in filters)
        self._match = _fts5(query, category)
        self._shown = _fts5_shown(query)
        self._phrases = [_fts5_term(term) for group in query.groups for term in group if len(term.words) > 1]
        self._titles = [f"{{title}} : ({' OR '.join(map(_fts5_term, group))})" for group in query.groups]

    def newest(self, need: int, *, rank: bool) -> tuple[list[_Place], int | None]:
        """Return the newest *need* papers that fit, the first of them ranked if that is asked for, and how many fit."""
        every = self._connection.execute(sa.select(sa.func.max(papers.c.id))).scalar_one() or 0
        count = self._count(self._match)
        titles = rank and any(self._count(phrase, every * 3 // 4 < _ROWID) > COUNTED for phrase in self._phrases)
        total: int | None
        if count <= COUNTED and (self._filters or count <= _FEW * need):
            found, total = self._sorted(need, count)
        elif count <= COUNTED:
            found, _ = self._walk(need, _likely(need, every, count), rank=False)
            total = count
        else:
            found, total = self._walk(need, _CHUNK, rank=rank and not titles)
        if rank and found:
            first = found[:RANKED]
            if titles:
                first = self._ranked_by_titles(first)
            elif any(place.rank == 0.0 for place in first):  # FTS5's own are below zero
                first = self._ranked(first)
            found = [*first, *found[RANKED:]]
        return found, total

    def _count(self, match: str, *among: sa.ColumnElement[bool]) -> int:
        """Return how many papers fit, or `COUNTED` and one if there are more."""
        fitting = sa.select(_ROWID).select_from(_WORDS).where(_matches(match), *among).limit(COUNTED + 1).subquery()
        return int(self._connection.execute(sa.select(sa.func.count()).select_from(fitting)).scalar_one())

    def marks(self, abstracts: dict[int, str]) -> dict[int, tuple[tuple[int, int], ...]]:
        """Return where in abstracts the words stand that were looked for."""
        if not self._shown or not abstracts:
            return {}
        texts = sa.func.highlight(sa.literal_column("words"), 1, queries.BEGIN, queries.END)
        # Keys that are near are met on one way through the index; each of those far apart is leapt to, but for beginnings of
        # words, whose lists FTS5 would put together each time.
        lowest, highest = min(abstracts), max(abstracts)
        near = highest - lowest <= _NEAR or '" *' in self._shown
        inside = (_PLAIN_ROWID if near else _ROWID).in_(list(abstracts))
        chosen = sa.select(_ROWID, texts).select_from(_WORDS).where(_matches(self._shown), inside)
        if near:
            chosen = chosen.where(_ROWID.between(lowest, highest))
        found = {key: queries.marked(text or "") for key, text in self._connection.execute(chosen)}
        return {key: marks for key, (text, marks) in found.items() if text == abstracts[key]}

    def _sorted(self, need: int, count: int) -> tuple[list[_Place], int]:
        """Return the newest papers that fit, and how many fit, for words that are not too common: *count* papers have them."""
        joined = _WORDS.join(papers, papers.c.id == _PLAIN_ROWID)
        number = sa.func.count().over() if self._filters else sa.literal(count)
        fitting = sa.select(papers.c.id, number).select_from(joined).where(_matches(self._match), *self._filters)
        rows = self._connection.execute(fitting.order_by(papers.c.announced.desc(), papers.c.id.desc()).limit(need)).all()
        return [_Place(key, 0.0) for key, _ in rows], rows[0][1] if rows else 0

    def _ranked(self, found: list[_Place]) -> list[_Place]:
        """Return *found* with their ranks."""
        among = self._among(found, self._match)
        chosen = sa.select(_ROWID, _BM25.label("rank")).select_from(_WORDS).where(*among)
        ranks: dict[int, float] = {row.rowid: row.rank for row in self._connection.execute(chosen)}
        return [place._replace(rank=ranks[place.key]) for place in found]

    def _ranked_by_titles(self, found: list[_Place]) -> list[_Place]:
        """Return *found* with ranks by how much of what was looked for stands in their titles.

        For a phrase that is everywhere: FTS5's own rank would first count all the papers that have it.
        """
        have: Counter[int] = Counter()
        for title in self._titles:
            chosen = sa.select(_ROWID).select_from(_WORDS).where(*self._among(found, title))
            have.update(self._connection.execute(chosen).scalars())
        return [place._replace(rank=-have[place.key]) for place in found]

    def _among(self, found: list[_Place], match: str) -> tuple[sa.ColumnElement[bool], ...]:
        """Return conditions for what fits *match* among the papers found."""
        keys = [place.key for place in found]
        values = sa.func.json_each(json.dumps(keys)).table_valued("value")
        return _matches(match), _ROWID.between(min(keys), max(keys)), _PLAIN_ROWID.in_(sa.select(values.c.value))

    def _walk(self, need: int, size: int, *, rank: bool) -> tuple[list[_Place], int | None]:
        """Return the newest papers that fit, and how many fit if there are no more than are ranked.

        The first look is at some *size* papers that pass the filters, each further one at as many as will probably do.
        """
        found: list[_Place] = []
        seen = 0
        before: sa.ColumnElement[bool] = papers.c.announced.is_not(None)
        while True:
            part = sa.select(papers.c.announced, papers.c.id).where(*self._filters, before).order_by(papers.c.announced.desc()).limit(size)
            newest = part.subquery()
            values = sa.func.count(), sa.func.min(newest.c.announced), sa.func.min(newest.c.id), sa.func.max(newest.c.id)
            count, day, lowest, highest = self._connection.execute(sa.select(*values)).one()
            last = count < size
            # The oldest date may go on; it is the next look's.
            span = before if last else sa.and_(before, papers.c.announced > day)
            found += self._within(span, lowest, highest, need + 1 - len(found), rank=rank and last and not found)
            if len(found) > need:
                return found[:need], None
            if last:
                break
            before = papers.c.announced <= day
            seen += count
            size = min(max(_likely(need + 1 - len(found), seen, len(found)), 2 * size), _GROWS * size)
        unlisted = papers.c.announced.is_(None)
        ends = sa.select(sa.func.min(papers.c.id), sa.func.max(papers.c.id)).where(*self._filters, unlisted)
        found += self._within(unlisted, *self._connection.execute(ends).one(), need + 1 - len(found), rank=False)
        if len(found) > need:
            return found[:need], None
        return found, len(found) if len(found) <= RANKED else None

    def _within(self, span: sa.ColumnElement[bool], lowest: int | None, highest: int | None, most: int, *, rank: bool) -> list[_Place]:
        """Return the newest papers of a span of dates that fit, whose keys are from *lowest* to *highest*."""
        if lowest is None:
            return []
        inside = [_matches(self._match), _ROWID.between(lowest, highest), span, *self._filters]
        if self._placed:  # of many papers that have the words few have the topic, and to load them all would take longer
            inside.append(_PLAIN_ROWID.in_(sa.select(papers.c.id).where(span, *self._filters)))
        value: sa.ColumnElement[float] = _BM25 if rank else sa.literal(0.0)
        joined = _WORDS.join(papers, papers.c.id == _PLAIN_ROWID)
        chosen = sa.select(papers.c.id, value).select_from(joined).where(*inside)
        rows = self._connection.execute(chosen.order_by(papers.c.announced.desc(), papers.c.id.desc()).limit(most))
        return [_Place(key, number) for key, number in rows]


class _Postgres:
    """What fits by tsvector."""

    def __init__(self, connection: sa.Connection, query: Query, category: str | None, filters: list[sa.ColumnElement[bool]]) -> None:
        self._connection = connection
        self._filters = filters
        self._wanted = sa.func.to_tsquery(_CONFIG, _tsquery(query, category))
        self._shown = _tsquery_shown(query)

    def newest(self, need: int, *, rank: bool) -> tuple[list[_Place], int | None]:
        """Return the newest *need* papers that fit, with their ranks if those are asked for, and how many fit."""
        columns = sa.select(papers.c.announced, papers.c.id, versions.c.id.label("version"))
        fitting = columns.join(versions, versions.c.id == papers.c.latest).where(_VECTOR.op("@@")(self._wanted), *self._filters)
        some = fitting.limit(COUNTED + 1).subquery()
        total = int(self._connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())
        newest = fitting.order_by(papers.c.announced.desc().nulls_last(), papers.c.id.desc()).limit(need).subquery()
        weights = sa.cast([_ABSTRACT / _TITLE, 0.0, _AUTHORS / _TITLE, 1.0], sa.ARRAY(sa.REAL))
        value = -sa.func.ts_rank(weights, _VECTOR, self._wanted, 1) if rank else sa.literal(0.0)
        chosen = sa.select(newest.c.announced, newest.c.id, value).join(versions, versions.c.id == newest.c.version)
        rows = self._connection.execute(chosen)
        by_date = sorted(rows, key=lambda row: (row.announced or date.min, row.id), reverse=True)
        found = [_Place(key, value) for _, key, value in by_date]
        return found, total if total <= COUNTED else None

    def marks(self, abstracts: dict[int, str]) -> dict[int, tuple[tuple[int, int], ...]]:
        """Return where in abstracts the words stand that were looked for."""
        if not self._shown or not abstracts:
            return {}
        # Letter for letter as the index has them, so that what is found there stands at the same place in the abstract.
        texts = sa.func.unnest(sa.cast([_folded(text) for text in abstracts.values()], sa.ARRAY(sa.Text))).column_valued("folded")
        options = f"HighlightAll=true, StartSel={queries.BEGIN}, StopSel={queries.END}"
        shown = sa.func.ts_headline(_CONFIG, texts, sa.func.to_tsquery(_CONFIG, self._shown), options)
        lines = self._connection.execute(sa.select(shown)).scalars().all()
        found = {key: queries.marked(line) for key, line in zip(abstracts, lines, strict=True)}
        return {key: marks for key, (text, marks) in found.items() if len(text) == len(abstracts[key])}


# -- the languages of the databases ------------------------------------------------------------------------------------

_WORDS = sa.table("words", sa.column("rowid"))
_ROWID = _WORDS.c.rowid
_PLAIN_ROWID: sa.ColumnElement[int] = sa.literal_column("+words.rowid", sa.Integer)
"""The same, for a condition that FTS5 is not to begin with: it would look each key up anew."""
_BM25: sa.ColumnElement[float] = sa.func.bm25(sa.literal_column("words"), _TITLE, _ABSTRACT, _AUTHORS, 0.0, type_=sa.Float)
_VECTOR: sa.ColumnElement[Any] = sa.literal_column("versions.words")
_CONFIG: sa.ColumnElement[Any] = sa.literal_column("'cvdigest'::regconfig")
_WEIGHTS = {Where.ANYWHERE: "ABD", Where.TITLE: "A", Where.AUTHORS: "B", Where.ABSTRACT: "D"}


def _matches(match: str) -> sa.ColumnElement[bool]:
    return sa.literal_column("words").op("MATCH")(match)


def _likely(need: int, seen: int, found: int) -> int:
    """Return among how many papers *need* will fit, if of those *seen* so many were *found*; and half as many more."""
    return need * seen * 3 // (2 * max(found, 1))


def _category(category: str) -> str:
    """Return the one word that stands for a category in the index."""
    return "".join(letter for letter in category if letter.isalnum())


def _fts5(query: Query, category: str | None) -> str:
    groups = [" OR ".join(map(_fts5_term, group)) for group in query.groups]
    if category is not None:
        groups.append(f'"{CATEGORY_MARK}{_category(category)}"')
    wanted = " AND ".join(f"({group})" for group in groups)
    return f"({wanted}) NOT ({' OR '.join(map(_fts5_term, query.without))})" if query.without else wanted


def _fts5_shown(query: Query) -> str:
    return " OR ".join(_fts5_term(term) for group in query.groups for term in group if term.where in (Where.ANYWHERE, Where.ABSTRACT))


def _fts5_term(term: Term) -> str:
    phrase = f'"{" ".join(term.words)}"{" *" if term.begins else ""}'
    return f"({{{term.where.value}}} : {phrase})" if term.where else phrase


def _tsquery(query: Query, category: str | None) -> str:
    groups = [" | ".join(map(_tsquery_term, group)) for group in query.groups]
    if category is not None:
        groups.append(f"'{_category(category)}':C")
    groups += [f"!({_tsquery_term(term)})" for term in query.without]
    return " & ".join(f"({group})" for group in groups)


def _tsquery_shown(query: Query) -> str:
    return " | ".join(_tsquery_term(term) for group in query.groups for term in group if term.where in (Where.ANYWHERE, Where.ABSTRACT))


def _tsquery_term(term: Term) -> str:
    words = [_folded(unicodedata.normalize("NFD", word), "") for word in term.words]
    weights = _WEIGHTS[term.where]
    quoted = [f"'{word}':{weights}" for word in words]
    if term.begins:
        quoted[-1] = f"'{words[-1]}':*{weights}"
    return f"({' <-> '.join(quoted)})"


def _folded(text: str, mark: str = " ") -> str:
    """Return *text* as the index has it, letter for letter: without accents, a blank for what is no letter or digit."""
    return "".join(map(_letter, text)) if mark else "".join(letter for letter in text if not "\u0300" <= letter <= "\u036f")


def _letter(letter: str) -> str:
    if letter.isascii():
        return letter if letter.isalnum() else " "
    base = unicodedata.normalize("NFD", letter)[0]
    return base if base.isalnum() else " "
