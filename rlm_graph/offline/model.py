"""The offline root model: a LangChain chat model that is rules, and no language model.

Turn 1 reads the question and writes a probe; turn 2 reads what the probe printed and writes the program that answers.
A question that no rule reads to its end, or that does not fit the context, raises `NeedsLanguageModelError`: it never
guesses. How a rule is added is told in `question.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from rlm_graph.errors import NeedsLanguageModelError
from rlm_graph.offline import programs, question, shape

if TYPE_CHECKING:
    from langchain_core.callbacks import CallbackManagerForLLMRun

_CAN = (
    "The offline model is rules, not a language model. It answers questions that Python alone can answer exactly: "
    "find or count text, lines, files or log levels; count per key, top 5, most and fewest; average, sum, median, "
    "highest and lowest of a field; date ranges; which documents mention something; a value that the text states; "
    'imports and definitions in Python code. A literal search can be asked as: find "termination".\n'
    "For every other question give a model: --model openai:gpt-4.1 with OPENAI_API_KEY set, OPENAI_BASE_URL for a "
    "server of your own, or a running Ollama."
)


_EVIDENCE = "evidence=[...]"
"""Stands in the root prompt of a run that asks for evidence."""

_REFUSED = "It does not fit the JSON Schema:"
"""Stands in the observation of an answer that has not the form that was asked for."""


class OfflineRootModel(BaseChatModel):
    """Answers by rules; the model of `rlm-graph ask` when there is no model and no key.

    The question is read from the last human message that has it word for word in `additional_kwargs`, as `query` or,
    as the graph sends it, in `rlm`; the human messages after it are observations.
    """

    @property
    def _llm_type(self) -> str:
        return "rlm-graph-offline"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        """One turn.

        Raises:
            NeedsLanguageModelError: no rule answers the question.
        """
        del stop, run_manager, kwargs  # rules have no sampling, no stops and no tokens to stream
        query, observations = _conversation(messages)
        try:
            program = _turn(query, observations)
            if _EVIDENCE in str(messages[0].text):
                program = programs.with_evidence(program)
        except (question.NotUnderstoodError, NeedsLanguageModelError) as why:
            raise NeedsLanguageModelError(f"no rule answers {query!r}: {why}.\n{_CAN}") from why
        message = AIMessage(
            content=f"{program.says}\n\n```repl\n{program.code}\n```",
            usage_metadata={"input_tokens": 0, "output_tokens": 0, "total_tokens": 0},
            response_metadata={"model_name": self._llm_type},
        )
        return ChatResult(generations=[ChatGeneration(message=message)])


def _conversation(messages: list[BaseMessage]) -> tuple[str, list[str]]:
    """The question, and the observations since."""
    for at in range(len(messages) - 1, -1, -1):
        told = messages[at].additional_kwargs
        query = told.get("query") or told.get("rlm", {}).get("query")
        if isinstance(messages[at], HumanMessage) and isinstance(query, str):
            return query, [str(message.text) for message in messages[at + 1 :] if isinstance(message, HumanMessage)]
    raise NeedsLanguageModelError("the offline model found no question among the messages")


def _turn(query: str, observations: list[str]) -> programs.Program:
    intent = question.read(query)  # first of all: what cannot be read is refused before any cell runs
    if not observations:
        return programs.Program("I look at what the context is.", shape.PROBE)
    if len(observations) == 1:
        return programs.write(intent, shape.read(observations[0]))
    last = observations[-1]
    if _REFUSED in last:
        raise NeedsLanguageModelError("rules answer in words, and not in the form that is asked for")
    _, found, reason = last.partition("NOTHING: ")
    if found:
        raise NeedsLanguageModelError(reason.splitlines()[0].strip())
    raise NeedsLanguageModelError(f"the program of the rules gave no answer: {' '.join(last.split())[-300:]}")
