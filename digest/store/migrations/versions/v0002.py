"""The index of words, for the search: FTS5 on SQLite, a column of tsvector on PostgreSQL."""

from alembic import op

revision = "0002"
down_revision = "0001"

_STATEMENTS = {
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
            " tokenize='porter unicode61 remove_diacritics 2')"
        ),
        "INSERT INTO words (words) VALUES ('rebuild')",
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


def upgrade() -> None:
    """Make the index, of all papers that there are."""
    for statement in _STATEMENTS[op.get_context().dialect.name]:
        op.execute(statement)
