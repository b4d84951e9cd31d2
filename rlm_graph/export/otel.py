"""OpenTelemetry spans of a run that has happened, with the times that it had.

    rlm                      AGENT   the run
      iteration 1            CHAIN
        gpt-4.1              LLM     the root model's turn
        cell 1               TOOL    its code
          llm_query          LLM     a sub-call
          rlm_query          AGENT   a child, with iterations of its own below it

Attributes are those of OpenInference (`openinference.span.kind`, `llm.token_count.prompt`, ...) and of OpenTelemetry's
GenAI conventions (`gen_ai.request.model`, ...). Texts are cut; the context is in none of them but for the pieces that
stand in prompts. The ids follow from the run and its last checkpoint: a story that is exported twice is one trace.

While a run goes on, `openinference-instrumentation-langchain` gives such a tree by itself: `docs/observability.md`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Span, Status, StatusCode

from rlm_graph.errors import ConfigError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from rlm_graph.story import Cell, Story, SubCall, Turn

SHOWN_CHARS = 4000
"""Characters of a text in an attribute."""

SENT_AT_ONCE = 500
"""Spans in one request to a collector."""

_KINDS = {"llm_query": "LLM", "rlm_query": "AGENT", "tool": "TOOL", "ask_user": "TOOL"}
_OPERATIONS = {"LLM": "chat", "AGENT": "invoke_agent", "TOOL": "execute_tool"}


def export_spans(story: Story, exporter: SpanExporter) -> None:
    """Give all spans of a story to an exporter, one by one, and shut that down."""
    resource = Resource.create() if _has_service_name() else Resource.create({SERVICE_NAME: "rlm-graph"})
    provider = TracerProvider(resource=resource, id_generator=_Ids(story), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    try:
        _Spans(provider.get_tracer("rlm_graph"), story).write()
    finally:
        provider.shutdown()


def send_spans(story: Story, endpoint: str) -> int:
    """Send all spans of a story by OTLP over HTTP, as the OTEL_EXPORTER_OTLP_... variables say; returns how many.

    Raises:
        ConfigError: the collector is not there, or refuses them; `endpoint` is named.
        ImportError: the exporter is not installed.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    kept = _Kept()
    export_spans(story, kept)
    exporter = OTLPSpanExporter()
    for at in range(0, len(kept.spans), SENT_AT_ONCE):
        if exporter.export(kept.spans[at : at + SENT_AT_ONCE]) is not SpanExportResult.SUCCESS:
            raise ConfigError(f"the collector at {endpoint} does not take the spans: is it there, and is it OTLP/HTTP?")
    exporter.shutdown()  # type: ignore[no-untyped-call]  # it is OpenTelemetry's
    return len(kept.spans)


class _Kept(SpanExporter):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += spans
        return SpanExportResult.SUCCESS


class JSONLines(SpanExporter):
    """Writes each span as a line of JSON, in the form of OpenTelemetry's console exporter.

    Args:
        write: Takes a line with its newline.
    """

    def __init__(self, write: Callable[[str], Any]) -> None:
        self._write = write

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write spans."""
        for span in spans:
            self._write(json.dumps(json.loads(span.to_json(indent=None))) + "\n")
        return SpanExportResult.SUCCESS


class _Ids(IdGenerator):
    """Ids that follow from the story."""

    def __init__(self, story: Story) -> None:
        self._seed = f"{story.run}\n{story.checkpoint_id}"
        self._spans = 0

    def generate_trace_id(self) -> int:
        return self._number("trace", 16)

    def generate_span_id(self) -> int:
        self._spans += 1
        return self._number(str(self._spans), 8)

    def _number(self, of: str, size: int) -> int:
        return int.from_bytes(hashlib.sha256(f"{self._seed}\n{of}".encode()).digest()[:size], "big") or 1


class _Spans:
    def __init__(self, tracer: trace.Tracer, story: Story) -> None:
        self._tracer = tracer
        self._story = story
        times = list(_times(story))
        self._start, self._end = min(times, default=0.0), max(times, default=0.0)

    def write(self) -> None:
        """Make all spans."""
        story = self._story
        totals = story.totals
        root = self._begin("rlm", "AGENT", None, self._start, story.question, story.answer)
        root.set_attribute("session.id", story.run)
        root.set_attribute("gen_ai.conversation.id", story.run)
        root.set_attribute("rlm.status", story.status)
        root.set_attribute("rlm.iterations", totals.iterations)
        root.set_attribute("rlm.sub_calls", totals.sub_calls)
        if story.context is not None:
            root.set_attribute("rlm.context.chars", story.context.chars)
            root.set_attribute("rlm.context.items", story.context.items)
        # Not as llm.token_count: whoever adds up the spans would count everything twice.
        root.set_attribute("rlm.input_tokens", totals.input_tokens)
        root.set_attribute("rlm.output_tokens", totals.output_tokens)
        if totals.cost_usd is not None:
            root.set_attribute("rlm.cost_usd", totals.cost_usd)
        if story.status in ("failed", "no_answer"):
            root.set_status(Status(StatusCode.ERROR, story.status))
        self._turns(story.turns, root, self._start)
        root.end(_nano(self._end))

    def _turns(self, turns: Sequence[Turn], parent: Span, start: float) -> None:
        for turn in turns:
            began = turn.started_at or start
            end = max(began, turn.ended_at or self._end)
            span = self._begin(f"iteration {turn.iteration}", "CHAIN", parent, began, turn.reasoning, turn.observation)
            span.set_attribute("rlm.iteration", turn.iteration)
            replied = min(end, turn.reply_ended_at or end)
            if turn.reply:
                model = self._begin(turn.model or "root model", "LLM", span, began, turn.prompt, turn.reply)
                _ask(model, turn.model, turn.prompt, turn.reply)
                _count(model, turn.input_tokens, turn.output_tokens, turn.cost_usd)
                model.end(_nano(replied))
            for number, cell in enumerate(turn.cells, 1):
                self._cell(cell, f"cell {number}", span, replied, end)
            span.end(_nano(end))

    def _cell(self, cell: Cell, name: str, parent: Span, after: float, before: float) -> None:
        start = cell.started_at or min((call.started_at for call in cell.calls), default=after)
        end = cell.ended_at or min(before, start + (cell.elapsed_s or 0.0))
        span = self._begin(name, "TOOL", parent, start, cell.code, cell.error or cell.stdout)
        span.set_attribute("tool.name", "repl")
        span.set_attribute("gen_ai.tool.name", "repl")
        span.set_attribute("rlm.stdout.chars", cell.stdout_chars)
        if cell.error:
            span.set_status(Status(StatusCode.ERROR, cell.error.strip().splitlines()[-1][:SHOWN_CHARS]))
        for call in cell.calls:
            self._call(call, span)
        span.end(_nano(max(start, end)))

    def _call(self, call: SubCall, parent: Span) -> None:
        kind = _KINDS[call.kind]
        span = self._begin(call.kind, kind, parent, call.started_at, call.prompt, call.answer)
        if kind == "LLM":
            _ask(span, call.model, call.prompt, call.answer)
        elif kind == "TOOL":
            span.set_attribute("tool.name", call.kind)
            span.set_attribute("gen_ai.tool.name", call.kind)
        if not call.child:  # else those below have it, and a sum over all spans would count it twice
            _count(span, call.input_tokens, call.output_tokens, call.cost_usd)
        if call.failed:
            span.set_status(Status(StatusCode.ERROR, call.failed))
        self._turns(call.child, span, call.started_at)
        span.end(_nano(max(call.started_at, call.ended_at or self._end)))

    def _begin(
        self, name: str, kind: str, parent: Span | None, start: float, given: str | None, result: str | None
    ) -> Span:
        attributes: dict[str, Any] = {"openinference.span.kind": kind}
        if kind in _OPERATIONS:
            attributes["gen_ai.operation.name"] = _OPERATIONS[kind]
        for attribute, text in (("input", given), ("output", result)):
            if text:
                attributes |= {f"{attribute}.value": _shown(text), f"{attribute}.mime_type": "text/plain"}
        context = None if parent is None else trace.set_span_in_context(parent)
        return self._tracer.start_span(name, context=context, start_time=_nano(start), attributes=attributes)


def _ask(span: Span, model: str | None, prompt: str, answer: str) -> None:
    if model is not None:
        for attribute in ("llm.model_name", "gen_ai.request.model"):
            span.set_attribute(attribute, model)
    for attribute, role, text in (("input", "user", prompt), ("output", "assistant", answer)):
        if text:
            span.set_attribute(f"llm.{attribute}_messages.0.message.role", role)
            span.set_attribute(f"llm.{attribute}_messages.0.message.content", _shown(text))


def _count(span: Span, input_tokens: int, output_tokens: int, cost_usd: float | None) -> None:
    attributes: Mapping[str, int] = {
        "llm.token_count.prompt": input_tokens,
        "llm.token_count.completion": output_tokens,
        "llm.token_count.total": input_tokens + output_tokens,
        "gen_ai.usage.input_tokens": input_tokens,
        "gen_ai.usage.output_tokens": output_tokens,
    }
    for name, value in attributes.items():
        span.set_attribute(name, value)
    if cost_usd is not None:
        span.set_attribute("llm.cost.total", cost_usd)


def _times(story: Story) -> Iterator[float]:
    yield from (time for time in (story.started_at, story.ended_at) if time)
    for turn in story.turns:
        yield from (time for time in (turn.started_at, turn.reply_ended_at, turn.ended_at) if time)
    for _, call in story.calls():
        yield from (time for time in (call.started_at, call.ended_at) if time)


def _has_service_name() -> bool:
    return bool(
        os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    )


def _nano(seconds: float) -> int:
    return int(seconds * 1e9)


def _shown(text: str) -> str:
    """A text as an attribute may be: cut, and without what UTF-8 does not have."""
    cut = (
        text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]} [... {len(text) - SHOWN_CHARS:,} more characters]"
    )
    return cut.encode("utf-8", "replace").decode()
