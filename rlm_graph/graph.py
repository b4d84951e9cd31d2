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
import inspect
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self, cast

from langchain_core.caches import BaseCache as LLMCache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, convert_to_messages
from langchain_core.runnables import Runnable, RunnableConfig, ensure_config
from langchain_core.runnables.graph import Graph
from langgraph.cache.base import BaseCache
from langgraph.errors import GraphBubbleUp
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.store.base import BaseStore
from langgraph.types import Checkpointer, Command, StateUpdate

from rlm_graph import prompts
from rlm_graph.admission import admitted, admitted_updates, refers_to_thread
from rlm_graph.answers import Key, child_path
from rlm_graph.blocking import clean_up, run_blocking
from rlm_graph.config import MAX_RECURSION_DEPTH, RLMConfig
from rlm_graph.context import ContextRef, ContextStore, default_home, home_store, process_store
from rlm_graph.context.gate import ContextGate
from rlm_graph.context.roots import ContextRoots
from rlm_graph.drawing import with_child
from rlm_graph.errors import ConfigError, ContextError, JournalError
from rlm_graph.journal import Journal, JournalCache
from rlm_graph.models.chat_models import resolve_model
from rlm_graph.models.sub_models import SubModel, SubModels
from rlm_graph.models.tool_loop import as_tools
from rlm_graph.nodes import Nodes, Parts, route
from rlm_graph.prices import Price
from rlm_graph.profiles import Profile
from rlm_graph.repl.executor import ExecutorFactory
from rlm_graph.repl.pool import ReplPool, Scope
from rlm_graph.repl.process import ProcessExecutors
from rlm_graph.response import Form, with_instance
from rlm_graph.safe_point import Brake
from rlm_graph.served_config import form_of
from rlm_graph.state import RLMInput, RLMOutput, RLMState
from rlm_graph.steps import BEGUN_AS_KEY, PATH_KEY, SCOPE_KEY, TREE_KEY, Steps, current_step, with_configurable
from rlm_graph.sub_calls import NoChildAnswer, SubCallRefused
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
    offered_models: Mapping[str, str | BaseChatModel] | None = None,
    tools: Sequence[UserTool] = (),
    sub_tools: Sequence[UserTool] = (),
    response_format: Any = None,
    config: RLMConfig | None = None,
    profile: Profile | None = None,
    prices: Mapping[str, Price] | None = None,
    checkpointer: Checkpointer = None,
    store: BaseStore | None = None,
    cache: BaseCache[Any] | None = None,
    context_store: ContextStore | None = None,
    context_roots: ContextRoots | None = None,
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
        offered_models: Models, by name, among which a run's settings may choose the root model and the sub-model, if
            `config` is a `ServedConfig`.
        tools: LangChain tools, or functions with a docstring, that the code in the REPL may call. They run here, not in
            the REPL's process.
        sub_tools: Tools that the sub-model may use while it answers an `llm_query`.
        response_format: What the answer must be: a pydantic model, a dataclass, a TypedDict, a JSON Schema, or one of
            `create_agent`'s strategies with such a thing in it. The result has it as `structured_response`.
        config: The settings; a run can override some of them with LangGraph's `context=` of `invoke`.
        profile: A prompt profile of your own; left out, the one that the setting `profile` names.
        prices: What models' tokens cost, by the models' names; others as genai-prices knows them.
        checkpointer: As for any LangGraph graph. With one, a thread keeps its REPL from question to question, and a run
            that was killed goes on: `invoke(None, config)`.
        store: LangGraph's long-term store, handed through.
        cache: LangGraph's cache of nodes, handed through.
        context_store: Where contexts are kept. Left out: the user's data folder with a checkpointer or
            `context_roots`, for one may come back to them; else a temporary folder that ends with this process.
        context_roots: Makes the graph one for remote callers, who may have as a context what they send, what they have
            uploaded (`{"handle": ...}`), and what lies below these roots (`{"uri": ...}`); `ContextRoots()` for none.
            Left out: whoever calls is this program's own code.
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
        ConfigError: a setting, a profile, a tool, the name of a sub-model or the response format is not allowed.
    """
    if config is not None and not isinstance(config, RLMConfig):
        raise ConfigError(f"config: {config!r} is not allowed: must be an RLMConfig")
    if profile is not None and not isinstance(profile, Profile):
        raise ConfigError(
            f"profile: {profile!r} is not allowed: must be a Profile; load_profile(path) reads one, and one of ours is "
            f"named in the settings: RLMConfig(profile='small')"
        )
    root = resolve_model(model)
    offered = {name: resolve_model(given) for name, given in (offered_models or {}).items()}
    models = SubModels(root if sub_model is None else resolve_model(sub_model), root, sub_models, prices or {}, offered)
    comes_back = checkpointer is not None or context_roots is not None  # a server brings its checkpointer later
    contexts = context_store or (home_store() if comes_back else process_store())
    kept = journal if isinstance(journal, Journal) else Journal(journal or _journal_beside(contexts))
    own = config or RLMConfig()
    parts = Parts(
        models=models,
        config=own,
        profile=profile,
        repls=ReplPool(executors or ProcessExecutors(), contexts),
        steps=Steps(journal=kept, cache=llm_cache or JournalCache(kept)),
        tools=Tools(tools),
        sub_tools=as_tools(sub_tools),
        form=None if response_format is None else Form(response_format),
    )
    gate = None if context_roots is None else ContextGate(contexts, context_roots)
    settings, kept_by = form_of(own, offered), {"checkpointer": checkpointer, "store": store, "cache": cache}
    return _wire(parts, settings, depth=1, name=name, gate=gate, **kept_by)


def _wire(
    parts: Parts,
    settings: type[RLMConfig],
    *,
    depth: int,
    name: str,
    gate: ContextGate | None = None,
    **compile_options: Any,
) -> RLMGraph:
    """The graph of a level of the tree of calls; 1 is the run itself."""
    child = Child(parts, depth + 1) if depth < MAX_RECURSION_DEPTH else None
    nodes = Nodes(parts, depth=depth, ask_child=child)
    graph = StateGraph(RLMState, settings, input_schema=RLMInput, output_schema=RLMOutput)
    graph.add_node("init_repl", Node(nodes.init_repl, depth=depth))
    graph.add_node("generate_code", Node(nodes.generate_code, depth=depth))
    graph.add_node("execute_repl", Node(nodes.execute_repl, depth=depth))
    graph.add_node("truncate_observation", Node(nodes.truncate_observation, depth=depth))
    graph.add_node("finalize", Node(nodes.finalize, depth=depth))

    graph.add_edge(START, "init_repl")
    graph.add_edge("init_repl", "generate_code")
    graph.add_edge("generate_code", "execute_repl")
    graph.add_edge("execute_repl", "truncate_observation")
    graph.add_conditional_edges("truncate_observation", route)
    graph.add_edge("finalize", END)

    compiled = graph.compile(name=name, **compile_options)
    drawn = child if depth < parts.config.max_recursion_depth else None
    return RLMGraph(
        repls=nodes.repls,
        journal=nodes.journal,
        brake=nodes.brake,
        gate=gate,
        form=nodes.form,
        child=drawn,
        **vars(compiled),
    )


class Child:
    """The RLM that answers what a cell at `depth - 1` asks of `rlm_query`, without checkpoints, in its parent's tree.

    It is made when it is first needed: a run's own settings decide how deep the tree of calls may be.
    """

    def __init__(self, parts: Parts, depth: int) -> None:
        self._parts = parts
        self._depth = depth

    @cached_property
    def graph(self) -> RLMGraph:
        """The graph that is run."""
        parts = self._parts
        return _wire(parts, type(parts.config), depth=self._depth, name=f"rlm_query_{self._depth}", checkpointer=False)

    async def __call__(self, prompt: str, context: Any, key: Key, tree: Tree, config: RunnableConfig) -> str:
        """Ask; what the cell handed over is data, also where it looks like a reference to somebody's context."""
        # Without a checkpointer of its own it could not keep the durability that LangGraph hands down to it.
        own = with_configurable(config, {TREE_KEY: tree, PATH_KEY: child_path(key), DURABILITY_KEY: "async"})
        try:
            kept = await asyncio.to_thread(self._parts.repls.store.put, context)
            result = await self.graph.ainvoke({"query": prompt, "context": kept.to_state()}, own)
        except (ConfigError, ContextError) as error:  # an empty question or context: the code can mend that
            raise SubCallRefused("value", str(error)) from error
        if result["answer"] is None:
            raise NoChildAnswer(prompts.no_child_answer(prompt, tree.ledger.exhausted))
        return str(result["answer"])


def _journal_beside(contexts: ContextStore) -> Path:
    folder = contexts.files.root if contexts.files.local else default_home()
    return Path(folder) / "journal.sqlite"


class Node(Runnable[RLMState, RLMState]):
    """A node function as LangGraph calls it: from async code, or from a thread of a sync run.

    It is async, or waits for nothing: then a sync run need not go through the event loop.
    """

    def __init__(
        self, function: Callable[[RLMState, RunnableConfig], Awaitable[RLMState] | RLMState], *, depth: int
    ) -> None:
        self.name = self._node = function.__name__
        self._function = function
        self._depth = depth

    def invoke(self, input: RLMState, config: RunnableConfig | None = None, **_: Any) -> RLMState:  # noqa: A002
        """Run the node from sync code."""
        if inspect.iscoroutinefunction(self._function):
            return run_blocking(self.ainvoke(input, config))
        return self._changed(input, cast(RLMState, self._function(input, ensure_config(config))), config)

    async def ainvoke(self, input: RLMState, config: RunnableConfig | None = None, **_: Any) -> RLMState:  # noqa: A002
        """Run the node."""
        config = ensure_config(config)
        iteration = input.get("iterations", 0) + (self._node == "generate_code")
        told = {"rlm_iteration": iteration, "rlm_depth": self._depth}  # for traces, of all that is below the node
        config = {**config, "metadata": {**config.get("metadata", {}), **told}}
        given = self._function(input, config)
        written: RLMState = await given if isinstance(given, Awaitable) else given
        return self._changed(input, written, config)

    def _changed(self, state: RLMState, written: Mapping[str, Any], config: RunnableConfig | None) -> RLMState:
        """What a node has changed, and which step it was: each write is a row of the checkpointer."""
        step = current_step(self._node, state, ensure_config(config))
        changed = {name: value for name, value in written.items() if name not in state or state.get(name) != value}
        return cast(RLMState, {**changed, "trail": step.trail})


class RLMGraph(CompiledStateGraph[RLMState, RLMConfig, RLMInput, RLMOutput]):
    """A compiled graph whose input is made ready before any channel, checkpoint or trace sees it.

    The context goes into the context store, and a reference to it takes its place. REPLs of a run without a
    checkpointer, which nobody can come back to, are closed when it ends, however it ends.
    """

    def __init__(
        self,
        *,
        repls: ReplPool,
        journal: Journal,
        brake: Brake,
        gate: ContextGate | None = None,
        form: Form | None = None,
        child: Child | None = None,
        **compiled: Any,
    ) -> None:
        super().__init__(**compiled)
        self.repls = repls
        self.journal = journal
        self.brake = brake  # for a server, which ends while runs go on
        self.gate = gate  # for what remote callers send; None where the callers are this program's own code
        self.child = child  # to be drawn; None where the graph's own settings have no children
        self.form = form  # of the answer; the state has it as plain values, what is streamed has instances of it

    def close(self) -> None:
        """End the processes that are kept for the next question. Without it they end with this object."""
        self.repls.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get_graph(self, config: RunnableConfig | None = None, *, xray: int | bool = False) -> Graph:
        """Draw the graph; with `xray`, its children too. See `CompiledStateGraph.get_graph`."""
        drawn = super().get_graph(config, xray=xray)
        if not xray or self.child is None:
            return drawn
        below = xray if isinstance(xray, bool) else xray - 1
        return with_child(drawn, self.child.graph.get_graph(config, xray=below))

    async def aget_graph(self, config: RunnableConfig | None = None, *, xray: int | bool = False) -> Graph:
        """As `get_graph`."""
        return self.get_graph(config, xray=xray)

    def stream(self, input: Any, config: RunnableConfig | None = None, **options: Any) -> Iterator[Any]:  # noqa: A002
        """Run the graph; see `CompiledStateGraph.stream`."""
        config, scope = self._scoped(config)
        try:
            for chunk in super().stream(self._prepared(self._admitted(input, config)), config, **options):
                yield with_instance(self.form, chunk, options)
        except Exception as error:
            run_blocking(_note_failure(scope, error))
            raise
        finally:
            clean_up(self._end(scope))

    async def astream(self, input: Any, config: RunnableConfig | None = None, **options: Any) -> AsyncIterator[Any]:  # noqa: A002
        """Run the graph; see `CompiledStateGraph.astream`."""
        config, scope = self._scoped(config)
        try:
            prepared = await asyncio.to_thread(self._prepared, await self._aadmitted(input, config))
            async for chunk in super().astream(prepared, config, **options):
                yield with_instance(self.form, chunk, options)
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
        if self.gate is not None:
            needs = any(refers_to_thread(update) for step in supersteps for update in step)
            held = self.get_state(config).values if needs else {}
            supersteps = admitted_updates(self.gate, supersteps, held)
        return super().bulk_update_state(config, self._updates(supersteps))

    async def abulk_update_state(
        self, config: RunnableConfig, supersteps: Sequence[Sequence[StateUpdate]]
    ) -> RunnableConfig:
        """As `bulk_update_state`."""
        if self.gate is not None:
            needs = any(refers_to_thread(update) for step in supersteps for update in step)
            held = (await self.aget_state(config)).values if needs else {}
            supersteps = await asyncio.to_thread(admitted_updates, self.gate, supersteps, held)
        return await super().abulk_update_state(config, await asyncio.to_thread(self._updates, supersteps))

    def _admitted(self, given: Any, config: RunnableConfig) -> Any:
        """What a caller has sent, as it may go on; where nothing is kept, no thread vouches for references."""
        if self.gate is None:
            return given
        held = self.get_state(config).values if self.checkpointer and refers_to_thread(given) else {}
        return admitted(self.gate, given, held)

    async def _aadmitted(self, given: Any, config: RunnableConfig) -> Any:
        """As `_admitted`."""
        if self.gate is None:
            return given
        held = (await self.aget_state(config)).values if self.checkpointer and refers_to_thread(given) else {}
        return await asyncio.to_thread(admitted, self.gate, given, held)

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
        given = {**(config or {}).get("configurable", {})}
        begun_as = given.pop(BEGUN_AS_KEY, "")  # of this run only, not of those that its tools begin
        addressed = any(given.get(key) for key in ("thread_id", "checkpoint_ns", "checkpoint_id", "checkpoint_map"))
        # As LangGraph does: a config that names its own checkpoint inherits nothing.
        whole = given if addressed else {**ensure_config()["configurable"], **given}
        inherited = whole.get("__pregel_checkpointer")
        keeps = bool(self.checkpointer or (self.checkpointer is None and inherited))
        named = {**(self.config or {}).get("configurable", {}), **whole}
        if self.checkpointer and "__pregel_checkpointer" not in whole and not named.get("thread_id"):
            raise ConfigError(
                "a run that is kept needs a name: config={'configurable': {'thread_id': ...}}; the same goes on with it"
            )
        scope = Scope(keeps=keeps, begun_as=begun_as)
        own: RunnableConfig = {**(config or {}), "recursion_limit": STEPS_LIMIT}
        return {**own, "configurable": {**given, SCOPE_KEY: scope}}, scope

    def _prepared(self, given: Any) -> Any:
        """The input with the context in the store, and with both a query and messages."""
        if isinstance(given, Command):
            update = self._prepared(given.update) if isinstance(given.update, dict) else given.update
            if isinstance(update, list | tuple):
                update = [pair for name, value in update for pair in self._referenced({name: value}).items()]
            return Command(graph=given.graph, update=update, resume=given.resume, goto=given.goto)
        if not isinstance(given, dict):
            return given  # None: the run goes on from its checkpoint
        prepared = self._referenced(given)
        if prepared.get("messages"):
            said = prepared["messages"]  # a text, where a caller's form knows no messages: MCP's
            messages = convert_to_messages([HumanMessage(said)] if isinstance(said, str) else said)
            prepared["messages"] = messages
            if not prepared.get("query"):
                prepared["query"] = _question(messages)
        elif prepared.get("query"):
            prepared["messages"] = [HumanMessage(prompts.sendable(str(prepared["query"])), id=str(uuid.uuid4()))]
        if isinstance(prepared.get("query"), str):  # it may quote a text with lone surrogates
            prepared["query"] = prompts.sendable(prepared["query"])
        return prepared


def _question(messages: Sequence[BaseMessage]) -> str:
    """The text of the last human message, which is the question."""
    asked = next((message for message in reversed(messages) if message.type == "human"), None)
    if asked is None:
        return ""
    for part in asked.content if isinstance(asked.content, list) else ():
        kind = "text" if isinstance(part, str) else part.get("type")
        if kind != "text":  # read past, it would be a question about what nobody has seen
            raise ConfigError(
                f"messages: a part of the type {kind!r} is not allowed: must be text; give what a file says as context"
            )
    return str(asked.text)


async def _note_failure(scope: Scope, error: Exception) -> None:
    if scope.session is not None and not isinstance(error, GraphBubbleUp | JournalError):
        await scope.session.note(status="failed")


__all__ = ["RLMGraph", "create_rlm"]
