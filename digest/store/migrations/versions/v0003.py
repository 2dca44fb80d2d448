"""Who is told what, and what became of each letter."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "asked",
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("window", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "window", name=op.f("pk_asked")),
    )
    op.create_table(
        "bounces",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_bounces")),
    )
    op.create_table(
        "mailings",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("category", sa.Text(), server_default="", nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("frequency", sa.Text(), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("queued", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailings")),
        sa.UniqueConstraint("category", "date", "frequency", name=op.f("uq_mailings_category_date_frequency")),
    )
    op.create_table(
        "strangers",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("made", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_strangers")),
    )
    op.create_table(
        "subscribers",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("canonical", sa.Text(), nullable=False),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("choice", sa.JSON(), nullable=False),
        sa.Column("wanted", sa.JSON(), nullable=True),
        sa.Column("frequency", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("made", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.Column("score", sa.Float(), server_default="0", nullable=False),
        sa.Column("scored", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscribers")),
        sa.UniqueConstraint("canonical", name=op.f("uq_subscribers_canonical")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_subscribers_standing_frequency_zone_hour", "subscribers", ["standing", "frequency", "zone", "hour"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("mailing", _KEY, nullable=True),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("subscriber", _KEY, nullable=True),
        sa.Column("handling", sa.Text(), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("worker", sa.Text(), server_default="", nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first", sa.DateTime(timezone=True), nullable=True),
        sa.Column("doubts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["mailing"], ["mailings.id"], name=op.f("fk_deliveries_mailing"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["subscriber"], ["subscribers.id"], name=op.f("fk_deliveries_subscriber"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("mailing", "recipient", name=op.f("uq_deliveries_mailing_recipient")),
    )
    op.create_index("ix_deliveries_handling_due_id", "deliveries", ["handling", "due", "id"], unique=False)
    taken = sa.text("worker <> ''")
    op.create_index("ix_deliveries_worker", "deliveries", ["worker"], unique=False, sqlite_where=taken, postgresql_where=taken)
    op.create_index(op.f("ix_deliveries_subscriber"), "deliveries", ["subscriber"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("subscriber", _KEY, nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=True),
        sa.Column("choice", sa.JSON(), nullable=True),
        sa.Column("used", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["subscriber"], ["subscribers.id"], name=op.f("fk_tokens_subscriber"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_tokens")),
    )
    op.create_index(op.f("ix_tokens_subscriber"), "tokens", ["subscriber"], unique=False)
