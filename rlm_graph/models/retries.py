"""Which failed requests to a chat model are made again, and when.

The clients of chat models try again by themselves. Here each request is counted, held back by budgets and let through
by limits of concurrency, so their retries are switched off, and made by us.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from langchain_core.language_models import BaseChatModel

FIRST_PAUSE_S = 0.5
"""Seconds before the second request where the server asks for none; each further pause is twice as long."""

LONGEST_PAUSE_S = 16.0
"""Seconds of the longest pause that the server has not asked for."""

_PASSING = frozenset({408, 409, 429})
"""HTTP statuses below 500 that may pass: request timeout, conflict, too many requests."""

_ONE_ATTEMPT = {"langchain_google_genai": 1}
"""What `max_retries` has to be for one request and no more, by package; 0 elsewhere.

Google's counts requests instead of retries, and takes 0 for its default, which is 5.
"""


def may_pass(error: BaseException) -> bool:
    """Whether an error that a server answered with is one that may have passed when the request is made again."""
    status = status_of(error)
    if status is None or (status not in _PASSING and status < 500):
        return False
    links = _causes(error)
    if any(getattr(link, "code", None) == "insufficient_quota" for link in links):
        return False  # OpenAI's 429 for an account without money
    return _headers(error).get("x-should-retry") != "false"


def pause_s(error: BaseException, retries: int) -> float:
    """Seconds to wait before a request is made again: as the server asks, else longer each time.

    Args:
        error: What the request has failed with.
        retries: How often it was made again before.
    """
    asked = retry_after_s(error)
    # Chance, so that a thousand calls that were refused together do not come back together.
    if asked is not None:
        return asked * random.uniform(1.0, 1.1)  # noqa: S311 - no secret
    longest: float = min(FIRST_PAUSE_S * 2.0 ** min(retries, 64), LONGEST_PAUSE_S)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def retry_after_s(error: BaseException) -> float | None:
    """Seconds that the server asks to wait (`retry-after-ms`, `retry-after` in seconds or as a date), if it does."""
    headers = _headers(error)
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit_s
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        return max(0.0, parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time())
    except (ValueError, OverflowError, OSError):
        return None


def status_of(error: BaseException) -> int | None:
    """The HTTP status that a client's exception, or one that it was made from, carries."""
    for link in _causes(error):
        response = getattr(link, "response", None)
        # Google's clients call it `code`; OpenAI's have words there.
        found = (
            getattr(link, "status_code", None),
            getattr(response, "status_code", None),
            getattr(link, "code", None),
        )
        for status in found:
            if isinstance(status, int) and 400 <= status < 600:
                return int(status)
    return None


def _headers(error: BaseException) -> Mapping[str, str]:
    """The headers of the server's answer, their names in lower case."""
    for link in _causes(error):
        headers = getattr(getattr(link, "response", None), "headers", None)
        if isinstance(headers, Mapping):
            return {str(name).lower(): str(value).strip() for name, value in headers.items()}
    return {}


def _causes(error: BaseException | None) -> list[BaseException]:
    """The exception and those that it was raised from."""
    links: list[BaseException] = []
    while error is not None and error not in links:
        links.append(error)
        error = error.__cause__
    return links


def without_own_retries(model: BaseChatModel) -> dict[str, Any]:
    """The fields of a chat model that make it send one request per call.

    Covered: the field `max_retries`; the clients that OpenAI's, Anthropic's, Groq's and other SDKs of the same making
    give, which are copied, their connections shared. Not covered: a client whose `create` was replaced, as wrappers for
    tracing do: a copy would lose the wrapper. Such a client goes on trying again by itself, and counts as one request.
    """
    update: dict[str, Any] = {}
    if "max_retries" in type(model).model_fields:
        update["max_retries"] = _one_attempt(model)
    copies: dict[int, Any] = {}  # one for each client, however many fields lead to it
    for name in type(model).model_fields:
        value = getattr(model, name)
        if _is_client(value) and not _is_wrapped(value):
            update[name] = _copied(value, copies)
        elif _is_client(client := getattr(value, "_client", None)) and "create" not in vars(value):
            update[name] = type(value)(_copied(client, copies))  # `client.chat.completions`
    return update


def own_retries(model: BaseChatModel) -> int | None:
    """How often a chat model's maker wants a call to be tried again; None where nothing was said."""
    if "max_retries" in type(model).model_fields:
        said = vars(model).get("max_retries") if "max_retries" in model.model_fields_set else None
        return None if said is None else max(0, int(said) - _one_attempt(model))
    for name in type(model).model_fields:
        if _is_client(client := getattr(model, name)):
            return 0 if _is_wrapped(client) else int(client.max_retries)
    return None


def _one_attempt(model: BaseChatModel) -> int:
    packages = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    return next((value for package, value in _ONE_ATTEMPT.items() if package in packages), 0)


def _is_client(value: Any) -> bool:
    return callable(getattr(value, "with_options", None)) and isinstance(getattr(value, "max_retries", None), int)


def _is_wrapped(client: Any) -> bool:
    completions = getattr(getattr(client, "chat", None), "completions", None)
    return "create" in getattr(completions, "__dict__", {})


def _copied(client: Any, copies: dict[int, Any]) -> Any:
    if id(client) not in copies:
        copies[id(client)] = client.with_options(max_retries=0)
    return copies[id(client)]
