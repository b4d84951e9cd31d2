"""Algorithm 1 of "Recursive Language Models" (arXiv 2512.24601) as a LangGraph graph.

state <- InitREPL(context)                    init_repl
hist  <- [Metadata(state)]                    init_repl
while True:
    code <- LLM(hist)                         generate_code
    (state, stdout) <- REPL(state, code)      execute_repl
    hist <- hist || code || Metadata(stdout)  truncate_observation
    if state[Final] is set: return it         route -> finalize
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, cast

from langchain_core.caches import BaseCache as LLMCache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage, convert_to_messages
from langchain_core.runnables import Runnable, RunnableConfig, ensure_config
from langgraph.cache.base import BaseCache
from langgraph.errors import GraphBubbleUp
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.store.base import BaseStore
from langgraph.types import Checkpointer, Command, StateUpdate

from rlm_graph import prompts
from rlm_graph.answers import Key, child_path
from rlm_graph.blocking import clean_up, run_blocking
from rlm_graph.config import RLMConfig
from rlm_graph.context import ContextRef, ContextStore, default_home, home_store, process_store
from rlm_graph.errors import ConfigError, ContextError, JournalError
from rlm_graph.journal import Journal, JournalCache
from rlm_graph.models import resolve_model
from rlm_graph.nodes import Nodes, Parts, route
from rlm_graph.prices import Price
from rlm_graph.profiles import Profile
from rlm_graph.repl.executor import ExecutorFactory
from rlm_graph.repl.pool import ReplPool, Scope
from rlm_graph.repl.process import ProcessExecutors
from rlm_graph.state import RLMInput, RLMOutput, RLMState
from rlm_graph.steps import PATH_KEY, SCOPE_KEY, TREE_KEY, Steps, current_step, with_configurable
from rlm_graph.sub_calls import AskChild, NoChildAnswer, SubCallRefused
from rlm_graph.sub_models import SubModel, SubModels
from rlm_graph.tool_loop import as_tools
from rlm_graph.tools import Tools, UserTool
from rlm_graph.tree import Tree

DURABILITY_KEY = "__pregel_durability"
"""Where LangGraph hands a run's durability down to nested graphs."""

STEPS_LIMIT = 1_000_000
"""LangGraph's limit of steps, out of reach: an iteration takes three."""


def create_rlm(
    model: str | BaseChatModel,
    *,
    sub_model: str | BaseChatModel | None = None,
    sub_models: Mapping[str, str | BaseChatModel | SubModel] | None = None,
    tools: Sequence[UserTool] = (),
    sub_tools: Sequence[UserTool] = (),
    config: RLMConfig | None = None,
    profile: Profile | None = None,
    prices: Mapping[str, Price] | None = None,
    checkpointer: Checkpointer = None,
    store: BaseStore | None = None,
    cache: BaseCache[Any] | None = None,
    context_store: ContextStore | None = None,
    journal: Journal | str | Path | None = None,
    llm_cache: LLMCache | None = None,
    executors: ExecutorFactory | None = None,
    name: str = "rlm",
) -> RLMGraph:
    """A Recursive Language Model, as a compiled LangGraph graph.

    Args:
        model: The root model: a chat model, or its name as `init_chat_model` takes it ("openai:gpt-4.1"). A temperature
            or a limit of tokens that a chat model was made with wins over the config's.
        sub_model: The model that `llm_query` asks; the root model if left out.
        sub_models: More models that the code may ask by name: `{"strong": "openai:gpt-4.1"}`, or a `SubModel` with a
            description, limits and prices of its own.
        tools: LangChain tools, or functions with a docstring, that the code in the REPL may call. They run here, not in
            the REPL's process.
        sub_tools: Tools that the sub-model may use while it answers an `llm_query`.
        config: The settings; a run can override some of them with LangGraph's `context=` of `invoke`.
        profile: A prompt profile of your own; left out, the one that the setting `profile` names.
        prices: What models' tokens cost, by the models' names; others as genai-prices knows them.
        checkpointer: As for any LangGraph graph. With one, a thread keeps its REPL from question to question, and a run
            that was killed goes on: `invoke(None, config)`.
        store: LangGraph's long-term store, handed through.
        cache: LangGraph's cache of nodes, handed through.
        context_store: Where contexts are kept. Left out: the user's data folder with a checkpointer, which may
            come back to them; else a temporary folder that ends with this process.
        journal: Where everything that was paid for is committed before it is used: a `Journal`, a file, or a
            database's URL. Left out: `journal.sqlite` in the context store's folder, if that is a local one, else in
            the user's data folder. Used where there is a checkpointer.
        llm_cache: LangChain's cache of answers, for the setting `cache`; the journal's own if left out.
        executors: The REPL backend; processes of this machine if left out.
        name: The graph's name in traces, in Studio and as a sub-agent.

    Returns:
        A graph that takes `RLMInput` and gives `RLMOutput`; sync and async.

    Raises:
        UnknownModelError: a model name is not known.
        MissingKeyError: a model's provider wants an API key and none is set.
        ConfigError: a setting, a tool or the name of a sub-model is not allowed.
    """
    if config is not None and not isinstance(config, RLMConfig):
        raise ConfigError(f"config: {config!r} is not allowed: must be an RLMConfig")
    root = resolve_model(model)
    models = SubModels(root if sub_model is None else resolve_model(sub_model), root, sub_models, prices or {})
    contexts = context_store or (process_store() if checkpointer is None else home_store())
    kept = journal if isinstance(journal, Journal) else Journal(journal or _journal_beside(contexts))
    parts = Parts(
        models=models,
        config=config or RLMConfig(),
        profile=profile,
        repls=ReplPool(executors or ProcessExecutors(), contexts),
        steps=Steps(journal=kept, cache=llm_cache or JournalCache(kept)),
        tools=Tools(tools),
        sub_tools=as_tools(sub_tools),
    )
    return _wire(_nodes(root, parts, depth=1), name=name, checkpointer=checkpointer, store=store, cache=cache)


def _wire(nodes: Nodes, *, name: str, **compile_options: Any) -> RLMGraph:
    graph = StateGraph(RLMState, RLMConfig, input_schema=RLMInput, output_schema=RLMOutput)
    graph.add_node("init_repl", Node(nodes.init_repl))
    graph.add_node("generate_code", Node(nodes.generate_code))
    graph.add_node("execute_repl", Node(nodes.execute_repl))
    graph.add_node("truncate_observation", Node(nodes.truncate_observation))
    graph.add_node("finalize", Node(nodes.finalize))

    graph.add_edge(START, "init_repl")
    graph.add_edge("init_repl", "generate_code")
    graph.add_edge("generate_code", "execute_repl")
    graph.add_edge("execute_repl", "truncate_observation")
    graph.add_conditional_edges("truncate_observation", route)
    graph.add_edge("finalize", END)

    compiled = graph.compile(name=name, **compile_options)
    return RLMGraph(repls=nodes.repls, journal=nodes.journal, **vars(compiled))


def _nodes(root: BaseChatModel, parts: Parts, *, depth: int) -> Nodes:
    """The nodes of a level of the tree of calls; 1 is the run itself."""
    return Nodes(root, parts, depth=depth, ask_child=_child(parts, depth=depth + 1))


def _child(parts: Parts, *, depth: int) -> AskChild | None:
    """How a cell at `depth - 1` asks a child: an RLM of its own, without checkpoints, in its parent's tree."""
    if depth > parts.config.max_recursion_depth:
        return None
    nodes = _nodes(parts.models.default, parts, depth=depth)
    child = _wire(nodes, name=f"rlm_query_{depth}", checkpointer=False)

    async def ask_child(prompt: str, context: Any, key: Key, tree: Tree, config: RunnableConfig) -> str:
        # Without a checkpointer of its own it could not keep the durability that LangGraph hands down to it.
        own = with_configurable(config, {TREE_KEY: tree, PATH_KEY: child_path(key), DURABILITY_KEY: "async"})
        try:
            result = await child.ainvoke({"query": prompt, "context": context}, own)
        except (ConfigError, ContextError) as error:  # an empty question or context: the code can mend that
            raise SubCallRefused("value", str(error)) from error
        if result["answer"] is None:
            raise NoChildAnswer(prompts.no_child_answer(prompt))
        return str(result["answer"])

    return ask_child


def _journal_beside(contexts: ContextStore) -> Path:
    folder = contexts.files.root if contexts.files.local else default_home()
    return Path(folder) / "journal.sqlite"


class Node(Runnable[RLMState, RLMState]):
    """A node function, which is async, as LangGraph calls it: from async code, or from a thread of a sync run."""

    def __init__(self, function: Callable[[RLMState, RunnableConfig], Awaitable[RLMState]]) -> None:
        self.name = self._node = function.__name__
        self._function = function

    def invoke(self, input: RLMState, config: RunnableConfig | None = None, **_: Any) -> RLMState:  # noqa: A002
        """Run the node from sync code."""
        return run_blocking(self.ainvoke(input, config))

    async def ainvoke(self, input: RLMState, config: RunnableConfig | None = None, **_: Any) -> RLMState:  # noqa: A002
        """Run the node. It writes what has changed, and which step it was: each write is a row of the checkpointer."""
        config = ensure_config(config)
        step = current_step(self._node, input, config)
        written: Mapping[str, Any] = await self._function(input, config)
        changed = {name: value for name, value in written.items() if name not in input or input.get(name) != value}
        return cast(RLMState, {**changed, "trail": step.trail})


class RLMGraph(CompiledStateGraph[RLMState, RLMConfig, RLMInput, RLMOutput]):
    """A compiled graph whose input is made ready before any channel, checkpoint or trace sees it.

    The context goes into the context store, and a reference to it takes its place. REPLs of a run without a
    checkpointer, which nobody can come back to, are closed when it ends, however it ends.
    """

    def __init__(self, *, repls: ReplPool, journal: Journal, **compiled: Any) -> None:
        super().__init__(**compiled)
        self.repls = repls
        self.journal = journal

    def close(self) -> None:
        """End the processes that are kept for the next question. Without it they end with this object."""
        self.repls.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def stream(self, input: Any, config: RunnableConfig | None = None, **options: Any) -> Iterator[Any]:  # noqa: A002
        """Run the graph; see `CompiledStateGraph.stream`."""
        config, scope = self._scoped(config)
        try:
            yield from super().stream(self._prepared(input), config, **options)
        except Exception as error:
            run_blocking(_note_failure(scope, error))
            raise
        finally:
            clean_up(self._end(scope))

    async def astream(self, input: Any, config: RunnableConfig | None = None, **options: Any) -> AsyncIterator[Any]:  # noqa: A002
        """Run the graph; see `CompiledStateGraph.astream`."""
        config, scope = self._scoped(config)
        try:
            prepared = await asyncio.to_thread(self._prepared, input)
            async for chunk in super().astream(prepared, config, **options):
                yield chunk
        except Exception as error:
            await _note_failure(scope, error)
            raise
        finally:
            await self._end(scope)

    async def _end(self, scope: Scope) -> None:
        await self.repls.end(scope)
        if scope.session is not None:
            await scope.session.close()

    def bulk_update_state(self, config: RunnableConfig, supersteps: Sequence[Sequence[StateUpdate]]) -> RunnableConfig:
        """Change a state; see `CompiledStateGraph`. A context that is written goes into the store here too."""
        return super().bulk_update_state(config, self._updates(supersteps))

    async def abulk_update_state(
        self, config: RunnableConfig, supersteps: Sequence[Sequence[StateUpdate]]
    ) -> RunnableConfig:
        """As `bulk_update_state`."""
        return await super().abulk_update_state(config, await asyncio.to_thread(self._updates, supersteps))

    def _updates(self, supersteps: Sequence[Sequence[StateUpdate]]) -> list[list[StateUpdate]]:
        return [
            [
                update._replace(values=self._referenced(update.values)) if isinstance(update.values, dict) else update
                for update in step
            ]
            for step in supersteps
        ]

    def _referenced(self, values: dict[str, Any]) -> dict[str, Any]:
        """Values for channels, with a reference in the place of a context."""
        context = values.get("context")
        if context is None or ContextRef.is_ref_state(context):
            return dict(values)
        if context == "" and values.get("messages"):  # a chat through a form, whose field was left empty
            return {name: value for name, value in values.items() if name != "context"}
        return {**values, "context": self.repls.store.put(context).to_state()}

    def _scoped(self, config: RunnableConfig | None) -> tuple[RunnableConfig, Scope]:
        """The config of a run with a scope for its REPLs, which are kept where a checkpoint can lead back to them.

        It also gets a limit of steps that is never reached. A config that comes from a parent's node carries 25, which
        is 8 iterations; what limits a run is `max_iterations`.
        """
        inherited = ensure_config(config)["configurable"].get("__pregel_checkpointer")
        scope = Scope(keeps=bool(self.checkpointer or (self.checkpointer is None and inherited)))
        own: RunnableConfig = {**(config or {}), "recursion_limit": STEPS_LIMIT}
        return {**own, "configurable": {**own.get("configurable", {}), SCOPE_KEY: scope}}, scope

    def _prepared(self, given: Any) -> Any:
        """The input with the context in the store, and with both a query and messages."""
        if isinstance(given, Command):
            update = self._prepared(given.update) if isinstance(given.update, dict) else given.update
            return Command(graph=given.graph, update=update, resume=given.resume, goto=given.goto)
        if not isinstance(given, dict):
            return given  # None: the run goes on from its checkpoint
        prepared = self._referenced(given)
        if prepared.get("messages"):
            messages = convert_to_messages(prepared["messages"])
            prepared["messages"] = messages
            if not prepared.get("query"):
                prepared["query"] = next((str(m.text) for m in reversed(messages) if m.type == "human"), "")
        elif prepared.get("query"):
            prepared["messages"] = [HumanMessage(str(prepared["query"]), id=str(uuid.uuid4()))]
        return prepared


async def _note_failure(scope: Scope, error: Exception) -> None:
    if scope.session is not None and not isinstance(error, GraphBubbleUp | JournalError):
        await scope.session.note(status="failed")


__all__ = ["RLMGraph", "create_rlm"]
