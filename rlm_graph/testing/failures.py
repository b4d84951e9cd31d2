"""Replies of a server that fails, with bodies like those that OpenAI's own servers send.

They stand in a script like any reply:

    ScriptedServer([failures.rate_limited(retry_after_s=0.1), "the answer"])
    ScriptedServer({"root": [...], "sub": failures.unauthorized("sk-old")})
"""

from __future__ import annotations

import json

from rlm_graph.testing.script import Reply

USUAL_MESSAGES = {
    401: "You didn't provide an API key. You need to provide your API key in an Authorization header using "
    "Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if "
    "you're accessing the API from your browser and are prompted for a username and password. You can obtain "
    "an API key from https://platform.openai.com/account/api-keys.",
    429: "Rate limit reached for requests per min (RPM): Limit 500, Used 500, Requested 1. "
    "Visit https://platform.openai.com/account/rate-limits to learn more.",
    500: "The server had an error while processing your request. Sorry about that! You can retry your "
    "request, or contact us through our help center at help.openai.com if the error persists.",
    503: "That model is currently overloaded with other requests. You can retry your request, or contact us "
    "through our help center at help.openai.com if the error persists.",
}
"""What an error says when the script gives it no words of its own."""


def error_body(
    status: int,
    message: str = "",
    *,
    type: str | None = None,  # noqa: A002 - the field's name
    param: str | None = None,
    code: str | None = None,
) -> str:
    """The JSON body of an error, in OpenAI's form."""
    usual_type = {429: "requests"}.get(status, "server_error" if status >= 500 else "invalid_request_error")
    error = {
        "message": message or USUAL_MESSAGES.get(status, f"The request failed with status {status}."),
        "type": type or usual_type,
        "param": param,
        "code": code,
    }
    return json.dumps({"error": error}, indent=2)


def unauthorized(key: str = "") -> Reply:
    """401: the key is not known, or with an empty key, none was sent."""
    if not key:
        return Reply(status=401, raw_body=error_body(401))
    shown = key if len(key) <= 12 else key[:8] + "*" * (len(key) - 12) + key[-4:]
    message = (
        f"Incorrect API key provided: {shown}. "
        f"You can find your API key at https://platform.openai.com/account/api-keys."
    )
    return Reply(status=401, raw_body=error_body(401, message, code="invalid_api_key"))


def model_not_found(model: str) -> Reply:
    """404: there is no such model, or none for this key."""
    message = f"The model `{model}` does not exist or you do not have access to it."
    return Reply(status=404, raw_body=error_body(404, message, code="model_not_found"))


def rate_limited(*, retry_after_s: float | None = None) -> Reply:
    """429: too many requests, with a `Retry-After` header if a time is given."""
    headers = {} if retry_after_s is None else {"Retry-After": f"{retry_after_s:g}"}
    return Reply(status=429, headers=headers, raw_body=error_body(429, code="rate_limit_exceeded"))


def quota_used_up() -> Reply:
    """429: no money is left, so that trying again does not help."""
    message = (
        "You exceeded your current quota, please check your plan and billing details. For more information "
        "on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."
    )
    body = error_body(429, message, type="insufficient_quota", code="insufficient_quota")
    return Reply(status=429, raw_body=body)


def server_error() -> Reply:
    """500: the server failed."""
    return Reply(status=500, raw_body=error_body(500))


def overloaded() -> Reply:
    """503: the server has too much to do."""
    return Reply(status=503, raw_body=error_body(503))


def refused_parameter(name: str, value: object) -> Reply:
    """400: the model does not take this parameter, in the words that real servers have for it.

    `max_completion_tokens` is refused as servers do that are older than the name.
    """
    if name == "temperature":
        message = (
            f"Unsupported value: 'temperature' does not support {value} with this model. "
            f"Only the default (1) value is supported."
        )
        body = error_body(400, message, param=name, code="unsupported_value")
    elif name == "max_completion_tokens":
        body = error_body(400, f"Unrecognized request argument supplied: {name}")
    else:
        message = f"Unsupported parameter: '{name}' is not supported with this model."
        if name == "max_tokens":
            message += " Use 'max_completion_tokens' instead."
        body = error_body(400, message, param=name, code="unsupported_parameter")
    return Reply(status=400, raw_body=body)


def html_page() -> Reply:
    """200 with a web page, which a proxy or a wrong base URL answers."""
    page = "<!doctype html>\n<html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>\n"
    return Reply(raw_body=page, headers={"Content-Type": "text/html; charset=utf-8"})


def invalid_json() -> Reply:
    """200 with JSON that ends too early."""
    return Reply(raw_body='{"id": "chatcmpl-0", "object": "chat.completion", "choices": [{"index": 0, "mess')


def no_completion() -> Reply:
    """200 with valid JSON that is no chat completion."""
    return Reply(raw_body='{"status": "ok"}')


def empty_body() -> Reply:
    """200 with nothing in it."""
    return Reply(raw_body="")


def closed() -> Reply:
    """The connection is closed without an answer."""
    return Reply(close_connection=True)


def hanging() -> Reply:
    """No answer ever comes."""
    return Reply(hang=True)
