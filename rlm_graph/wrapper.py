"""The interface of the original `rlm` package, name by name, over the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rlm_graph.blocking import run_blocking
from rlm_graph.config import RLMConfig
from rlm_graph.errors import MaxIterationsExceeded
from rlm_graph.events import RLMEvent, log_to_stderr, read_event
from rlm_graph.graph import create_rlm
from rlm_graph.models.client_model import ClientModel
from rlm_graph.state import AnsweredBy, Status, role

EventCallback = Callable[[RLMEvent], None]


@dataclass(frozen=True)
class HistoryEntry:
    """One step of a run."""

    role: str
    """`root`: a reply of the root model; `repl_output`: what its code printed."""

    content: str
    """The whole text; of a cell's output up to 200,000 characters."""

    truncated_content: str
    """What the root model was shown of it."""

    iteration: int
    """The iteration that it belongs to, from 1."""


@dataclass(frozen=True)
class RLMResponse:
    """The result of `RLMWrapper.generate`."""

    answer: str
    """The answer as it stood in the REPL."""

    iterations: int
    """Turns of the root model."""

    sub_calls: int
    """Sub-calls made."""

    total_input_tokens: int
    """Input tokens of all calls, root and sub-calls."""

    total_output_tokens: int
    """Output tokens likewise."""

    history: list[HistoryEntry] = field(default_factory=list)
    """The run, step by step."""

    repl_variables: dict[str, str] = field(default_factory=dict)
    """The REPL's variables at the end, with the beginning of each one's `repr`."""

    status: Status = "complete"
    """`complete`, or `out_of_iterations`."""

    answered_by: AnsweredBy | None = "submitted"
    """`submitted`, or `forced` by the last question."""

    cost_usd: float | None = None
    """Price of all calls in US dollars; None where the price of one is not known."""


class RLMWrapper:
    """An OpenAI client as a Recursive Language Model.

    Args:
        client: `openai.OpenAI` or `AsyncOpenAI`, for any server that speaks that protocol; it is used as it is.
        root_model: The model that writes code.
        sub_model: The model that `llm_query` asks; the root model if left out.
        config: The settings.
    """

    def __init__(
        self,
        client: Any,
        root_model: str = "gpt-4.1",
        sub_model: str | None = None,
        config: RLMConfig | None = None,
    ) -> None:
        self._config = config or RLMConfig()
        if self._config.verbose:
            log_to_stderr()
        root = ClientModel(client=client, model_name=root_model)
        sub = root if sub_model in (None, root_model) else ClientModel(client=client, model_name=str(sub_model))
        self._graph = create_rlm(root, sub_model=sub, config=self._config)

    def generate(self, query: str, context: Any, on_event: EventCallback | None = None) -> RLMResponse:
        """Answer a question about a context.

        Args:
            query: The question.
            context: A text, a list of texts, or anything else that `create_rlm` takes.
            on_event: Called with each event of the run, in this thread or that of the event loop.

        Raises:
            MaxIterationsExceeded: there was no answer when the iterations ran out.
            RLMError: the context or a model cannot be used.
        """
        return run_blocking(self.agenerate(query, context, on_event))

    async def agenerate(self, query: str, context: Any, on_event: EventCallback | None = None) -> RLMResponse:
        """As `generate`, for async code."""
        events: list[RLMEvent] = []
        result: dict[str, Any] = {}
        asked = {"query": query, "context": context}
        async for mode, chunk in self._graph.astream(asked, stream_mode=["custom", "values"]):
            event = read_event(chunk) if mode == "custom" else None
            if event is not None:
                events.append(event)
                if on_event is not None:
                    on_event(event)
            elif mode == "values":
                result = chunk
        if result["answer"] is None:
            raise MaxIterationsExceeded(result["iterations"], self._config.max_iterations)
        cells = [event.detail for event in events if event.type == "code_executed"]
        taken = RLMResponse.__dataclass_fields__.keys() - {"history", "repl_variables"}
        return RLMResponse(
            history=_history(result["messages"], events),
            repl_variables=cells[-1]["variables"] if cells else {},
            **{name: result[name] for name in taken},
        )


def _history(messages: Sequence[Any], events: Sequence[RLMEvent]) -> list[HistoryEntry]:
    """Replies and outputs in order: what was shown is in the messages, what was printed in the events."""
    replies = [event for event in events if event.type == "code_generated"]
    entries: list[HistoryEntry] = []
    for message in messages:
        text = str(message.text)
        if role(message) == "code":
            reply = replies.pop(0)
            entries.append(HistoryEntry("root", text, text, reply.iteration))
        elif role(message) == "observation" and entries:
            iteration = entries[-1].iteration
            printed = [e.detail for e in events if e.type == "code_executed" and e.iteration == iteration]
            whole = "".join(detail["stdout"] + (detail["error"] or "") for detail in printed)
            entries.append(HistoryEntry("repl_output", whole or text, text, iteration))
    return entries
