"""Papers found by their words: a query in, the papers that fit out.

    query | what the database calls it | how many? | the newest of them | ranked | papers and snippets

What a user types never becomes syntax of the database: a `Query` holds words of letters and digits only, each is quoted, and
the whole is bound as a value. To rank everything that a common word finds would take long, so that the newest `RANKED`
papers that fit are ranked, the others follow by date, and what is found more than `COUNTED` times is not counted. On SQLite,
a search for a phrase that is everywhere ranks by titles alone.
"""

import sqlite3
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
from digest.store.papers import paper_of
from digest.store.schema import TOKENIZER, papers, versions

RANKED, COUNTED = 1_000, 10_000
Order = Literal["relevance", "date"]
_EVERYWHERE, _NEWEST = 40_000, 5_000
"""How many papers have a phrase that is everywhere, judging by so many of the newest."""
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
    """How many papers fit; None where there are more than `COUNTED`."""


class _Filters(NamedTuple):
    """What restricts a search, other than words."""

    topic: str | None
    subtopic: str | None
    first: date | None
    last: date | None
    category: str | None


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
    kind: type[_Sqlite | _Postgres] = _Sqlite if connection.dialect.name == "sqlite" else _Postgres
    index = kind(connection, query, _Filters(topic, subtopic, first, last, category))
    ranked = RANKED if order == "relevance" else 0
    places, total = index.newest(max(ranked, start + most), rank=bool(ranked))
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

    All that a search asks for stands in its index: categories and topics as words, dates in the numbers of the rows, of which
    the newest is the largest (see `digest.store.schema`). So no other table is looked at before it is known what fits.
    Those words count in the length of a paper, by which FTS5 ranks, but not as words that were found.
    """

    def __init__(self, connection: sa.Connection, query: Query, filters: _Filters) -> None:
        self._connection = connection
        marked = ("\ue000", filters.category), ("\ue001", filters.topic), ("\ue002", filters.subtopic)
        facts = [f'"{_fact(mark, value)}"' for mark, value in marked if value is not None]
        self._facts = "".join(f"{fact} AND " for fact in facts)
        self._match = " AND ".join([*facts, f"({_fts5(query)})"] if query.groups else facts)
        self._dates: list[sa.ColumnElement[bool]] = []
        if filters.first is not None or filters.last is not None:
            self._dates = [_ROWID.between(_row(filters.first or date.min), _row(filters.last or date.max, _LAST_KEY))]
        self._shown = _fts5_shown(query)
        self._phrases = [_fts5_term(term) for group in query.groups for term in group if len(term.words) > 1]
        self._titles = [f"{{title}} : ({' OR '.join(map(_fts5_term, group))})" for group in query.groups]

    def newest(self, need: int, *, rank: bool) -> tuple[list[_Place], int | None]:
        """Return the newest *need* papers that fit, the first of them ranked if that is asked for, and how many fit."""
        titles = rank and any(map(self._everywhere, self._phrases))
        found = self._rows(min(need, RANKED), _BM25 if rank and not titles else _UNRANKED)
        if titles and found:
            found = self._ranked_by_titles(found)
        if need > RANKED == len(found):
            found += self._rows(need - RANKED, _UNRANKED, found[-1][0] > _ROWID)
        total = len(found) if len(found) < need else self._count(self._match, *self._dates)
        return [_Place(row & _LAST_KEY, value) for row, value in found], total if total <= COUNTED else None

    def marks(self, abstracts: dict[int, str]) -> dict[int, tuple[tuple[int, int], ...]]:
        """Return where in abstracts the words stand that were looked for."""
        if not self._shown or not abstracts:
            return {}
        # An index of these few: the large one would be looked into for each of them anew.
        few = sqlite3.connect(":memory:")
        try:
            few.execute(f"CREATE VIRTUAL TABLE words USING fts5(abstract, tokenize='{TOKENIZER}')")
            few.executemany("INSERT INTO words (rowid, abstract) VALUES (?, ?)", abstracts.items())
            chosen = "SELECT rowid, highlight(words, 0, ?, ?) FROM words WHERE words MATCH ?"
            found = {key: queries.marked(text) for key, text in few.execute(chosen, (queries.BEGIN, queries.END, self._shown))}
        finally:
            few.close()
        return {key: marks for key, (text, marks) in found.items() if text == abstracts[key]}

    def _rows(self, most: int, value: sa.ColumnElement[float], *among: sa.ColumnElement[bool]) -> list[tuple[int, float]]:
        """Return the newest rows that fit, each with its *value*."""
        chosen = sa.select(_ROWID, value).select_from(_WORDS).where(_matches(self._match), *self._dates, *among)
        return [(row, number) for row, number in self._connection.execute(chosen.order_by(_ROWID.desc()).limit(most))]

    def _count(self, match: str, *among: sa.ColumnElement[bool]) -> int:
        """Return how many papers fit, or `COUNTED` and one if there are more."""
        fitting = sa.select(_ROWID).select_from(_WORDS).where(_matches(match), *among).limit(COUNTED + 1).subquery()
        return int(self._connection.execute(sa.select(sa.func.count()).select_from(fitting)).scalar_one())

    def _everywhere(self, phrase: str) -> bool:
        """Return whether so many papers have a phrase that FTS5 would take long to rank by it, since it counts them all."""
        every = self._connection.execute(sa.select(sa.func.max(papers.c.id))).scalar_one() or 0
        dates = sa.select(papers.c.announced).where(papers.c.announced.is_not(None)).order_by(papers.c.announced.desc())
        day = self._connection.execute(dates.offset(_NEWEST).limit(1)).scalar()
        return self._count(phrase, (_row(day) if day else 0) <= _ROWID) * every > _EVERYWHERE * min(every, _NEWEST)

    def _ranked_by_titles(self, found: list[tuple[int, float]]) -> list[tuple[int, float]]:
        """Return *found* with ranks by how much of what was looked for stands in their titles."""
        have: Counter[int] = Counter()
        for title in self._titles:
            among = _matches(f"{self._facts}({title})"), _ROWID.between(found[-1][0], found[0][0])
            have.update(self._connection.execute(sa.select(_ROWID).select_from(_WORDS).where(*among)).scalars())
        return [(row, -have[row]) for row, _ in found]


class _Postgres:
    """What fits by tsvector."""

    def __init__(self, connection: sa.Connection, query: Query, filters: _Filters) -> None:
        self._connection = connection
        self._filters = [papers.c[name] == value for name in ("topic", "subtopic") if (value := getattr(filters, name)) is not None]
        if filters.first is not None:
            self._filters.append(papers.c.announced >= filters.first)
        if filters.last is not None:
            self._filters.append(papers.c.announced <= filters.last)
        self._wanted = sa.func.to_tsquery(_CONFIG, _tsquery(query, filters.category))
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
_BM25: sa.ColumnElement[float] = sa.func.bm25(sa.literal_column("words"), _TITLE, _ABSTRACT, _AUTHORS, 0.0, type_=sa.Float)
_UNRANKED: sa.ColumnElement[float] = sa.literal(0.0)
_LAST_KEY = (1 << 32) - 1
"""The largest key that a paper can have; above it, the number of a row of the index has the date."""
_REST = "\ue003"
"""What stands in the index of SQLite for a sign of a category or a topic, and after each."""
_VECTOR: sa.ColumnElement[Any] = sa.literal_column("versions.words")
_CONFIG: sa.ColumnElement[Any] = sa.literal_column("'cvdigest'::regconfig")
_WEIGHTS = {Where.ANYWHERE: "ABD", Where.TITLE: "A", Where.AUTHORS: "B", Where.ABSTRACT: "D"}


def _matches(match: str) -> sa.ColumnElement[bool]:
    return sa.literal_column("words").op("MATCH")(match)


def _row(day: date, key: int = 0) -> int:
    """Return the number of a row of the index of SQLite."""
    return int(day.isoformat().replace("-", "")) * (_LAST_KEY + 1) + key


def _fact(mark: str, value: str) -> str:
    """Return the one word that stands for a category, a topic or a subtopic in the index of SQLite."""
    return f"{mark}{''.join(letter if letter.isalnum() else _REST for letter in value)}{_REST}"


def _category(category: str) -> str:
    """Return the one word that stands for a category in the index of PostgreSQL."""
    return "".join(letter for letter in category if letter.isalnum())


def _fts5(query: Query) -> str:
    wanted = " AND ".join(f"({' OR '.join(map(_fts5_term, group))})" for group in query.groups)
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
