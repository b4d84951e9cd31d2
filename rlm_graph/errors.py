"""All exceptions of rlm_graph.

The model's mistake is an observation that the root model reads; the operator's is one of these.

    RLMError
    ├── ConfigError                 the caller: a setting has a bad value
    ├── ContextError                the caller: the context cannot be used
    │   ├── ContextNotFoundError        no such file, folder, glob or URI
    │   ├── ContextEmptyError           there is nothing in it
    │   ├── ContextTypeError            a value of a type that is no context
    │   ├── ContextUnreadableError      nothing in it can be read as text
    │   └── MissingExtraError           an optional package reads it: install the extra
    ├── ModelError                  the operator: a chat model cannot be used
    │   ├── UnknownModelError           no such model or provider
    │   ├── MissingKeyError             no API key is set
    │   ├── ModelAuthError              the server refuses the key (401, 403)
    │   ├── ModelRateLimitError         the server says too many requests (429)
    │   ├── ModelServerError            the server failed (5xx) or refused the request
    │   ├── ModelUnreachableError       no connection, or no answer in time
    │   ├── ModelResponseError          an answer that is no chat completion
    │   └── NeedsLanguageModelError     the offline model has no rule for the question
    ├── MaxIterationsExceeded       the run ended without an answer
    ├── BudgetExceeded              the run would spend more than it may
    │   └── MaxSubCallsExceeded         the code asked for more sub-calls than allowed
    ├── ToolError                   a tool that was given to the run failed
    ├── REPLExecutionError          the REPL itself failed, not the code in it
    │   └── SandboxTimeout              a backend cannot go on after a cell that used up its time
    ├── JournalError                the operator: the journal cannot be read or written
    │   ├── JournalVersionError         a newer version of rlm_graph has made it
    │   └── RunBusyError                another process carries out the run
    ├── RunNotFoundError            the caller: there is no run of that name
    └── RunStopped                  the run was stopped at a safe point, and can be resumed

``exit_code`` is what the command line returns for it.
"""

from __future__ import annotations

from typing import ClassVar


class RLMError(Exception):
    """Base of all errors of rlm_graph."""

    exit_code: ClassVar[int] = 1


class ConfigError(RLMError, ValueError):
    """A setting is refused: the message names the field, the value and the range."""

    exit_code = 2


class ContextError(RLMError, ValueError):
    """The context cannot be used."""

    exit_code = 10


class ContextNotFoundError(ContextError):
    """No file, folder, glob match or URI of that name."""

    exit_code = 11


class ContextEmptyError(ContextError):
    """The context has no characters at all."""

    exit_code = 12


class ContextTypeError(ContextError, TypeError):
    """The context is of a type that is no context."""

    exit_code = 13


class ContextUnreadableError(ContextError):
    """Nothing in the context can be read as text; the message names what was skipped and why."""

    exit_code = 14


class MissingExtraError(ContextError):
    """An optional package reads this kind of file; the message says which extra to install."""

    exit_code = 15


class ModelError(RLMError):
    """A chat model cannot be used."""

    exit_code = 20


class UnknownModelError(ModelError):
    """No such model, or no such provider, or its LangChain package is not installed."""

    exit_code = 21


class MissingKeyError(ModelError):
    """No API key for the model's provider is set."""

    exit_code = 22


class ModelAuthError(ModelError):
    """The server refuses the key (HTTP 401 or 403)."""

    exit_code = 23


class ModelRateLimitError(ModelError):
    """The server says that there were too many requests, or that the quota is used up (HTTP 429)."""

    exit_code = 24


class ModelServerError(ModelError):
    """The server failed (HTTP 5xx), or refused the request (another 4xx)."""

    exit_code = 25


class ModelResponseError(ModelError):
    """The server answered with something that is no chat completion."""

    exit_code = 26


class ModelUnreachableError(ModelError):
    """No connection to the server, or no answer in time."""

    exit_code = 27


class NeedsLanguageModelError(ModelError):
    """The offline model, which is rules, has none for this question; a language model is needed."""

    exit_code = 40


class MaxIterationsExceeded(RLMError):  # noqa: N818 - the name that the original `rlm` package gave it
    """The iterations ran out, and the last question for the best answer gave none either."""

    exit_code = 30

    def __init__(self, iterations: int, max_iterations: int) -> None:
        self.iterations = iterations
        self.max_iterations = max_iterations
        super().__init__(
            f"no answer after {iterations} of {max_iterations} iterations: "
            f"raise max_iterations, ask a narrower question, or use a stronger root model"
        )


class BudgetExceeded(RLMError):  # noqa: N818 - named like the two that the original `rlm` package has
    """The run would spend more than it may; raised inside the cell, which may catch it, or at the end of the run.

    Args:
        budget: The setting that is the limit, such as ``max_usd``.
        spent: What has been spent of it, in its unit (tokens, US dollars, seconds).
        limit: What may be spent.
    """

    exit_code = 34

    def __init__(self, budget: str, spent: float, limit: float) -> None:
        self.budget = budget
        self.spent = spent
        self.limit = limit
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        return (
            f"{self.budget} is {self.limit:,}: {self.spent:,} of it is spent, and what comes next does not fit into "
            f"the rest; raise {self.budget}, or ask for less"
        )


class MaxSubCallsExceeded(BudgetExceeded):
    """The code asked for more sub-calls than ``max_sub_calls``; raised inside the cell, which may catch it."""

    exit_code = 31

    def __init__(self, call_count: int, max_sub_calls: int) -> None:
        self.call_count = call_count
        self.max_sub_calls = max_sub_calls
        super().__init__("max_sub_calls", call_count, max_sub_calls)

    def _sentence(self) -> str:
        return f"sub-call limit reached: {self.call_count} of {self.max_sub_calls} made"


class ToolError(RLMError):
    """A tool that was given to the run failed, or was called wrongly; raised inside the cell, which may catch it."""

    exit_code = 35


class REPLExecutionError(RLMError):
    """The REPL itself failed (its process could not start, or died between cells), not the code in it."""

    exit_code = 32


class SandboxTimeout(REPLExecutionError):  # noqa: N818 - the name that the original `rlm` package gave it
    """A cell used up ``sandbox_timeout`` seconds of its own time.

    The original `rlm` package's name. Here it is the model's mistake, so it comes as an observation that begins with
    this name, and the run goes on; a backend of your own may raise it when it cannot go on.
    """

    exit_code = 33

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        super().__init__(f"the cell was stopped after {timeout:g} s of its own time (sandbox_timeout)")


class JournalError(RLMError):
    """The journal cannot be read or written; the message says which one, why, and what to do."""

    exit_code = 50


class JournalVersionError(JournalError):
    """A newer version of rlm_graph has made the journal, and this one does not know how to read it."""

    exit_code = 51


class RunBusyError(JournalError):
    """Another process carries out the run, or this step of it; the message says which one, and since when."""

    exit_code = 52


class RunNotFoundError(RLMError):
    """There is no run of that name in the journal."""

    exit_code = 53


class RunStopped(RLMError):  # noqa: N818 - nothing went wrong
    """The run was stopped at a safe point, and can be resumed: nothing that was paid for is paid again.

    Args:
        reason: Who or what asked for it, such as ``Ctrl-C`` or ``SIGTERM``.
    """

    exit_code = 54

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the run was stopped at a safe point ({reason}), and can be resumed")
