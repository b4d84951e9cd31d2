"""A chat model over an OpenAI client that the caller has made: used as it is, with its own settings."""

from __future__ import annotations

import asyncio
import inspect
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, convert_to_openai_messages
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import ConfigDict

from rlm_graph.blocking import run_blocking

MAX_THREADS = 256
"""Calls of a sync client that wait at once, each in a thread."""


class ClientModel(BaseChatModel):
    """Calls `client.chat.completions.create` of an OpenAI-compatible client, sync or async."""

    model_config = ConfigDict(arbitrary_types_allowed=True, ignored_types=(cached_property,))

    client: Any
    """`openai.OpenAI`, `AsyncOpenAI`, `AzureOpenAI`, or anything with the same `chat.completions.create`."""

    model_name: str
    """The model that is asked for."""

    temperature: float | None = None
    """Sampling temperature; None is not sent."""

    max_tokens: int | None = None
    """Output tokens of a call; None is not sent."""

    extra_body: dict[str, Any] | None = None
    """Further fields of the request."""

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="rlm-graph-client")

    @property
    def _llm_type(self) -> str:
        return "openai-client"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - BaseChatModel's signature
        **kwargs: Any,
    ) -> ChatResult:
        response = self.client.chat.completions.create(**self._request(messages, stop), **kwargs)
        if inspect.isawaitable(response):
            response = run_blocking(_awaited(response))
        return _result(response)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - BaseChatModel's signature
        **kwargs: Any,
    ) -> ChatResult:
        create, request = self.client.chat.completions.create, self._request(messages, stop)
        if inspect.iscoroutinefunction(inspect.unwrap(create)):
            return _result(await create(**request, **kwargs))
        loop = asyncio.get_running_loop()
        response = await loop.run_in_executor(self._threads, lambda: create(**request, **kwargs))
        return _result(await response if inspect.isawaitable(response) else response)

    def _request(self, messages: list[BaseMessage], stop: list[str] | None) -> dict[str, Any]:
        optional = {
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "extra_body": self.extra_body,
            "stop": stop,
        }
        sent = {name: value for name, value in optional.items() if value is not None}
        return {"model": self.model_name, "messages": convert_to_openai_messages(messages), **sent}


async def _awaited(response: Any) -> Any:
    return await response


def _result(response: Any) -> ChatResult:
    """LangChain's result for an OpenAI one. Other clients leave out what they do not have."""
    message = response.choices[0].message
    usage = getattr(response, "usage", None)
    tokens = (getattr(usage, "prompt_tokens", 0) or 0, getattr(usage, "completion_tokens", 0) or 0)
    reply = AIMessage(
        message.content or "",
        usage_metadata={"input_tokens": tokens[0], "output_tokens": tokens[1], "total_tokens": sum(tokens)},
        response_metadata={"model_name": str(getattr(response, "model", "") or "")},
    )
    return ChatResult(generations=[ChatGeneration(message=reply)])
