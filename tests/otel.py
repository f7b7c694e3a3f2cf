"""OpenTelemetry's SDK for tests: what was told, kept in memory.

A process gets one tracer provider and one meter provider, for good. So the tracers given here do
nothing except while a test listens, and counts are told from when it began to.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracer, Span, Tracer

Point = tuple[str, frozenset[tuple[str, Any]]]
"""An instrument's name and the attributes of one of its values."""


class Switch:
    """Whether tracers trace."""

    is_on = False


class SwitchedTracer(Tracer):
    """A tracer that traces while the switch is on."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def start_span(self, *args: Any, **options: Any) -> Span:
        return self._chosen().start_span(*args, **options)

    def start_as_current_span(self, *args: Any, **options: Any) -> Any:
        return self._chosen().start_as_current_span(*args, **options)

    def _chosen(self) -> Tracer:
        return self._tracer if Switch.is_on else NoOpTracer()


class SwitchedProvider(trace.TracerProvider):
    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider

    def get_tracer(self, *args: Any, **options: Any) -> Tracer:
        return SwitchedTracer(self._provider.get_tracer(*args, **options))


class Heard:
    """What was told since the test began to listen."""

    def __init__(self, exporter: InMemorySpanExporter, reader: InMemoryMetricReader) -> None:
        self._exporter = exporter
        self._reader = reader
        self._before = self._read()

    @property
    def spans(self) -> list[ReadableSpan]:
        """Spans that have ended, in that order."""
        return list(self._exporter.get_finished_spans())

    def span(self, name: str, kind: trace.SpanKind) -> ReadableSpan:
        """The one span of this name and kind."""
        (found,) = [span for span in self.spans if (span.name, span.kind) == (name, kind)]
        return found

    def count(self, name: str, attributes: Mapping[str, Any] | None = None) -> float:
        """What an instrument counted under these attributes and any others.

        Of a histogram, how many values; of what is present, how many there are now.
        """
        wanted = set((attributes or {}).items())
        return sum(
            value - self._before.get(point, 0)
            for point, value in self._read().items()
            if point[0] == name and wanted <= point[1]
        )

    def points(self) -> set[Point]:
        """All that was ever told in this process, without the values."""
        return set(self._read())

    def _read(self) -> dict[Point, float]:
        data = self._reader.get_metrics_data()
        found: dict[Point, float] = {}
        for resource in () if data is None else data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        key = metric.name, frozenset((point.attributes or {}).items())
                        is_number = isinstance(point, NumberDataPoint)
                        found[key] = point.value if is_number else point.count
        return found


@contextmanager
def listening() -> Generator[Heard]:
    """Trace, and hear what is told, while the context is open."""
    exporter, reader = _provided()
    exporter.clear()
    Switch.is_on = True
    try:
        yield Heard(exporter, reader)
    finally:
        Switch.is_on = False


@cache
def _provided() -> tuple[InMemorySpanExporter, InMemoryMetricReader]:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(SwitchedProvider(provider))
    metrics.set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))
    return exporter, reader
