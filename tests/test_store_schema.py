"""The migrations and the tables as they are written down give the same schema, on both databases."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from digest.store.database import Database, address
from digest.store.schema import APPLICATION, HEAD, REVISIONS, metadata
from tests.stores import blank

# SQLAlchemy passes over the index by which the index of words finds its texts; `facts` compares that too.
pytestmark = pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
_CATALOGUE = """
SELECT 'column', table_name, column_name, data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '')
  || ' ' || coalesce(generation_expression, '') FROM information_schema.columns WHERE table_schema = current_schema()
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
  WHERE connamespace = current_schema()::regnamespace
UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
"""


def facts(database: Database) -> set[tuple[str, ...]]:
    """Return all that a database knows about its schema, whatever the order in which it was made."""
    with database.read() as connection:
        if not database.sqlite:
            return {tuple(row) for row in connection.exec_driver_sql(_CATALOGUE)}
        found: set[tuple[str, ...]] = {("mark", str(connection.exec_driver_sql("PRAGMA application_id").scalar()))}
        objects = connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master").all()
        found |= {(kind, name) for kind, name, _ in objects}
        found |= {(kind, name, sql) for kind, name, sql in objects if kind == "view" or sql is None or "VIRTUAL" in sql}
        for (name,) in [(name,) for kind, name, _ in objects if kind == "table"]:
            columns = connection.exec_driver_sql(f"PRAGMA table_xinfo('{name}')")
            found |= {("column", name, *map(str, row[1:])) for row in columns}
            keys = connection.exec_driver_sql(f"PRAGMA foreign_key_list('{name}')")
            found |= {("foreign key", name, *map(str, row[2:])) for row in keys}
            for index in connection.exec_driver_sql(f"PRAGMA index_list('{name}')").all():
                parts = connection.exec_driver_sql(f"PRAGMA index_xinfo('{index[1]}')")
                found |= {("index", name, *map(str, index[2:]), *map(str, row[1:])) for row in parts}
        inspector = sa.inspect(connection)
        for table in metadata.sorted_tables:
            found |= {("unique", table.name, str(sorted(unique.items()))) for unique in inspector.get_unique_constraints(table.name)}
            found |= {("named", table.name, str(key["name"])) for key in inspector.get_foreign_keys(table.name)}
            found.add(("primary", table.name, str(inspector.get_pk_constraint(table.name)["name"])))
        return found


def migrated(url: sa.URL) -> Database:
    """Return a database that was made by all the steps, from the first one on."""
    database = blank(url)
    for revision in REVISIONS:
        with database.write() as connection:
            database.migrate(connection, revision)
        assert database.revision() == revision
    return database


def test_the_steps_lead_to_the_tables(place: sa.URL, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Tables, columns, types, defaults, constraints, indexes, and what finds words are the same, step by step or made at once."""
    stepped = migrated(place)
    if stepped.sqlite:
        made = Database(address(str(tmp_path / "made.db"), tmp_path)).open()
    else:
        made = request.getfixturevalue("server").lend()
        request.addfinalizer(lambda: request.getfixturevalue("server").give_back(made))

    assert facts(stepped) == facts(made)
    assert len(facts(made)) > 100
    stepped.close()
    made.close()


def test_nothing_is_left_to_migrate(database: Database) -> None:
    """Alembic finds no difference between a new database and the tables in the program, but for the index of words."""
    with database.read() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_object": lambda _object, name, _kind, _reflected, _to: not str(name).startswith(("words", "ix_versions_words")),
            },
        )
        assert compare_metadata(context, metadata) == []


def test_a_new_database_is_of_the_present_schema(place: sa.URL) -> None:
    """What is made new says that it is ours and which schema it has; opening it again changes nothing."""
    first = Database(place).open()
    before = facts(first)
    first.close()
    again = Database(place).open()

    assert again.revision() == HEAD
    assert facts(again) == before
    if again.sqlite:
        assert ("mark", str(APPLICATION)) in before
    again.close()
