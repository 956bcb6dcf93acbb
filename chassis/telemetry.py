"""Logs as JSON lines, traces across HTTP and Kafka, metrics with ages in seconds."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog
from opentelemetry import context as otel_context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import Counter, Gauge, Histogram

CONSUMED = Counter("viceversa_facts_consumed_total", "Facts applied", ["consumer"])
SKIPPED = Counter("viceversa_facts_skipped_total", "Facts passed over", ["consumer", "reason"])
PARKED = Counter(
    "viceversa_facts_parked_total", "Facts put aside after a permanent failure, or behind one", ["consumer"]
)
DEAD = Counter("viceversa_records_dead_total", "Records that nobody can decode", ["consumer"])
PUBLISHED = Counter("viceversa_facts_published_total", "Facts published from the outbox", ["service"])
CONSUMER_AGE = Gauge(
    "viceversa_consumer_fact_age_seconds",
    "Now minus the time of the newest fact applied, when it was applied",
    ["consumer"],
)
OUTBOX_AGE = Gauge("viceversa_outbox_oldest_seconds", "Age of the oldest unpublished fact", ["service"])
COMMANDS = Histogram("viceversa_command_seconds", "Commands by outcome", ["command", "outcome"])

_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("viceversa")


def configure(service: str, *, level: str = "info", trace_ratio: float = 0.05) -> None:
    """Set up logging and tracing for this process. Spans are exported only when OTEL_EXPORTER_OTLP_ENDPOINT is set.

    ``trace_ratio``: the part of traces begun here that is kept; those begun elsewhere are kept when they were there.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_trace,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    # What libraries log becomes the same lines.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for noisy in ("aiokafka", "sqlalchemy", "asyncio", "httpx", "httpcore", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL if noisy == "aiokafka" else logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    provider = TracerProvider(
        resource=Resource.create({"service.name": f"viceversa-{service}"}),
        sampler=ParentBased(TraceIdRatioBased(trace_ratio)),
    )
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        # Only where it is used: 20 MB.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def traceparent() -> str:
    """The W3C trace context of the present span, or an empty string."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent", "")


@contextmanager
def span(name: str, *, parent: str = "", attributes: Mapping[str, str] | None = None) -> Iterator[None]:
    """A span; ``parent`` is a traceparent that came from elsewhere."""
    token = otel_context.attach(_propagator.extract({"traceparent": parent})) if parent else None
    try:
        with _tracer.start_as_current_span(name, attributes=dict(attributes or {})):
            yield
    finally:
        if token is not None:
            otel_context.detach(token)


@contextmanager
def consuming(consumer: str, handler: str, wire: str, parent: str) -> Iterator[None]:
    """The span of one handler at work on one fact; free when the fact carries no trace."""
    if not parent:
        yield
        return
    with span(
        f"{consumer} {handler}", parent=parent, attributes={"messaging.system": "kafka", "cloudevents.event_type": wire}
    ):
        yield


def _with_trace(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
    return event
