"""An RLM as a tool of an agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, InjectedToolArg, StructuredTool
from langgraph.prebuilt import ToolRuntime
from pydantic import BaseModel, Field

from rlm_graph.agents import handles
from rlm_graph.agents.asking import Asker, Question, failure
from rlm_graph.config import RLMConfig
from rlm_graph.context import ContextRef, ContextStore
from rlm_graph.errors import ConfigError, ContextError
from rlm_graph.graph import RLMGraph

Result = tuple[str | ToolMessage, dict[str, Any]]
Runtime = Annotated[ToolRuntime[Any, Any] | None, InjectedToolArg]

SHOWN_NAMES: Final = 5
"""Names of documents that the agent's model is told of."""

_OVER = "Answers a question about {context}, however long that is: it is read by a program, not by you."
_OVER_ANY = (
    "Answers a question about a text that is too long to read. Give the text as `context`, or as `handle` if a tool's "
    "result was kept as one (ctx:...)."
)


class OverFixed(BaseModel):
    """Arguments of a tool over one context."""

    query: str = Field(description="The question, complete in itself: nothing else of this conversation is known.")


class OverAny(OverFixed):
    """Arguments of a tool over any context."""

    context: str | None = Field(default=None, description="The text itself.")
    handle: str | None = Field(default=None, description="Or the handle that stands for it, such as ctx:0123456789ab.")


def create_rlm_tool(
    rlm: RLMGraph | str | BaseChatModel,
    *,
    name: str = "ask_documents",
    description: str | None = None,
    context: Any = None,
    sub_model: str | BaseChatModel | None = None,
    config: RLMConfig | None = None,
    context_store: ContextStore | None = None,
    max_answer_chars: int = 20_000,
) -> BaseTool:
    """A tool that answers questions over contexts of any length, for `create_agent` or any other agent.

    Its message holds the answer, its `artifact` the whole answer and the figures (`status`, `sub_calls`, `cost_usd`,
    ...). A question without an answer, or about nothing, gives a message of status "error", which the agent reads; what
    the operator must mend is an exception.

    The run inside shares what the agent has: callbacks (so its tokens are counted), streams, the checkpointer. A person
    is asked through the agent's interrupts, and an agent that was killed goes on in the middle of the question.

    Args:
        rlm: What `create_rlm` returned, or a root model, of which one is made. Give a graph that runs under a lasting
            checkpointer a lasting `context_store`, too.
        name: The tool's name.
        description: When to use it, for the agent's model. Left out: it tells the size of the context.
        context: The context of all questions, loaded once, now: then the tool's only argument is `query`. Left out:
            the agent gives a text, or a handle (see `LargeContextMiddleware`).
        sub_model: As for `create_rlm`, if `rlm` is a model.
        config: Likewise.
        context_store: Likewise. Left out: the user's data folder where a checkpointer keeps the agent's runs, else a
            temporary one.
        max_answer_chars: Characters of an answer that the agent is shown; 0 means no limit.

    Raises:
        ConfigError: an argument is not allowed.
        ContextError: the context cannot be used.
        UnknownModelError: a model's name is not known.
        MissingKeyError: a model's provider wants an API key and none is set.
    """
    if max_answer_chars < 0:
        raise ConfigError(f"max_answer_chars: {max_answer_chars} is not allowed: must be 0 (no limit) or more")
    asker = Asker(rlm, sub_model=sub_model, config=config, context_store=context_store)
    if context is None:
        return ContextTool(asker, name, max_answer_chars).tool(description or _OVER_ANY, OverAny)
    ref = asker.put(context)
    made = ContextTool(asker, name, max_answer_chars, fixed=ref)
    return made.tool(description or _OVER.format(context=_told(ref)), OverFixed)


@dataclass(frozen=True)
class ContextTool:
    """The work of a tool: which context a call is about, and what is asked of it."""

    asker: Asker
    name: str
    max_answer_chars: int
    fixed: ContextRef | None = None
    """The context of all calls."""

    def tool(self, description: str, arguments: type[BaseModel]) -> BaseTool:
        """The tool itself."""
        return StructuredTool.from_function(
            self.ask,
            self.aask,
            name=self.name,
            description=description,
            args_schema=arguments,
            infer_schema=False,
            response_format="content_and_artifact",
        )

    def ask(self, query: str, context: str | None = None, handle: str | None = None, runtime: Runtime = None) -> Result:
        """Answer a call of the tool."""
        question = self._question(query, context, handle, runtime)
        if isinstance(question, str):
            return failure(self.name, runtime, question)
        try:
            return self.asker.answer(question)
        except ContextError as error:
            return self._context_failure(error, runtime)

    async def aask(
        self, query: str, context: str | None = None, handle: str | None = None, runtime: Runtime = None
    ) -> Result:
        """As `ask`."""
        question = self._question(query, context, handle, runtime)
        if isinstance(question, str):
            return failure(self.name, runtime, question)
        try:
            return await self.asker.aanswer(question)
        except ContextError as error:
            return self._context_failure(error, runtime)

    def _question(
        self, query: str, context: str | None, handle: str | None, runtime: ToolRuntime[Any, Any] | None
    ) -> Question | str:
        """The question; or what is wrong with it, for the agent."""
        if not query.strip():
            return f"query: {query!r} is not allowed: must be a question"
        found: ContextRef | dict[str, Any] | None = self.fixed
        if found is None and bool(context) == bool(handle):
            return "give one of them: `context`, which is a text, or `handle`, which stands for one"
        if found is None and handle:
            state = None if runtime is None else runtime.state
            found = handles.find(state, handle)
            if found is None:
                return handles.unknown(state, handle)
        return Question(self.name, query, found or str(context), runtime, self.max_answer_chars)

    def _context_failure(self, error: ContextError, runtime: ToolRuntime[Any, Any] | None) -> Result:
        """An agent can give another text, or make again what was kept; the context of all calls is the operator's."""
        if self.fixed is not None:
            raise error
        return failure(self.name, runtime, f"the context cannot be used: {error}")


def _told(ref: ContextRef) -> str:
    """What an agent is told of a context."""
    what = (
        f"a text of {ref.chars:,} characters"
        if ref.kind == "str"
        else f"{ref.items:,} items ({ref.chars:,} characters)"
    )
    names = ", ".join(ref.names[:SHOWN_NAMES])
    return f"{what}: {names}{', ...' if len(ref.names) > SHOWN_NAMES else ''}" if names else what


__all__ = ["ContextTool", "create_rlm_tool"]
