"""What a server's refusal of a request means."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rlm_graph.models.retries import status_of


def is_window_error(error: BaseException) -> bool:
    """Whether a server refused a request because it is too long for the model.

    Each server says so in words of its own, with HTTP 400 or 413, llama.cpp with 500 too. A limit of tokens per minute
    (HTTP 429, at Groq 413) and a limit of output tokens are something else.
    """
    if status_of(error) not in (None, 400, 413, 422, 500):
        return False
    links = list(_links(error))
    kinds = {kind.__name__ for link in links for kind in type(link).__mro__}
    if "ContextOverflowError" in kinds:  # LangChain's name for it
        return True
    return any(_TOO_LONG.search(str(link)) for link in links)


_TOO_LONG = re.compile(
    r"""
    context_length_exceeded | exceed_context_size | context_?window_?exceeded        # codes
    | maximum\ (context|prompt)\ length                                              # OpenAI, vLLM, Mistral, xAI, ...
    | context\ (length|window|size)\ (has\ been\ )?exceeded                          # llama.cpp, MLX
    | (exceed\w*|longer\ than|greater\ than)\b[^.]{0,60}\bcontext\ (length|window|size|limit)
    | (prompt|input)\ is\ too\ long                                                  # Anthropic, Bedrock
    | input\ token\ count\b[^.]{0,30}\ exceeds                                       # Gemini
    | input\ tokens\ exceed\ the\ configured\ limit                                  # OpenAI
    | tokens\ in\ the\ prompt\ cannot\ exceed                                        # Cohere
    | `?inputs`?\ tokens\ \+\ `?max_new_tokens`?\ must\ be                           # Hugging Face TGI
    | prompt_tokens\b[^.]{0,20}\ must\ be\ less\ than
    | range\ of\ input\ length\ should\ be                                           # DashScope
    | reduce\ the\ length\ of\ the\ (input\ )?(messages|prompt)
    | prompt\ exceeds\ max
    """,
    re.IGNORECASE | re.VERBOSE,
)


def _links(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and those that led to it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
