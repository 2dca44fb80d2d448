"""The first schema: all tables, without the index of words."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "alerts",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("date", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("over", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("kind", "category", "date", name=op.f("pk_alerts")),
    )
    op.create_table(
        "announcements",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("category", sa.Text(), server_default="", nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("members", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("remarks", sa.JSON(), nullable=False),
        sa.Column("checks", sa.JSON(), nullable=False),
        sa.Column("reconstructed", sa.Boolean(), nullable=False),
        sa.Column("unknown", sa.JSON(), nullable=False),
        sa.Column("service", sa.Text(), server_default="", nullable=False),
        sa.Column("urls", sa.JSON(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("read", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_again", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcements")),
    )
    op.create_index("ix_announcements_category_date", "announcements", ["category", "date"], unique=False)
    op.create_table(
        "answers",
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("host", sa.Text(), server_default="", nullable=False),
        sa.Column("path", sa.Text(), server_default="", nullable=False),
        sa.Column("fetched", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("url", "date", name=op.f("pk_answers")),
    )
    op.create_index(op.f("ix_answers_sha256"), "answers", ["sha256"], unique=False)
    op.create_table(
        "corrections",
        sa.Column("arxiv_id", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("subtopic", sa.Text(), server_default="", nullable=False),
        sa.Column("made", sa.Date(), nullable=True),
        sa.Column("withdrawn", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("arxiv_id", name=op.f("pk_corrections")),
    )
    op.create_table(
        "days",
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("advice", sa.Text(), server_default="", nullable=False),
        sa.Column("service", sa.Text(), server_default="", nullable=False),
        sa.Column("reconstructed", sa.Boolean(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("listed", sa.Integer(), nullable=False),
        sa.Column("pending", sa.JSON(), nullable=False),
        sa.Column("disagreements", sa.JSON(), nullable=False),
        sa.Column("late", sa.JSON(), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("model", sa.Text(), server_default="", nullable=False),
        sa.Column("page", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("asked_again_after", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("category", "date", name=op.f("pk_days")),
    )
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
    )
    op.create_table(
        "models",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
        sa.UniqueConstraint("sha256", name=op.f("uq_models_sha256")),
    )
    op.create_table(
        "papers",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("arxiv_id", sa.Text(), nullable=False),
        sa.Column("latest", _KEY, nullable=False),
        sa.Column("announced", sa.Date(), nullable=True),
        sa.Column("topic", sa.Text(), server_default="", nullable=False),
        sa.Column("subtopic", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_papers")),
        sa.UniqueConstraint("arxiv_id", name=op.f("uq_papers_arxiv_id")),
    )
    op.create_index(op.f("ix_papers_announced"), "papers", ["announced"], unique=False)
    op.create_index(op.f("ix_papers_latest"), "papers", ["latest"], unique=False)
    op.create_index("ix_papers_topic_announced_subtopic", "papers", ["topic", "announced", "subtopic"], unique=False)
    op.create_table(
        "runs",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("command", sa.Text(), server_default="", nullable=False),
        sa.Column("category", sa.Text(), server_default="", nullable=False),
        sa.Column("host", sa.Text(), server_default="", nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("program", sa.Text(), server_default="", nullable=False),
        sa.Column("began", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.Column("date", sa.Date(), nullable=True),
        sa.Column("edition", sa.Integer(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index("ix_runs_category_began", "runs", ["category", "began"], unique=False)
    op.create_table(
        "editions",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("category", sa.Text(), server_default="", nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("announcement", _KEY, nullable=False),
        sa.Column("model", _KEY, nullable=True),
        sa.Column("layout", sa.Text(), server_default="", nullable=False),
        sa.Column("include", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("note", sa.JSON(), nullable=False),
        sa.Column("made", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["announcement"], ["announcements.id"], name=op.f("fk_editions_announcement"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["model"], ["models.id"], name=op.f("fk_editions_model")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_editions")),
        sa.UniqueConstraint("category", "date", "number", name=op.f("uq_editions_category_date_number")),
    )
    op.create_index(op.f("ix_editions_announcement"), "editions", ["announcement"], unique=False)
    op.create_table(
        "versions",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("paper", _KEY, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("abstract", sa.Text(), server_default="", nullable=False),
        sa.Column("authors", sa.Text(), server_default="", nullable=False),
        sa.Column("categories", sa.Text(), server_default="", nullable=False),
        sa.Column("comments", sa.Text(), server_default="", nullable=False),
        sa.Column("journal_ref", sa.Text(), server_default="", nullable=False),
        sa.Column("doi", sa.Text(), server_default="", nullable=False),
        sa.Column("licence", sa.Text(), server_default="", nullable=False),
        sa.Column("submitted", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["paper"], ["papers.id"], name=op.f("fk_versions_paper"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_versions")),
        sa.UniqueConstraint("paper", "sha256", name=op.f("uq_versions_paper_sha256")),
    )
    op.create_table(
        "classifications",
        sa.Column("version", _KEY, nullable=False),
        sa.Column("model", _KEY, nullable=False),
        sa.Column("shelves", sa.JSON(), nullable=False),
        sa.Column("unsure", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.id"], name=op.f("fk_classifications_model"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["version"], ["versions.id"], name=op.f("fk_classifications_version"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("version", "model", name=op.f("pk_classifications")),
    )
    op.create_table(
        "entries",
        sa.Column("announcement", _KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("version", _KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("pending", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["announcement"], ["announcements.id"], name=op.f("fk_entries_announcement"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["version"], ["versions.id"], name=op.f("fk_entries_version"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("announcement", "position", name=op.f("pk_entries")),
    )
    op.create_index(op.f("ix_entries_version"), "entries", ["version"], unique=False)
    op.create_table(
        "files",
        sa.Column("edition", _KEY, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["edition"], ["editions.id"], name=op.f("fk_files_edition"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("edition", "role", name=op.f("pk_files")),
    )
    if op.get_context().dialect.name == "sqlite":
        op.execute("PRAGMA application_id = 1668695111")
