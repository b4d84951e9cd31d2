"""Answers that runs share: a LangChain cache in the journal's database.

Covered: what is read back becomes messages and generations, and no other objects. An answer that cannot be read back is
asked for again.
Not covered: how long answers stay: until they are cleared.
"""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from langchain_core.caches import BaseCache
from langchain_core.load import dumps, loads
from langchain_core.load.serializable import Serializable
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, Generation, GenerationChunk

from rlm_graph.journal.keys import pack, unpack

if TYPE_CHECKING:
    import sqlalchemy as sa

    from rlm_graph.journal.journal import Journal

_READ_BACK: tuple[type[Serializable], ...] = (
    AIMessage,
    AIMessageChunk,
    ChatGeneration,
    ChatGenerationChunk,
    Generation,
    GenerationChunk,
)

logger = logging.getLogger("rlm_graph")


class JournalCache(BaseCache):
    """A LangChain cache in a journal: ``set_llm_cache(JournalCache(journal))``, or ``cache=`` of a chat model.

    Raises:
        JournalError: from any method: the journal cannot be read or written.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def lookup(self, prompt: str, llm_string: str) -> Sequence[Generation] | None:
        """The answer that was kept for a prompt and a model; None if there is none."""
        return _generations(self._journal.write(partial(_find, key=_key(prompt, llm_string)), durable=False))

    async def alookup(self, prompt: str, llm_string: str) -> Sequence[Generation] | None:
        """As `lookup`."""
        return _generations(await self._journal.awrite(partial(_find, key=_key(prompt, llm_string)), durable=False))

    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """Keep an answer, in the place of the one that was there."""
        self._journal.write(partial(_keep, key=_key(prompt, llm_string), value=_written(return_val)))

    async def aupdate(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """As `update`."""
        await self._journal.awrite(partial(_keep, key=_key(prompt, llm_string), value=_written(return_val)))

    def clear(self, **_: Any) -> None:
        """Forget all answers."""
        self._journal.write(_clear)

    async def aclear(self, **_: Any) -> None:
        """As `clear`."""
        await self._journal.awrite(_clear)

    def hits(self) -> int:
        """How often an answer was found here."""
        return self._journal.read(_hits)


def _key(prompt: str, model: str) -> dict[str, str]:
    return {
        name: hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        for name, text in (("prompt", prompt), ("model", model))
    }


def _written(generations: Sequence[Generation]) -> bytes:
    return pack(json.dumps([dumps(generation) for generation in generations]))


def _generations(value: bytes | None) -> list[Generation] | None:
    if value is None:
        return None
    try:
        return [_generation(text) for text in json.loads(unpack(value))]
    except (TypeError, ValueError, NotImplementedError) as error:
        logger.warning("an answer in the cache cannot be read back, and is asked for again: %s", error)
        return None


def _generation(text: str) -> Generation:
    generation = _loads()(text, allowed_objects=_READ_BACK)
    if not isinstance(generation, Generation):
        raise TypeError(f"a generation was kept, and here is a {type(generation).__name__}")
    return generation


@cache
def _loads() -> Callable[..., Any]:
    """LangChain's `loads`, once it has said that it is beta, which it says once: to nobody."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loads("null", allowed_objects=[])
    return loads


def _find(connection: sa.Connection, *, key: dict[str, str]) -> bytes | None:
    import sqlalchemy as sa

    from rlm_graph.journal.schema import answers

    mine = sa.and_(*(answers.c[name] == value for name, value in key.items()))
    value: bytes | None = connection.scalar(sa.select(answers.c.value).where(mine))
    if value is not None:
        connection.execute(sa.update(answers).where(mine).values(hits=answers.c.hits + 1))
    return value


def _keep(connection: sa.Connection, *, key: dict[str, str], value: bytes) -> None:
    from rlm_graph.journal.schema import answers, insert

    connection.execute(insert(answers, replacing=True), {**key, "value": value, "hits": 0})


def _clear(connection: sa.Connection) -> None:
    import sqlalchemy as sa

    from rlm_graph.journal.schema import answers

    connection.execute(sa.delete(answers))


def _hits(connection: sa.Connection) -> int:
    import sqlalchemy as sa

    from rlm_graph.journal.schema import answers

    return int(connection.scalar(sa.select(sa.func.sum(answers.c.hits))) or 0)
