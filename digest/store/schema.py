"""The tables of the store, for SQLite and PostgreSQL alike.

    papers <- versions                       what arXiv said about a paper, each time that it said something else
    announcements <- entries -> versions     what was announced on a date, each time that it was read differently
    models <- classifications -> versions    what a model thinks of a paper
    editions <- files                        what was made of it: number, state, and the bytes of each published file
    subscribers <- tokens                    who is told what, and the links that were sent to them
    mailings <- deliveries -> subscribers    what is told to many, and what became of each letter
    days, answers, corrections, runs, alerts, bounces, strangers, asked, meta

Texts are plain (see `digest.core.domain`). Lists of names are kept as lines, lists of facts as JSON. Moments are in UTC.
A change here needs a migration beside it; a test compares the two.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

REVISIONS = ("0001", "0002", "0003")
"""All schemas that there have been, the oldest first; the last one is what stands below."""
HEAD = REVISIONS[-1]
APPLICATION = 0x63764447
"""What marks a SQLite file as ours (``PRAGMA application_id``)."""


class Moment(sa.TypeDecorator[datetime]):
    """An aware moment, kept in UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn it into UTC; SQLite keeps no time zone."""
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Say again that it is in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _key() -> sa.Column[int]:
    return sa.Column("id", _KEY, primary_key=True)


def _of(name: str, table: str, *, primary: bool = False, index: bool = False) -> sa.Column[int]:
    return sa.Column(name, _KEY, sa.ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=False, primary_key=primary, index=index)


def _text(name: str, *, index: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="", index=index)


papers = sa.Table(
    "papers",
    metadata,
    _key(),
    sa.Column("arxiv_id", sa.Text, nullable=False, unique=True),
    sa.Column("latest", _KEY, nullable=False, index=True),  # of versions: what is shown and searched
    sa.Column("announced", sa.Date, index=True),  # the newest date on which it was announced
    _text("topic"),  # where the last edition that lists it has it
    _text("subtopic"),
    sa.Index("ix_papers_topic_announced_subtopic", "topic", "announced", "subtopic"),
)
versions = sa.Table(
    "versions",
    metadata,
    _key(),
    _of("paper", "papers"),
    sa.Column("sha256", sa.Text, nullable=False),  # of all that follows
    sa.Column("version", sa.Integer),
    _text("title"),
    _text("abstract"),
    _text("authors"),  # one a line
    _text("categories"),  # with blanks between them, the primary one first
    _text("comments"),
    _text("journal_ref"),
    _text("doi"),
    _text("licence"),
    sa.Column("submitted", Moment),
    sa.Column("updated", Moment),
    sa.Column("seen", Moment, nullable=False),
    sa.UniqueConstraint("paper", "sha256"),
)
announcements = sa.Table(
    "announcements",
    metadata,
    _key(),
    _text("category"),
    sa.Column("date", sa.Date, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),  # of all that its papers and it say, but for checks and remarks
    sa.Column("members", sa.Text, nullable=False),  # sha256 of identifiers and kinds alone
    _text("reason"),
    sa.Column("remarks", sa.JSON, nullable=False),
    sa.Column("checks", sa.JSON, nullable=False),
    sa.Column("reconstructed", sa.Boolean, nullable=False),
    sa.Column("unknown", sa.JSON, nullable=False),
    _text("service"),
    sa.Column("urls", sa.JSON, nullable=False),
    sa.Column("answers", sa.JSON, nullable=False),  # sha256 of each
    sa.Column("read", Moment, nullable=False),  # when first
    sa.Column("read_again", Moment, nullable=False),  # when last
    sa.Index("ix_announcements_category_date", "category", "date"),
)
entries = sa.Table(
    "entries",
    metadata,
    _of("announcement", "announcements", primary=True),
    sa.Column("position", sa.Integer, primary_key=True),
    _of("version", "versions", index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("pending", sa.Boolean, nullable=False),
)
models = sa.Table(
    "models",
    metadata,
    _key(),
    _text("name"),
    sa.Column("sha256", sa.Text, nullable=False, unique=True),
)
classifications = sa.Table(
    "classifications",
    metadata,
    _of("version", "versions", primary=True),
    _of("model", "models", primary=True),
    sa.Column("shelves", sa.JSON, nullable=False),  # [topic, subtopic, probability], the likeliest first
    sa.Column("unsure", sa.Boolean, nullable=False),
)
editions = sa.Table(
    "editions",
    metadata,
    _key(),
    _text("category"),
    sa.Column("date", sa.Date, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    _of("announcement", "announcements", index=True),
    sa.Column("model", _KEY, sa.ForeignKey("models.id")),
    _text("layout"),
    _text("include"),
    sa.Column("state", sa.Text, nullable=False),  # prepared, published
    sa.Column("changes", sa.JSON, nullable=False),
    sa.Column("note", sa.JSON, nullable=False),  # of the date, once it is published
    sa.Column("made", Moment, nullable=False),
    sa.Column("published", Moment),
    sa.UniqueConstraint("category", "date", "number"),
)
files = sa.Table(
    "files",
    metadata,
    _of("edition", "editions", primary=True),
    sa.Column("role", sa.Text, primary_key=True),  # page, json
    sa.Column("path", sa.Text, nullable=False),  # below the folder of the digests
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),  # compressed by zlib
)
days = sa.Table(
    "days",
    metadata,
    sa.Column("category", sa.Text, primary_key=True),
    sa.Column("date", sa.Date, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    _text("reason"),
    _text("advice"),
    _text("service"),
    sa.Column("reconstructed", sa.Boolean, nullable=False),
    sa.Column("entries", sa.Integer, nullable=False),
    sa.Column("listed", sa.Integer, nullable=False),
    sa.Column("pending", sa.JSON, nullable=False),
    sa.Column("disagreements", sa.JSON, nullable=False),
    sa.Column("late", sa.JSON, nullable=False),
    sa.Column("provisional", sa.Boolean, nullable=False),
    _text("model"),
    _text("page"),
    sa.Column("at", Moment),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("asked_again_after", Moment),
)
answers = sa.Table(
    "answers",
    metadata,
    sa.Column("url", sa.Text, primary_key=True),
    sa.Column("date", sa.Date, primary_key=True),  # that it states
    sa.Column("sha256", sa.Text, nullable=False, index=True),
    sa.Column("size", sa.Integer, nullable=False),
    _text("host"),
    _text("path"),  # empty once it is thrown away
    sa.Column("fetched", Moment, nullable=False),
)
corrections = sa.Table(
    "corrections",
    metadata,
    sa.Column("arxiv_id", sa.Text, primary_key=True),
    sa.Column("topic", sa.Text, nullable=False),
    _text("subtopic"),
    sa.Column("made", sa.Date),
    sa.Column("withdrawn", sa.Boolean, nullable=False, server_default=sa.false()),
)
runs = sa.Table(
    "runs",
    metadata,
    _key(),
    _text("command"),
    _text("category"),
    _text("host"),
    sa.Column("pid", sa.Integer, nullable=False),
    _text("program"),  # the version of this program
    sa.Column("began", Moment, nullable=False),
    sa.Column("ended", Moment),  # None while it goes on, and for ever if it was killed
    sa.Column("date", sa.Date),
    sa.Column("edition", sa.Integer),
    sa.Column("status", sa.Integer),
    _text("message"),
    sa.Index("ix_runs_category_began", "category", "began"),
)
alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("category", sa.Text, primary_key=True),
    sa.Column("date", sa.Text, primary_key=True),  # empty where it is about no date
    _text("text"),
    sa.Column("since", Moment, nullable=False),
    sa.Column("told", sa.JSON, nullable=False),  # the channels that have taken it
    sa.Column("over", Moment),
)
subscribers = sa.Table(
    "subscribers",
    metadata,
    _key(),
    sa.Column("address", sa.Text, nullable=False),  # as it was given
    sa.Column("canonical", sa.Text, nullable=False, unique=True),  # the same for all ways to write it
    sa.Column("standing", sa.Text, nullable=False),
    sa.Column("choice", sa.JSON, nullable=False),
    sa.Column("wanted", sa.JSON),  # what the last letter that asked to confirm says, if nobody has since
    sa.Column("frequency", sa.Text, nullable=False),  # of the choice, as are the next two
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("hour", sa.Integer, nullable=False),
    sa.Column("nonce", sa.Text, nullable=False),
    sa.Column("made", Moment, nullable=False),
    sa.Column("asked", Moment),  # when it was asked to confirm, last
    sa.Column("confirmed", Moment),
    sa.Column("ended", Moment),
    sa.Column("score", sa.Float, nullable=False, server_default="0"),
    sa.Column("scored", sa.Date),  # when a letter came back, last
    sa.Index("ix_subscribers_standing_frequency_zone_hour", "standing", "frequency", "zone", "hour"),
    sqlite_autoincrement=True,  # nobody gets the key of somebody who was erased, by which letters are known
)
tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("sha256", sa.Text, primary_key=True),
    _of("subscriber", "subscribers", index=True),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("expires", Moment),
    sa.Column("choice", sa.JSON),  # what a link confirms, if that is not what was chosen before
    sa.Column("used", Moment),  # when a link that confirms was used, or became void because another one was
)
mailings = sa.Table(
    "mailings",
    metadata,
    _key(),
    _text("category"),
    sa.Column("date", sa.Date, nullable=False),
    sa.Column("frequency", sa.Text, nullable=False),
    sa.Column("first", sa.Date, nullable=False),
    sa.Column("queued", Moment, nullable=False),
    sa.UniqueConstraint("category", "date", "frequency"),
)
deliveries = sa.Table(
    "deliveries",
    metadata,
    _key(),
    sa.Column("mailing", _KEY, sa.ForeignKey("mailings.id", ondelete="CASCADE")),  # none for a letter that asks to confirm
    sa.Column("recipient", sa.Text, nullable=False),  # subscriber/12, hook/lab
    sa.Column("subscriber", _KEY, sa.ForeignKey("subscribers.id", ondelete="CASCADE"), index=True),
    sa.Column("handling", sa.Text, nullable=False),
    sa.Column("due", Moment, nullable=False),  # not before
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("worker", sa.Text, nullable=False, server_default=""),  # who has taken it: host, process, and a number
    sa.Column("since", Moment),  # when it was taken, or when it came to be handled so
    sa.Column("first", Moment),  # when it was tried first
    sa.Column("doubts", sa.Integer, nullable=False, server_default="0"),  # how often nobody knew whether it had arrived
    _text("answer"),  # what the server said last
    sa.UniqueConstraint("mailing", "recipient"),
    sa.Index("ix_deliveries_handling_due_id", "handling", "due", "id"),  # in the order in which they are claimed
    # Of those alone that somebody has taken: few of very many.
    sa.Index("ix_deliveries_worker", "worker", sqlite_where=sa.text("worker <> ''"), postgresql_where=sa.text("worker <> ''")),
)
bounces = sa.Table(
    "bounces",
    metadata,
    sa.Column("sha256", sa.Text, primary_key=True),  # of the letter that came back
    sa.Column("seen", Moment, nullable=False),
)
strangers = sa.Table(
    "strangers",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),  # of the address of somebody who is never to be written to again
    sa.Column("made", Moment, nullable=False),
)
asked = sa.Table(
    "asked",
    metadata,
    sa.Column("bucket", sa.Text, primary_key=True),  # what is counted: a hash of who asked, or all together
    sa.Column("window", sa.Text, primary_key=True),  # the hour or the day
    sa.Column("count", sa.Integer, nullable=False),
)
meta = sa.Table(
    "meta",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
revision = sa.Table(
    "alembic_version",
    metadata,
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),  # as Alembic itself names it
)

TOKENIZER = "porter unicode61 remove_diacritics 2"
"""How FTS5 parts words."""
SEARCH = {
    "sqlite": (
        # All that a search asks for stands in the index. Its rows are numbered by date and paper, so that the newest that fit are
        # found first. Categories (U+E000), topic (U+E001) and subtopic (U+E002) are words, each between letters that nobody
        # types: so a search for any other word need not name the fields that it looks in, which would take three times as long.
        ("CREATE INDEX ix_papers_searchable ON papers (coalesce(CAST(replace(announced, '-', '') AS INTEGER), 0) * 4294967296 + id)"),
        (
            "CREATE VIEW searchable AS SELECT"
            " coalesce(CAST(replace(papers.announced, '-', '') AS INTEGER), 0) * 4294967296 + papers.id AS id,"
            " papers.arxiv_id AS arxiv_id, versions.title AS title, versions.abstract AS abstract, versions.authors AS authors,"
            " replace(replace(char(57344) || replace(versions.categories, ' ', char(57347) || ' ' || char(57344))"
            " || char(57347) || ' ' || char(57345) || papers.topic || char(57347) || ' ' || char(57346) || papers.subtopic"
            " || char(57347), '.', char(57347)), '-', char(57347)) AS facts"
            " FROM papers JOIN versions ON versions.id = papers.latest"
        ),
        (
            "CREATE VIRTUAL TABLE words USING fts5(title, abstract, authors, facts, content='searchable', content_rowid='id',"
            f" tokenize='{TOKENIZER}')"
        ),
    ),
    "postgresql": (
        # As FTS5 does: no word is too common, words are stemmed in every field, accents do not count, and all that is no
        # letter or digit parts words. (The parser would take more than that for one word: state-of-the-art, an address.)
        "CREATE TEXT SEARCH DICTIONARY cvdigest_stem (TEMPLATE = snowball, LANGUAGE = english)",
        "CREATE TEXT SEARCH CONFIGURATION cvdigest (COPY = english)",
        (
            "ALTER TEXT SEARCH CONFIGURATION cvdigest ALTER MAPPING FOR asciiword, word, numword, int, uint, float, sfloat, version"
            " WITH cvdigest_stem"
        ),
        (
            "CREATE FUNCTION cvdigest_words(text, integer) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN"
            " to_tsvector('cvdigest'::regconfig, regexp_replace(regexp_replace(normalize(left($1, $2), NFD),"
            " '[\\u0300-\\u036F]+', '', 'g'), '[\\u0021-\\u002F\\u003A-\\u0040\\u005B-\\u0060\\u007B-\\u00A9\\u2000-\\u206F]+', ' ', 'g'))"
        ),
        (
            "ALTER TABLE versions ADD COLUMN words tsvector GENERATED ALWAYS AS ("
            "setweight(cvdigest_words(title, 10000), 'A') || setweight(cvdigest_words(authors, 100000), 'B')"
            " || setweight(cvdigest_words(replace(replace(categories, '.', ''), '-', ''), 1000), 'C')"
            " || setweight(cvdigest_words(abstract, 50000), 'D')) STORED"
        ),
        "CREATE INDEX ix_versions_words ON versions USING gin (words)",
    ),
}
"""What makes the index of words, which neither knows how to say in the other's terms: by the dialect's name."""
