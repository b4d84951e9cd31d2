"""A long run: what its cells do, the models that answer it, and what they were asked.

Every answer of the sub-model is a *token*, `<digest of its prompt#number>`: it says which prompt it belongs to, and
which of the answers to that prompt it is. A token in a later request proves that its answer had been received. So
the server knows, without looking into any journal, what may be asked again after a kill and what may not.

Tokens and random numbers (`#0042`) differ from run to run. With those left out, a request has a *key*, and two runs
have the same keys.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scripts import turn_of

from rlm_graph.testing import Reply, Request

PIECES = [f"piece {number} of the text" for number in range(12)]
QUESTION = {"query": "What is to be learnt?", "context": "\n".join(PIECES)}
CONFIG = {
    "max_iterations": 100,
    "max_sub_calls": 10_000,
    "max_recursion_depth": 2,
    "max_concurrency": 8,
    "metadata_prefix_chars": 10_000,
}

BEGIN = r"""
import hashlib, json, random, re, threading
from concurrent.futures import ThreadPoolExecutor

learnt, wrong, distinct, carried = [], [], 0, 'nothing'

def learn(prompt, answer):
    if not answer.startswith('<' + hashlib.sha256(prompt.encode()).hexdigest()[:12] + '#'):
        wrong.append([prompt, answer])
    learnt.append(re.sub(r'(<[0-9a-f]{12})?#\d{4}>?', '#', prompt))
    return answer

def ask(prompt):
    return learn(prompt, llm_query(prompt))

def ask_child(question, texts):
    answer = rlm_query(question, context=texts)
    begin, *tokens = answer.split(' <')
    if begin != f'[{question}]' or len(tokens) != len(texts) + 1:
        wrong.append([question, answer])
    for text, token in zip(texts, tokens):
        learn(f'{question} reads {text}', '<' + token)
    return answer

pieces = context.split('\n')
"""
"""The first cell: what the others use."""

_ROUND = [
    # a loop as models write it
    """
for i in range(10):
    answer = llm_query(f'loop ROUND {i}: {pieces[i]}')
    learn(f'loop ROUND {i}: {pieces[i]}', answer)
    print(i, answer)
""",
    """
prompts = [f'comprehension ROUND {i}' for i in range(10)]
answers = [llm_query(prompt) for prompt in prompts]
print(*map(learn, prompts, answers))
""",
    """
prompts = [f'batch ROUND {i}' for i in range(24)]
answers = llm_query_batched(prompts)
print(*map(learn, prompts, answers))
""",
    # threads, each of which asks one thing after another
    """
def lane(n):
    lanes[n] = 'nothing'
    for i in range(4):
        lanes[n] = ask(f'lane ROUND {n} {i} after {lanes[n]}')
lanes = {}
threads = [threading.Thread(target=lane, args=(n,)) for n in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
del thread, threads  # no snapshot keeps them: the next cell would be told so, if it runs in another process
print(sorted(lanes.items()))
""",
    """
with ThreadPoolExecutor(6) as pool:
    print(*pool.map(ask, [f'pool ROUND {i}' for i in range(12)]))
del pool
""",
    # one prompt, several samples: they must stay several
    """
first, second = ask('sample ROUND'), ask('sample ROUND')
with ThreadPoolExecutor(3) as pool:
    samples = sorted({first, second, *pool.map(ask, ['sample ROUND'] * 3)})
del pool
distinct += len(samples)
print(ask(f'which of ROUND {first} {second}'), ask(f'all of ROUND {samples}'))
""",
    """
for i in range(2):
    print(ask_child(f'child ROUND {i}', pieces[i * 3 : i * 3 + 3]))
""",
    """
with ThreadPoolExecutor(3) as pool:
    questions = [f'child ROUND {i}' for i in range(2, 5)]
    print(*pool.map(ask_child, questions, [pieces[i : i + 3] for i in range(3)]))
del pool
""",
    """
for i in range(5):
    print(ask(f'draw ROUND {i} #{random.randrange(10000):04}'))
""",
    # variables that go on from cell to cell, and the same prompt in two blocks of one reply
    """
for i in range(3):
    carried = ask(f'carried ROUND {i} after {carried}')
twice = [ask('twice ROUND')]
print(carried)
```
and
```repl
twice.append(ask('twice ROUND'))
distinct += len(set(twice))
print(twice)
""",
    """
print(len(learnt), sum(len(entry) for entry in learnt))
for i in range(3):
    print(ask(f'before the error ROUND {i}'))
raise ValueError('as written, in round ROUND')
""",
]

_END = """
digest = hashlib.sha256(json.dumps(sorted(learnt)).encode()).hexdigest()
FINAL({'digest': digest, 'learnt': len(learnt), 'distinct': distinct, 'wrong': wrong})
"""


def cells(rounds: int) -> list[str]:
    """The cells of a run; three rounds are 35 iterations and 351 sub-calls."""
    of_rounds = [cell.replace("ROUND", str(number)) for number in range(rounds) for cell in _ROUND]
    return [BEGIN, *of_rounds, _END]


CHILD_CELLS = [
    """
answers = [llm_query(f'{question} reads {text}') for text in context]
answers.append(rlm_query(f'{question} goes deeper', context=context[0]))  # the last level: a plain call
print(*answers)
""",
    "FINAL(' '.join([f'[{question}]', *answers]))",
]

_TOKEN = re.compile(r"<[0-9a-f]{12}#\d{4}>")
_VARIES = re.compile(r"(<[0-9a-f]{12})?#\d{4}>?")


@dataclass
class Asked:
    """One request, as the server saw it."""

    life: int
    """The process that sent it."""

    key: str
    """What it asks, with whatever differs from run to run left out."""

    label: str
    """The beginning of the prompt, for a person."""

    token: str
    """Stands in the answer."""

    received_at: float
    """In seconds since the epoch."""

    sent_at: float | None = None
    """When the answer was sent; None while it is not, and for ever when the client went away before."""

    proven: bool = False
    """Whether a later request shows that the answer had been received."""


class Models:
    """The root model and the sub-model of the run, which answer after a random moment, and what they were asked."""

    def __init__(self, seed: int, cells: Sequence[str]) -> None:
        self.asked: list[Asked] = []
        self.is_holding = False  # whether prompts with the word "held" get no answer
        self._cells = cells
        self._random = random.Random(seed)
        self._by_token: dict[str, Asked] = {}
        self._answers: Counter[str] = Counter()  # by digest of the prompt
        self._last_turn: Asked | None = None
        self._awaited: tuple[int, int, bool, threading.Event] = (0, 0, False, threading.Event())

    async def root(self, request: Request) -> Reply:
        """The next cell."""
        turn = turn_of(request)
        cell = self._cells[turn]
        reply = await self._answer(request, lambda token: f"```repl\n# {token}{cell}```", is_turn=True)
        self._last_turn = next(asked for asked in reversed(self.asked) if asked.token in reply.text)
        return reply

    async def sub(self, request: Request) -> Reply:
        """The token, or the next cell of a child."""
        if self._last_turn is not None:  # its cell asks
            self._last_turn.proven = True
        if not request.system:
            return await self._answer(request, str)
        turn = turn_of(request)
        asked = next(message["content"] for message in request.messages if message["role"] == "user")
        question = re.findall(r"Question: (.*)", asked)[0]
        cell = f"question = {question!r}\n{CHILD_CELLS[turn]}"
        return await self._answer(request, lambda token: f"```repl\n# {token}\n{cell}\n```")

    async def _answer(self, request: Request, reply: Callable[[str], str], *, is_turn: bool = False) -> Reply:
        body = json.dumps(request.body, sort_keys=True)
        for token in _TOKEN.findall(body):
            self._by_token[token].proven = True
        # A child is another prompt than a plain one, and so is each turn of one: the whole body tells them apart.
        prompt = body if request.system else request.text
        digest = hashlib.sha256(prompt.encode()).hexdigest()[:12]
        self._answers[digest] += 1
        asked = Asked(
            life=int(request.headers.get("x-life", 0)),
            key=hashlib.sha256(_VARIES.sub("#", body).encode()).hexdigest(),
            label=f"{request.model}: {request.text[:60]!r}",
            token=f"<{digest}#{self._answers[digest]:04}>",
            received_at=request.received_at,
        )
        self._by_token[asked.token] = asked
        self.asked.append(asked)
        life, requests, of_turn, arrived = self._awaited
        if asked.life == life and self.count(life) >= requests and (is_turn or not of_turn):
            arrived.set()
        if self.is_holding and not request.system and "held" in request.text:
            await asyncio.Event().wait()
        await asyncio.sleep(self._random.uniform(0.001, 0.01))  # cancelled when the client goes away
        asked.sent_at = time.time()
        return Reply(text=reply(asked.token), delay_s=0.0)

    def arrival(self, life: int, requests: int, *, of_turn: bool) -> threading.Event:
        """What is set when a process has made so many requests, `of_turn`: and now asks the root model.

        There is one such event at a time.
        """
        arrived = threading.Event()
        self._awaited = (life, requests, of_turn, arrived)
        if self.count(life) >= requests and not of_turn:
            arrived.set()
        return arrived

    def count(self, life: int) -> int:
        """Requests of one process."""
        return sum(asked.life == life for asked in self.asked)
