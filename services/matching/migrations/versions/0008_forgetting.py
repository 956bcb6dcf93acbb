"""An erasure reaches what is still to be published."""

from alembic import op

from chassis.migrations import forget_what_waits

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Additive: yesterday's code runs beside it."""
    forget_what_waits(op)
