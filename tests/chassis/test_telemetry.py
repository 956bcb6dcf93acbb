"""One trace from the request through the outbox row and the record's header to the handler; logs as JSON lines that name it."""

import io
import json
import logging
from collections.abc import Iterator
from uuid import uuid4

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis import telemetry
from contracts.profiles import CONTACTS, TOPIC
from tests.chassis.conftest import Kafka, Rows, Start, save
from tests.probes import eventually


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    telemetry.configure("probe")
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield exporter
    exporter.shutdown()


def parent_of(span: ReadableSpan) -> str:
    return f"{span.parent.span_id:016x}" if span.parent else ""


def id_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.span_id:016x}"


async def test_a_trace_flows_through_everything(
    spans: InMemorySpanExporter, kafka: Kafka, serve_here: Start, rows: Rows
) -> None:
    client = await serve_here(kafka.bootstrap)
    trace_id, span_id = uuid4().hex, "00f067aa0ba902b7"
    await client.send(save("Ann"), traceparent=f"00-{trace_id}-{span_id}-01")
    await eventually(rows.effects, describe="Ann is greeted")

    async def published() -> bool:
        return bool(await rows.one("SELECT count(*) = 0 FROM unpublished"))

    await eventually(published, describe="all is published")
    mine = {
        span.name: span
        for span in spans.get_finished_spans()
        if span.context is not None and f"{span.context.trace_id:032x}" == trace_id
    }
    command, handler = mine["command viceversa.profiles.save-profile.v1"], mine["viceversa-probe greet"]
    assert parent_of(command) == span_id
    assert parent_of(handler) == id_of(command)
    profile_row, contact_row = await rows.all("SELECT traceparent FROM outbox ORDER BY seq")
    assert profile_row.split("-")[1:3] == [trace_id, id_of(command)]
    assert contact_row.split("-")[1:3] == [trace_id, id_of(handler)]
    (profile,), (contact,) = await kafka.topics.read(TOPIC), await kafka.topics.read(CONTACTS)
    assert profile.headers["traceparent"].decode() == profile_row
    assert contact.headers["traceparent"].decode() == contact_row
    assert await rows.all("SELECT traceparent FROM effect") == [contact_row]


async def test_a_trace_that_is_not_kept_stays_so(
    spans: InMemorySpanExporter, kafka: Kafka, serve_here: Start, rows: Rows
) -> None:
    client = await serve_here(kafka.bootstrap)
    trace_id = uuid4().hex
    await client.send(save("Ann"), traceparent=f"00-{trace_id}-00f067aa0ba902b7-00")
    await eventually(rows.effects, describe="Ann is greeted")
    assert (await rows.one("SELECT traceparent FROM outbox ORDER BY seq LIMIT 1")).startswith(f"00-{trace_id}-")
    assert trace_id not in [f"{s.context.trace_id:032x}" for s in spans.get_finished_spans() if s.context]


@pytest.mark.parametrize("rubbish", ["rubbish", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "\u00e9", ""])
async def test_a_wrong_traceparent_does_no_harm(rubbish: str, spans: InMemorySpanExporter) -> None:
    with telemetry.consuming("probe", "greet", "wire", rubbish):
        pass


def test_logs_are_lines_of_json_that_name_the_trace(
    spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    telemetry.configure("probe")
    parent = f"00-{uuid4().hex}-00f067aa0ba902b7-01"
    with telemetry.span("work", parent=parent):
        structlog.get_logger("ours").warning("something.happened", count=3)
        logging.getLogger("theirs").warning("something %s", "else")
        try:
            raise ValueError("why")
        except ValueError:
            logging.getLogger("theirs").exception("it failed")
    # A process configures itself once; here it is the second time, and OpenTelemetry says so.
    lines = [json.loads(line) for line in written.getvalue().splitlines() if "TracerProvider" not in line]
    assert [line["event"] for line in lines] == ["something.happened", "something else", "it failed"]
    for line in lines:
        assert (line["service"], line["trace_id"]) == ("probe", parent.split("-")[1])
    assert (lines[0]["count"], lines[0]["level"]) == (3, "warning")
    assert "ValueError: why" in lines[2]["exception"]
