"""What all migrations share: the chassis' own tables and row-level security."""

from __future__ import annotations

from typing import Protocol

from alembic import context
from sqlalchemy import Executable, text

_CHASSIS_TABLES = """
CREATE FUNCTION app_org() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT NULLIF(current_setting('app.org', true), '')::uuid $$;
CREATE FUNCTION app_person() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT NULLIF(current_setting('app.person', true), '')::uuid $$;

CREATE TABLE outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fact_id uuid NOT NULL UNIQUE,
    topic text NOT NULL,
    key uuid NOT NULL,
    wire text NOT NULL,
    payload bytea NOT NULL,
    occurred_at timestamptz NOT NULL,
    traceparent text NOT NULL DEFAULT '',
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- The queue: which facts wait to be published. Apart, because deleting eight bytes costs a twentieth of updating a fact.
CREATE TABLE unpublished (seq bigint PRIMARY KEY)
    WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE FUNCTION outbox_queue() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public
    AS $$ BEGIN INSERT INTO unpublished SELECT seq FROM recorded; RETURN NULL; END $$;
CREATE TRIGGER queue AFTER INSERT ON outbox REFERENCING NEW TABLE AS recorded
    FOR EACH STATEMENT EXECUTE FUNCTION outbox_queue();
CREATE TABLE inbox (
    consumer text NOT NULL,
    generation integer NOT NULL DEFAULT 0,
    fact_id uuid NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (consumer, generation, fact_id)
);
-- Rows come in this order, so the smallest of indexes will do.
CREATE INDEX inbox_seen ON inbox USING brin (seen_at);

CREATE TABLE parked (
    parked_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    key bytea,
    fact_id uuid,
    wire text NOT NULL DEFAULT '',
    headers jsonb NOT NULL DEFAULT '[]',
    payload bytea,
    handler text NOT NULL DEFAULT '',
    reason text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    redriven_at timestamptz,
    UNIQUE (consumer, topic, partition, "offset", fact_id)
);
CREATE INDEX parked_waiting ON parked (consumer, topic, key) WHERE redriven_at IS NULL;

CREATE TABLE command_log (
    command_id uuid PRIMARY KEY,
    wire text NOT NULL,
    digest bytea NOT NULL,
    facts bytea NOT NULL DEFAULT '\\x5b5d',
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX command_log_recorded ON command_log (recorded_at);

CREATE FUNCTION forget_facts(keys uuid[]) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public AS $$
    DELETE FROM outbox WHERE key = ANY (keys) AND NOT EXISTS (SELECT FROM unpublished WHERE unpublished.seq = outbox.seq)$$;
CREATE FUNCTION forget_answers(keys uuid[]) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public AS $$
    UPDATE command_log SET facts = '\\x5b5d'
    WHERE EXISTS (SELECT FROM unnest(keys) AS gone WHERE position(convert_to(gone::text, 'UTF8') IN command_log.facts) > 0)$$;

CREATE TABLE consumer_generation (
    consumer text PRIMARY KEY,
    generation integer NOT NULL
);

REVOKE ALL ON consumer_generation, outbox, unpublished, inbox, parked, command_log, alembic_version FROM {service}_tenant;
REVOKE ALL ON alembic_version FROM {service}_system;
GRANT INSERT ON outbox TO {service}_tenant;
GRANT SELECT, INSERT, UPDATE ON command_log TO {service}_tenant;
GRANT SELECT ON alembic_version TO {service}_system;
"""

# What is forgotten while it waits is published, because its consumers count on it, and then it goes. So does what was redriven.
_FORGETTING = """
ALTER TABLE unpublished ADD COLUMN forgotten boolean NOT NULL DEFAULT false;
CREATE FUNCTION outbox_forget() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public
    AS $$ BEGIN DELETE FROM outbox WHERE seq = OLD.seq; RETURN NULL; END $$;
CREATE TRIGGER forget AFTER DELETE ON unpublished FOR EACH ROW WHEN (OLD.forgotten) EXECUTE FUNCTION outbox_forget();
-- First what waits: the relay, which may be about to mark it as published, then waits for us, and sees that it is to be forgotten.
CREATE OR REPLACE FUNCTION forget_facts(keys uuid[]) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public AS $$
    UPDATE unpublished SET forgotten = true WHERE seq IN
    (SELECT seq FROM unpublished JOIN outbox USING (seq) WHERE key = ANY (keys) ORDER BY seq FOR UPDATE OF unpublished); DELETE
    FROM outbox WHERE key = ANY (keys) AND NOT EXISTS (SELECT FROM unpublished WHERE unpublished.seq = outbox.seq)$$;
UPDATE parked SET payload = NULL, headers = '[]' WHERE redriven_at IS NOT NULL;
"""


class Executes(Protocol):
    """The part of ``alembic.op`` that is needed here."""

    def execute(self, sqltext: Executable | str) -> None:
        """Run one statement of the migration."""


def service_name() -> str:
    """The service whose database is being migrated."""
    return str(context.config.attributes["service"])


def chassis_tables(op: Executes) -> None:
    """Create outbox, inbox, parked and command_log, as they were at first: a new service calls ``forget_what_waits``, too.

    No row-level security: tenants have no right to read the first three, and a command's row is found only by whoever knows its random id
    and repeats its content."""
    for statement in _statements(_CHASSIS_TABLES.format(service=service_name())):
        op.execute(text(statement.replace(":", "\\:")))


def forget_what_waits(op: Executes) -> None:
    """Let an erasure reach what is still to be published, and what was redriven. Additive: a relay of yesterday's deletes from the
    queue as it did."""
    for statement in _statements(_FORGETTING):
        op.execute(text(statement.replace(":", "\\:")))


def protect(op: Executes, table: str, *, tenant: str, read: str | None = None) -> None:
    """Force row-level security on a table: the tenant role sees and writes rows for which ``tenant`` holds (SELECT: ``read`` when
    given), the system role sees all, everybody else nothing."""
    service = service_name()
    for statement in (
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant ON {table} TO {service}_tenant USING ({tenant}) WITH CHECK ({tenant})",
        f"CREATE POLICY system ON {table} TO {service}_system USING (true) WITH CHECK (true)",
    ):
        op.execute(text(statement.replace(":", "\\:")))
    if read is not None:
        statement = f"CREATE POLICY tenant_read ON {table} FOR SELECT TO {service}_tenant USING ({read})"
        op.execute(text(statement.replace(":", "\\:")))


def _statements(script: str) -> list[str]:
    return [statement.strip() for statement in script.split(";\n") if statement.strip()]
