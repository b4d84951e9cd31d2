"""What flows through the graph: small values and references, never the context or the REPL's variables."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from langchain_core.messages import AnyMessage, BaseMessage, RemoveMessage, convert_to_messages, messages_from_dict
from langgraph.channels.delta import DeltaChannel
from pydantic import ConfigDict, WithJsonSchema, with_config

# On Python 3.11 the server shows no input schema for typing's own TypedDict.
from typing_extensions import TypedDict

from rlm_graph.ledger import ModelTotals

Status = Literal["running", "complete", "out_of_iterations", "out_of_budget", "no_answer"]
"""How a run stands: `complete`: the root model submitted; `out_of_iterations`, `out_of_budget`: it was asked for its
best answer when the iterations, or another budget, ran out; `no_answer`: it gave none then either."""

AnsweredBy = Literal["submitted", "forced", "direct"]
"""`submitted`: by the root model, of its own accord; `forced`: as the reply to the last question; `direct`: in one call
that was shown the whole context, which is short."""


def append_messages(messages: list[AnyMessage], writes: list[Any]) -> list[AnyMessage]:
    """Messages with what was written to them: new ones at the end, one with a known id in its place.

    A checkpoint holds the writes of its step only, and this puts them together again: iteration 100 stores no more
    than iteration 10. So it must give the same however the writes are batched.
    """
    merged: dict[str | int, AnyMessage] = {_key(message, at): message for at, message in enumerate(messages)}
    for write in writes:
        for message in _messages(write):
            if isinstance(message, RemoveMessage):
                merged.pop(message.id or "", None)
            else:
                merged[_key(message, len(merged))] = message  # type: ignore[assignment]
    return list(merged.values())


def _messages(write: Any) -> list[BaseMessage]:
    """The messages in a write. A server that shows a thread hands over the fields of each, in place of the object."""
    return convert_to_messages([_whole(message) for message in (write if isinstance(write, list) else [write])])


def _whole(message: Any) -> Any:
    if isinstance(message, dict) and {"type", "additional_kwargs", "response_metadata"} <= message.keys():
        # convert_to_messages would take usage, for one, for an additional argument.
        return messages_from_dict([{"type": message["type"], "data": message}])[0]
    return message


def _key(message: BaseMessage, at: int) -> str | int:
    return message.id or at


_JSON_CONTEXT = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string"},
            {"type": "array", "items": {"type": "string"}},
            {"type": "array"},
            {"type": "object"},
            {"type": "null"},
        ]
    }
)
"""A context as JSON can say it, for forms and remote callers; Python callers have more to give."""


@with_config(ConfigDict(use_attribute_docstrings=True))  # a server's schemas tell what is said below
class RLMInput(TypedDict, total=False):
    """A question about a context, or a conversation whose last message is the question."""

    query: str
    """The question. Left out: the text of the last human message."""

    context: Annotated[Any, _JSON_CONTEXT]
    """The context: a text, a list of texts, a dict, documents, a `pathlib.Path`, or a `ContextRef`. A text is always
    the text itself, never the name of a file. A server takes `{"handle": ...}` of an upload and, below its roots,
    `{"uri": ...}`. Left out: that of the thread's last question, else the conversation."""

    messages: list[AnyMessage]
    """A conversation, for use as a chat graph or a sub-agent. Left out: the question is its only message."""


@with_config(ConfigDict(use_attribute_docstrings=True))
class Citation(TypedDict):
    """A piece of the context that the answer rests on, found there."""

    document: int | str
    """Its place in a list of texts, 0 for a context that is one text; in any other, a JSON pointer
    (`/reviews/3/text`)."""

    name: str | None
    """The document's name, if it has one."""

    start: int
    """Where the piece begins, in characters of the text (of its JSON, if it is no text)."""

    end: int
    """Where it ends."""

    text: str
    """What stands there."""

    occurrences: int
    """How often the context has a quotation; the place is that of the first."""


@with_config(ConfigDict(use_attribute_docstrings=True))
class RLMOutput(TypedDict, total=False):
    """The answer, and how it came about."""

    answer: str | None
    """The answer as it stood in the REPL; None where there is none."""

    structured_response: Any
    """The answer in the form that `response_format` asks for; None or absent where nothing asks, or there is none."""

    citations: list[Citation]
    """What of the context the answer rests on, where the setting `citations` asks for it."""

    evidence_problems: list[str]
    """Evidence that is not in the context, one sentence each: it was left out of `citations`."""

    status: Status
    """How the run ended."""

    answered_by: AnsweredBy | None
    """Whether the answer was submitted or forced at the end; None where there is none."""

    messages: list[AnyMessage]
    """The conversation with code and observations; the last message is the answer."""

    iterations: int
    """Turns of the root model that counted."""

    exhausted: str | None
    """The setting of the budget that ran out (`max_usd`, ...); None if none did."""

    sub_calls: int
    """Sub-calls made, batched ones and children's counted one by one, and their retries."""

    ran_ahead: int
    """Sub-calls that were made before the code reached them (`run_ahead`)."""

    requests: int
    """Requests to models, all of the tree: as many as their servers were sent."""

    cache_hits: int
    """Calls that a cache answered, without a request."""

    total_input_tokens: int
    """Input tokens of root, sub-calls and children, as their servers counted them."""

    total_output_tokens: int
    """Output tokens likewise."""

    cost_usd: float | None
    """Price of all calls in US dollars; None where the price of one is not known."""

    models: dict[str, ModelTotals]
    """Requests, tokens and money by model."""

    elapsed_s: float
    """Seconds that the run has worked, pauses not counted."""

    profile: str
    """The prompt profile that was used."""

    repl_variables: dict[str, str]
    """The REPL's variables at the end: type and size of each."""


class Outcome(TypedDict):
    """What is kept of a cell's end until its observation is written: bounded, plain."""

    stdout: str
    """The first `metadata_prefix_chars` characters that it printed."""

    stdout_chars: int
    """Characters that it printed in all."""

    stderr: str
    """The beginning of what it wrote to stderr."""

    error: str | None
    """The traceback; None if it ran to its end."""

    changed: dict[str, str]
    """Variables that it set, described."""

    notes: list[str]
    """What else the root model must know."""

    undone: bool
    """It had to be killed: the variables are those of before it."""


class RLMState(TypedDict, total=False):
    """The channels. A node returns those that it changes."""

    query: str
    """The question. Written by whoever asks."""

    context: Any
    """Reference to the context in the store (`ContextRef.to_state`). The context itself passes through no channel."""

    messages: Annotated[list[AnyMessage], DeltaChannel(append_messages)]
    """The conversation: questions, replies with code, observations, answers."""

    turn_start: int
    """Index in `messages` of this question. Written by `init_repl`."""

    iterations: int
    """Turns of the root model so far; a first reply without code is not counted."""

    codeless: int
    """Replies without code in a row."""

    cells: list[str]
    """Code of the last reply, to be run. Written by `generate_code`."""

    typed_answer: str | None
    """An answer that the last reply held as plain text. Written by `generate_code`."""

    last_question: bool
    """The iterations ran out, and the last reply was the last one."""

    outcomes: list[Outcome]
    """Ends of the cells that ran, for their observation. Written by `execute_repl`."""

    repl: str | None
    """Id of the REPL state that this state belongs to (`ReplPool`)."""

    trail: str
    """Which step made this state (`Step.trail`)."""

    exhausted_at: float
    """The limit that the budget had which ran out: who raises it lets the run go on."""

    errors: int
    """Turns whose code failed, one after the other, up to now."""

    approved_usd: float
    """What the run may cost before a person is asked again; 0: no limit."""

    history: str | None
    """Where the messages are that were taken out of the conversation: a hash in the context store. The REPL has them as
    `history`, a list of dicts with `role` and `content`."""

    refusals: int
    """Answers of this question that were refused for their evidence."""

    repair: Literal["none", "due", "done"]
    """Whether the reply to the last question did not fit the form, and may be mended once."""

    misfit: str
    """What was wrong with the last value of this question that did not fit the form; "" if there was none."""

    answer: str | None
    structured_response: Any
    citations: list[Citation]
    evidence_problems: list[str]
    status: Status
    answered_by: AnsweredBy | None
    exhausted: str | None
    sub_calls: int
    ran_ahead: int
    requests: int
    cache_hits: int
    total_input_tokens: int
    total_output_tokens: int
    cost_usd: float | None
    models: dict[str, ModelTotals]
    elapsed_s: float
    profile: str
    repl_variables: dict[str, str]


def role(message: BaseMessage) -> str | None:
    """What a message is in a run: `query`, `code`, `observation` or `answer`; None for somebody else's message."""
    mark: Mapping[str, Any] = message.additional_kwargs.get("rlm") or {}
    found = mark.get("role")
    return found if isinstance(found, str) else None


def marked(message: Any, kind: str, **more: str) -> Any:
    """A message with its role in the run, for whoever reads the conversation; it is not sent to a model.

    An observation, which is a person's message to the model, has its role as its name too: Studio shows that.
    """
    kwargs = {**message.additional_kwargs, "rlm": {"role": kind, **more}}
    name = kind if kind == "observation" else message.name
    return message.model_copy(update={"additional_kwargs": kwargs, "id": message.id or str(uuid.uuid4()), "name": name})
