"""A chat model whose prompt may be longer than any window."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Final

from langchain_core.callbacks import (
    AsyncCallbackManager,
    AsyncCallbackManagerForLLMRun,
    BaseCallbackManager,
    CallbackManager,
    CallbackManagerForLLMRun,
    Callbacks,
)
from langchain_core.language_models import BaseChatModel, LangSmithParams, LanguageModelInput, ModelProfile
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, LLMResult
from langchain_core.runnables import Runnable, RunnableBinding, RunnableConfig, ensure_config, patch_config
from langchain_core.runnables.config import set_config_context
from langchain_core.runnables.utils import coro_with_context
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict, PrivateAttr

from rlm_graph.agents import nesting
from rlm_graph.agents.asking import Asker, figures
from rlm_graph.agents.long_prompt import LongPrompt, chars, take_apart
from rlm_graph.answers import digest
from rlm_graph.config import RLMConfig
from rlm_graph.errors import BudgetExceeded, ConfigError, MaxIterationsExceeded
from rlm_graph.models.chat_models import model_name, resolve_model

ANY_LENGTH: Final = 1_000_000_000
"""Tokens that a profile says can be read: middlewares that ask for it need a number."""

_FORM: Final = "rlm_answer_form"
_IN_ONE_PIECE: Final = "rlm_in_one_piece"
_CALL: Final = "rlm_call"
_QUESTION: Final = "question"
_OURS: Final = (_FORM, _IN_ONE_PIECE, _CALL, _QUESTION)
_REPLY_WITH: Final = ("tools", "functions", "response_format", "text_format")
"""What a call is given that makes the reply something else than a text."""


class ChatRLM(BaseChatModel):
    """A chat model that hands long prompts to an RLM, and short ones to its root model as they are.

        model = ChatRLM(model="openai:gpt-4.1", sub_model="openai:gpt-4.1-mini")
        model.invoke(["Which of these contracts end in 2027?", contracts])

    A prompt of up to `long_above_chars` characters goes to the root model: then this is that model, with its tools,
    streams and structured output. Of a longer one, the long parts become the context and the rest the question, as
    `rlm_graph.agents.long_prompt` says; `invoke(prompt, question=...)` says what the question is. The answer is what
    the RLM submitted, with `with_structured_output` a value of that form. Where tools are bound, the root model gets
    the question with the RLM's answer, and calls them or replies.

    In a node of a graph, the run inside uses that graph's checkpointer, streams and interrupts.

    Any further argument is one of the root model, where that is given by its name: `temperature`, `base_url`, ...

    Raises:
        UnknownModelError: a model's name is not known.
        MissingKeyError: a model's provider wants an API key and none is set.
        pydantic.ValidationError: an argument is not allowed.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="allow")

    model: Any
    """The root model: a chat model, or its name as `init_chat_model` takes it. A name that was given with arguments
    becomes the chat model that they make: nothing of theirs, such as a key, is shown or traced by this one."""

    sub_model: Any = None
    """The model that `llm_query` asks; the root model if left out."""

    config: RLMConfig | None = None
    """The settings of the RLM."""

    context_store: Any = None
    """Where long prompts are kept, a `ContextStore`. Left out: the user's data folder in a graph with a lasting
    checkpointer, else a temporary folder."""

    long_above_chars: int = 100_000
    """Characters of the longest prompt that goes to the root model as it is."""

    _root: BaseChatModel = PrivateAttr()
    _asker: Asker = PrivateAttr()
    _listeners: dict[str, BaseCallbackManager] = PrivateAttr(default_factory=dict)

    def model_post_init(self, context: Any, /) -> None:
        """Make it ready."""
        super().model_post_init(context)
        if self.long_above_chars < 0:
            raise ConfigError(f"long_above_chars: {self.long_above_chars} is not allowed: must be 0 or more")
        self._root = self._resolved()
        self._asker = Asker(self._root, sub_model=self.sub_model, config=self.config, context_store=self.context_store)
        if self.rate_limiter is None:
            self.rate_limiter = self._root.rate_limiter

    def _resolved(self) -> BaseChatModel:
        options = self.model_extra or {}
        if not options:
            return resolve_model(self.model)
        if not isinstance(self.model, str):
            names = ", ".join(sorted(options))
            raise ConfigError(f"{names}: not allowed beside a chat model: give it to that, or name the model")
        from langchain.chat_models import init_chat_model

        self.model = init_chat_model(self.model, **options)
        self.__pydantic_extra__ = {}
        return resolve_model(self.model)

    # What the root model does. --------------------------------------------------------------------------------------

    @property
    def _llm_type(self) -> str:
        return "rlm"

    @property
    def model_name(self) -> str:
        """What the root model calls itself: agents choose by it how to ask for structured output."""
        return model_name(self._root)

    def get_token_ids(self, text: str) -> list[int]:
        """As the root model counts."""
        return self._root.get_token_ids(text)

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """As the root model counts."""
        return self._root.get_num_tokens_from_messages(messages, tools)

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        sub_model = self._root if self.sub_model is None else self.sub_model
        return {
            "model": self.model_name,
            "sub_model": sub_model if isinstance(sub_model, str) else model_name(sub_model),
            "config": None if self.config is None else self.config.model_dump(mode="json"),
            "long_above_chars": self.long_above_chars,
            "root": self._root._identifying_params,  # noqa: SLF001 - what tells two of its kind apart
        }

    def _resolve_model_profile(self) -> ModelProfile | None:
        return {**(self._root.profile or {}), "max_input_tokens": ANY_LENGTH}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        # The requests of a long prompt are traced with their own model's name and price.
        own = self._root._get_ls_params(stop=stop, **kwargs)  # noqa: SLF001
        return {**own, "ls_provider": "rlm"}

    def _should_stream(self, *, async_api: bool, run_manager: Any = None, **kwargs: Any) -> bool:
        if kwargs.get(_IN_ONE_PIECE):
            return False
        ways: dict[str, Any] = {"async_api": async_api, "run_manager": run_manager, **kwargs}
        return super()._should_stream(**ways) and self._root._should_stream(**ways)  # noqa: SLF001

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools, in the root model's way."""
        chosen = {} if tool_choice is None else {"tool_choice": tool_choice}
        bound = self._root.bind_tools(tools, **chosen, **kwargs)
        if not isinstance(bound, RunnableBinding):
            raise ConfigError(f"{self.model_name}: bind_tools gives {type(bound).__name__}, which is no binding")
        form = {}
        if "ls_structured_output_format" in kwargs and len(tools) == 1:
            function = convert_to_openai_tool(tools[0])["function"]
            form = {_FORM: {"name": function["name"], "schema": function["parameters"]}}
        return self.bind(**{**bound.kwargs, **form})

    # A call. --------------------------------------------------------------------------------------------------------
    #
    # LangChain tells `_stream` nothing of who listens to the call, and what an RLM asks must be counted and traced. So
    # calls that LangChain would stream by itself go to `_generate`, and `stream` leaves word for `_stream`.

    def generate(
        self,
        messages: list[list[BaseMessage]],
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        **kwargs: Any,
    ) -> LLMResult:
        """As any chat model."""
        return super().generate(messages, stop, callbacks, **self._marked(messages, kwargs))

    async def agenerate(
        self,
        messages: list[list[BaseMessage]],
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        **kwargs: Any,
    ) -> LLMResult:
        """As `generate`."""
        return await super().agenerate(messages, stop, callbacks, **self._marked(messages, kwargs))

    def stream(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        """As any chat model; the answer to a long prompt comes in one piece."""
        if not self._is_long(self._convert_input(input).to_messages()):
            yield from super().stream(input, config, stop=stop, **kwargs)
            return
        with self._announced(CallbackManager, config) as (announced, call):
            yield from super().stream(input, announced, stop=stop, **{**kwargs, _CALL: call})

    async def astream(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """As `stream`."""
        if not self._is_long(self._convert_input(input).to_messages()):
            async for chunk in super().astream(input, config, stop=stop, **kwargs):
                yield chunk
            return
        with self._announced(AsyncCallbackManager, config) as (announced, call):
            async for chunk in super().astream(input, announced, stop=stop, **{**kwargs, _CALL: call}):
                yield chunk

    def _is_long(self, messages: Sequence[BaseMessage]) -> bool:
        return chars(messages) > self.long_above_chars

    def _marked(self, prompts: Sequence[Sequence[BaseMessage]], options: Mapping[str, Any]) -> dict[str, Any]:
        marked = {name: value for name, value in options.items() if name != _CALL}  # a cache's key must not have it
        if any(self._is_long(messages) for messages in prompts):
            marked[_IN_ONE_PIECE] = True
        return marked

    @contextmanager
    def _announced(
        self, kind: type[CallbackManager | AsyncCallbackManager], config: RunnableConfig | None
    ) -> Iterator[tuple[RunnableConfig, str]]:
        """Leave word for `_stream` of who listens to a call: the config for it, and what it is called."""
        given = ensure_config(config)
        run_id = given.get("run_id") or uuid.uuid4()
        # Made once, for the call and for what is below it: tracers know a parent that they have seen themselves.
        listeners = kind.configure(
            given.get("callbacks"), inheritable_tags=given.get("tags"), inheritable_metadata=given.get("metadata")
        )
        below = listeners.copy()
        below.parent_run_id = run_id
        self._listeners[str(run_id)] = below
        try:
            yield {**given, "callbacks": listeners, "run_id": run_id}, str(run_id)
        finally:
            del self._listeners[str(run_id)]

    def _is_streamed(self, run_manager: Any, *, async_api: bool) -> bool:
        """Whether somebody who listens to a call waits for the tokens of the reply."""
        return super()._should_stream(async_api=async_api, run_manager=run_manager)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        call = self._call(messages, stop, kwargs)
        if call.prompt is None:
            return self._root._generate(call.messages, stop=stop, run_manager=run_manager, **call.options)  # noqa: SLF001
        with _inside(_below(run_manager)) as context:
            message = context.run(self._answered, call, call.prompt)
        if run_manager is not None and self._is_streamed(run_manager, async_api=False):
            run_manager.on_llm_new_token(str(message.text), chunk=ChatGenerationChunk(message=_as_chunk(message)))
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        call = self._call(messages, stop, kwargs)
        if call.prompt is None:
            root = self._root
            return await root._agenerate(call.messages, stop=stop, run_manager=run_manager, **call.options)  # noqa: SLF001
        with _inside(_below(run_manager)) as context:
            message = await coro_with_context(self._aanswered(call, call.prompt), context)
        if run_manager is not None and self._is_streamed(run_manager, async_api=True):
            chunk = ChatGenerationChunk(message=_as_chunk(message))
            await run_manager.on_llm_new_token(str(message.text), chunk=chunk)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        call = self._call(messages, stop, kwargs)
        if call.prompt is None:
            yield from self._root._stream(call.messages, stop=stop, run_manager=run_manager, **call.options)  # noqa: SLF001
            return
        with _inside(_below(run_manager) or self._listeners.get(kwargs.get(_CALL, ""))) as context:
            message = context.run(self._answered, call, call.prompt)
        yield ChatGenerationChunk(message=_as_chunk(message))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        call = self._call(messages, stop, kwargs)
        if call.prompt is None:
            root = self._root
            async for piece in root._astream(call.messages, stop=stop, run_manager=run_manager, **call.options):  # noqa: SLF001
                yield piece
            return
        with _inside(_below(run_manager) or self._listeners.get(kwargs.get(_CALL, ""))) as context:
            message = await coro_with_context(self._aanswered(call, call.prompt), context)
        yield ChatGenerationChunk(message=_as_chunk(message))

    # A long prompt. -------------------------------------------------------------------------------------------------

    def _call(self, messages: list[BaseMessage], stop: list[str] | None, given: Mapping[str, Any]) -> _Call:
        options = {name: value for name, value in given.items() if name not in _OURS}
        question, form = given.get(_QUESTION), given.get(_FORM) or _form_of_text(options)
        if self._is_long(messages):
            return _Call(messages, stop, options, form, take_apart(messages, question))
        asked = messages if question is None else [*messages, HumanMessage(question)]
        return _Call(asked, stop, options, form, None)

    def _answered(self, call: _Call, prompt: LongPrompt) -> AIMessage:
        with nesting.begun("rlm", *_asked(prompt)) as config:
            result = nesting.run(self._asker.rlm(call.schema), prompt.input, config)
        message = self._message(call, result)
        if call.replies_with_more:
            found = prompt.with_answer(str(message.text))
            message = _merged(message, self._root.invoke(found, stop=call.stop, **call.options))
        return message

    async def _aanswered(self, call: _Call, prompt: LongPrompt) -> AIMessage:
        with nesting.begun("rlm", *_asked(prompt)) as config:
            result = await nesting.arun(self._asker.rlm(call.schema), prompt.input, config)
        message = self._message(call, result)
        if call.replies_with_more:
            found = prompt.with_answer(str(message.text))
            message = _merged(message, await self._root.ainvoke(found, stop=call.stop, **call.options))
        return message

    def _message(self, call: _Call, result: Mapping[str, Any]) -> AIMessage:
        """The RLM's answer as a reply.

        Raises:
            MaxIterationsExceeded: there is none.
            BudgetExceeded: likewise, because a budget ran out.
        """
        if result["answer"] is None:
            raise self._no_answer(result)
        spent, received = result["total_input_tokens"], result["total_output_tokens"]
        about: dict[str, Any] = {
            "id": f"rlm-{uuid.uuid4()}",
            # Without a `model_name`: the requests have been counted one by one, each for its own model.
            "response_metadata": {"rlm": {name: value for name, value in figures(result).items() if name != "answer"}},
            "usage_metadata": UsageMetadata(input_tokens=spent, output_tokens=received, total_tokens=spent + received),
        }
        if call.form is None:
            return AIMessage(str(result["answer"]), **about)
        if call.form["name"] is None:
            return AIMessage(json.dumps(result["structured_response"], ensure_ascii=False), **about)
        value = {"name": call.form["name"], "args": result["structured_response"], "id": f"call_{uuid.uuid4().hex}"}
        return AIMessage("", tool_calls=[{**value, "type": "tool_call"}], **about)

    def _no_answer(self, result: Mapping[str, Any]) -> BudgetExceeded | MaxIterationsExceeded:
        settings = self.config or RLMConfig()
        ran_out = result["exhausted"]
        if ran_out is None:
            return MaxIterationsExceeded(result["iterations"], settings.max_iterations)
        limit = getattr(settings, ran_out)
        return BudgetExceeded(ran_out, limit, limit)


@dataclass(frozen=True)
class _Call:
    """A call of the model."""

    messages: list[BaseMessage]
    stop: list[str] | None
    options: dict[str, Any]
    """What the root model is given beside the messages."""

    form: Mapping[str, Any] | None
    """`schema` of the form of the answer, and `name` of the tool that takes it; None: the reply's text has it."""

    prompt: LongPrompt | None
    """None: it is short."""

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """The form that the RLM's answer must have."""
        return None if self.form is None else self.form["schema"]

    @property
    def replies_with_more(self) -> bool:
        """Whether the reply may be more than the answer: a call of a tool."""
        return self.form is None and any(self.options.get(name) for name in _REPLY_WITH)


def _asked(prompt: LongPrompt) -> list[str]:
    """What tells a prompt from others of its thread."""
    return [nesting.task(), prompt.question, digest(*prompt.documents)]


@contextmanager
def _inside(callbacks: BaseCallbackManager | None) -> Iterator[Context]:
    """The context for what this model asks of others, so that it is traced and counted below this call."""
    with set_config_context(patch_config(ensure_config(), callbacks=callbacks)) as context:
        yield context


def _below(
    run_manager: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None,
) -> BaseCallbackManager | None:
    """The callbacks for what is begun in a call of a model. LangChain makes them for chains and tools only."""
    if run_manager is None:
        return None
    kind = AsyncCallbackManager if isinstance(run_manager, AsyncCallbackManagerForLLMRun) else CallbackManager
    manager = kind(handlers=[], parent_run_id=run_manager.run_id)
    manager.set_handlers(run_manager.inheritable_handlers)
    manager.add_tags(run_manager.inheritable_tags)
    about = run_manager.inheritable_metadata
    # What LangSmith is told of this call's model is not true of the tools and chains below it.
    manager.add_metadata({name: value for name, value in about.items() if not name.startswith("ls_")})
    return manager


def _merged(answer: AIMessage, reply: AIMessage) -> AIMessage:
    """The root model's reply to what was found, with the figures of both."""
    about = {name: value for name, value in reply.response_metadata.items() if name != "model_name"}
    return reply.model_copy(
        update={
            "usage_metadata": add_usage(answer.usage_metadata, reply.usage_metadata),
            "response_metadata": {**about, **answer.response_metadata},
        }
    )


def _form_of_text(options: Mapping[str, Any]) -> dict[str, Any] | None:
    """The form that a reply's text must have, as an agent without tools says it (OpenAI's way, and others')."""
    match options:
        case {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}}:
            return None if options.get("tools") or options.get("functions") else {"name": None, "schema": schema}
    return None


def _as_chunk(message: AIMessage) -> AIMessageChunk:
    calls = [
        tool_call_chunk(name=call["name"], args=json.dumps(call["args"]), id=call["id"], index=at)
        for at, call in enumerate(message.tool_calls)
    ]
    return AIMessageChunk(
        content=message.content,
        id=message.id,
        tool_call_chunks=calls,
        usage_metadata=message.usage_metadata,
        response_metadata=message.response_metadata,
        chunk_position="last",
    )


__all__ = ["ChatRLM"]
