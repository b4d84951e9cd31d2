"""Everything that a model reads: the root prompt, the context's metadata, observations, reminders, refusals.

The numbers in them are those of the run. What is here is what a person sees in the hand-played mode of the test
server; whoever changes a sentence plays a question through it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rlm_graph.config import RLMConfig
from rlm_graph.context import ContextRef
from rlm_graph.repl.executor import Done

MAX_CHANGED = 20
"""Variables that an observation names."""

MAX_STDERR_CHARS = 500
"""Characters of what a cell wrote to stderr in an observation."""

MAX_ERROR_CHARS = 1500
"""Characters of a traceback in an observation: its end, where the reason is."""


def system(config: RLMConfig) -> str:
    """The root prompt: what the REPL is, its limits, what pays, and one worked example."""
    sub_calls = _sub_calls(config) if config.max_sub_calls else _NO_SUB_CALLS
    example = _EXAMPLE if config.max_sub_calls else ""
    return f"""\
You answer a question about a context that is not shown to you, because it can be of any length. It is in a Python \
REPL, as the variable `context`. You see only what your code prints. Work step by step: write code, read what it \
printed, go on.

Write code in a fenced block:
```repl
print(context[:300])
```
It runs at once, and the next message shows you what it printed. Variables, functions and imports stay for the next \
block. Write one block per turn, then stop: do not guess its output.

In the REPL:
- `context`: the whole input. The first message says what it is.
{sub_calls}
- `FINAL(value)`: submits the answer, any Python value, and ends the work. Call it inside a block.
- The harmless standard library can be imported (re, json, math, statistics, collections, itertools, datetime, csv, \
...). There are no files, no network, no other packages.

Limits of this run:
- {config.max_iterations} turns of yours.
- Of what a block prints you see the first {config.metadata_prefix_chars:,} characters. Print samples and counts, not \
everything, the most important line first; keep the rest in variables.
- A block may compute for {config.sandbox_timeout:g} seconds; waiting for sub-calls is not counted.

What pays:
- Look first: samples from the beginning, the middle and the end. Find out how the context is built, and what repeats, \
before you search it. If a search gives thousands of hits, look for what is rare among them.
- What Python can decide (find, filter, count, sort, parse, compare), let Python decide: it is exact and free. Never \
count by reading.
- What needs understanding, ask the sub-model, once for each distinct text; then let Python count and join its \
answers. Filter by words first only where the words cannot be missed.
- Do not trust an answer of the sub-model unseen: let Python check names, numbers and quotations against the context.
- Print a result in one block, read it, and submit it in the next; when turns are short, do all in one block. If the \
question can be read in two ways, take the likelier one. If the context does not hold the answer, say so.
- Return the variable, in the form that the question asks for: `FINAL(result)`. Do not retype what a variable holds; \
it can be longer than any reply.
{example}"""


_NO_SUB_CALLS = "- There are no sub-calls in this run: Python alone must do."

TOKENS_PER_LABEL = 40
"""Output tokens that one item's line in a sub-model's answer may take, with a margin."""


def _sub_calls(config: RLMConfig) -> str:
    fat = min(config.sub_call_max_input_chars, 200_000)
    items = max(1, min(100, config.sub_max_tokens // TOKENS_PER_LABEL))
    recursive = (
        f"\n- `rlm_query(prompt, context=part)`: hands a part of the context to a helper that has a REPL of its own "
        f"(up to {config.max_recursion_depth - 1} levels deep); for a part that is itself too long to be read at once."
        if config.max_recursion_depth > 1
        else ""
    )
    return f"""\
- `llm_query(prompt)`: asks a language model, returns its answer as a str. It sees nothing but the prompt: put the \
text in, and the task before and after a long one. A prompt holds up to {config.sub_call_max_input_chars:,} \
characters. To read or to search, give it much at once (about {fat:,} characters); to label items, \
about {items} items, because its answer is limited too ({config.sub_max_tokens:,} tokens).
- `llm_query_batched(prompts)`: the same for a list of prompts, {config.max_concurrency} at a time, answers in order. \
Much faster than a loop. A failed call raises SubCallError.
- You have {config.max_sub_calls:,} sub-calls in all.{recursive}"""


_EXAMPLE = """
Example. Question: "In how many of the reviews does the writer say that delivery was late?" First turn:
```repl
for i in (0, len(context) // 2, len(context) - 1):
    print(i, str(context[i])[:150])
```
It shows short texts of a shop's customers. No list of words finds every complaint, so all are labelled. Second turn:
```repl
import re
groups = [range(i, min(i + 50, len(context))) for i in range(0, len(context), 50)]
prompts = [
    "For each numbered review: does its writer say that delivery was late? "
    "One line each: `number: yes`, `number: no` or `number: unclear`.\\n\\n"
    + "\\n\\n".join(f"{i}. {context[i]}" for i in group)
    for group in groups
]
labels = {}
for answer in llm_query_batched(prompts):
    labels.update((int(i), label.lower()) for i, label in re.findall(r"(\\d+)\\W+(yes|no|unclear)", answer, re.I))
late = [i for i, label in labels.items() if label == "yes"]
unclear = [i for i, label in labels.items() if label == "unclear"]
print(len(labels), "of", len(context), "labelled;", len(late), "late;", len(unclear), "unclear")
print([context[i][:100] for i in late[:2] + unclear[:3]])
```
It shows `1200 of 1200 labelled; 143 late; 0 unclear` and texts that fit. Third turn:
```repl
FINAL(len(late))
```
"""


def question(query: str, context: ContextRef, variables: Mapping[str, str]) -> str:
    """The first message: the question, and the metadata of the context that it is about."""
    parts = [f"Question: {query}", f"The context: {describe_context(context)}"]
    if variables:
        parts.append(f"Variables from earlier questions are still there:\n{_named(variables)}")
    parts.append("Write your first block.")
    return "\n\n".join(parts)


def describe_context(context: ContextRef) -> str:
    """The metadata that stands for the context in the root model's messages: type, sizes, names, a short prefix."""
    chars = f"{context.chars:,} characters"
    if context.kind == "str":
        what = f"a `str` of {chars}."
    elif context.kind == "documents":
        what = (
            f"a `list` of {context.items:,} documents, {chars} in all. Each is a `str` (slice and search it like one) "
            f"that also has `.name` and `.metadata`."
        )
    elif context.kind == "list[str]":
        what = f"a `list` of {context.items:,} `str`, {chars} in all."
    else:
        what = f"a `{context.kind}` of {context.items:,} items ({chars} as JSON): {context.shape}."
    if context.names:
        more = f", ... ({context.items - len(context.names):,} more)" if context.items > len(context.names) else ""
        what += f"\nNames: {', '.join(context.names)}{more}"
    if context.skipped_count:
        what += (
            f"\nNot readable, and left out: {context.skipped_count:,} files, such as {'; '.join(context.skipped[:3])}"
        )
    return f"{what}\nIt begins: {context.prefix[:PREFIX_CHARS]!r}{' ...' if context.chars > PREFIX_CHARS else ''}"


PREFIX_CHARS = 200
"""Characters of the context that the root model is shown."""


def observation(outcomes: Sequence[Done], cells: int, config: RLMConfig, *, iterations: int, sub_calls: int) -> str:
    """What the root model sees of the cells that it wrote: the beginning of the output, and how much there was.

    Args:
        outcomes: How the cells ended; the last one may have failed.
        cells: How many the reply had.
        config: The limits of the run.
        iterations: Turns used.
        sub_calls: Sub-calls used.
    """
    parts = [_printed(outcomes, config.metadata_prefix_chars)]
    last = outcomes[-1]
    if last.stderr:
        parts.append(f"Stderr:\n{_end(last.stderr, MAX_STDERR_CHARS).rstrip()}")
    if last.error is not None:
        where = (
            f" (block {len(outcomes)} of {cells}; the blocks after it were not run)" if len(outcomes) < cells else ""
        )
        parts.append(f"Error{where}:\n{_end(last.error, MAX_ERROR_CHARS)}")
    if last.undone:
        parts.append("The block was killed: all variables are as they were before it.")
    changed = {name: done.variables[name] for done in outcomes for name in done.changed if name in done.variables}
    changed = {name: value for name, value in changed.items() if len(name.strip("_")) > 1}  # not what a loop leaves
    if changed:
        parts.append(f"Variables set:\n{_named(changed)}")
    parts += [note for done in outcomes for note in done.notes]
    parts.append(_left(config, iterations, sub_calls))
    return "\n\n".join(parts)


def _left(config: RLMConfig, iterations: int, sub_calls: int) -> str:
    """What the run may still use."""
    turns = config.max_iterations - iterations
    left = f"Left: {turns:,} of {config.max_iterations:,} turns"
    if config.max_sub_calls:
        left += f", {config.max_sub_calls - sub_calls:,} of {config.max_sub_calls:,} sub-calls"
    last = " This is your last turn: the block must call FINAL(value)." if turns == 1 else ""
    return f"{left}.{last}"


def _printed(outcomes: Sequence[Done], limit: int) -> str:
    stdout = "".join(done.stdout for done in outcomes)
    chars = sum(done.stdout_chars for done in outcomes)
    if not chars:
        return "Output: none" if any(done.error for done in outcomes) else "Output: none (print what you want to see)"
    if chars <= limit:
        return f"Output:\n{stdout.rstrip()}"
    return f"Output, the first {limit:,} of {chars:,} characters:\n{stdout[:limit]}\n[cut here]"


def _end(text: str, limit: int) -> str:
    return text if len(text) <= limit else "[...] " + text[-limit:]


def _named(variables: Mapping[str, str]) -> str:
    lines = [f"  {name}: {value}" for name, value in list(variables.items())[:MAX_CHANGED]]
    if len(variables) > MAX_CHANGED:
        lines.append(f"  ... and {len(variables) - MAX_CHANGED:,} more")
    return "\n".join(lines)


REMINDER = (
    "There was no code in your reply. Write one block that begins with ```repl and ends with ```; "
    "to submit the answer, call FINAL(value) in it."
)


LAST_QUESTION = (
    "There are no turns left. Give the best answer that you can from what you know now: either one block that calls "
    "FINAL(value), or the answer itself as FINAL(...) in plain text. Nothing else will be run."
)


def repl_lost(lost: Mapping[str, str] | None) -> str:
    """Said once when a REPL that was brought back is not quite what it was: some names are gone, or (None) all."""
    if lost is None:
        return "The REPL was started anew since the last block: its variables are gone, `context` is there."
    names = ", ".join(f"{name} ({why})" for name, why in list(lost.items())[:MAX_CHANGED])
    return f"The REPL was restored since the last block. These could not be kept: {names}."


def sub_call_limit(limit: Exception) -> str:
    """What the cell's MaxSubCallsExceeded says."""
    return f"{limit}. Use what you have: larger prompts, fewer calls, or Python alone."


def sub_call_too_long(chars: int, limit: int) -> str:
    """What the cell's ValueError says for a prompt that is too long."""
    return f"a prompt of {chars:,} characters; a sub-call takes {limit:,} at most: split it"


def no_such_model(name: str, names: Sequence[str]) -> str:
    """What the cell's ValueError says for an unknown `model=`."""
    return f"there is no sub-model {name[:80]!r}; leave `model` out, or use one of: {', '.join(names)}"


def last_level(prompt: str, context: Any) -> str:
    """The prompt of an `rlm_query` at the last level, which is a plain call: the context goes into it."""
    if context is None:
        return prompt
    are_texts = isinstance(context, list) and all(isinstance(item, str) for item in context)
    items = context if are_texts else [context]
    shown = [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in items]
    return f"{prompt}\n\nContext:\n" + "\n\n".join(shown)


def bad_child_context() -> str:
    """What the cell's ValueError says when `context=` of an `rlm_query` is nothing that can be handed over."""
    return "rlm_query(prompt, context=...) takes a str, a list of str, or a dict or list of such values as JSON has"


def no_child_answer(prompt: str) -> str:
    """What the cell's SubCallError says when a child came to no answer."""
    return f"the child found no answer to {prompt[:100]!r}: ask for less, or hand it a smaller context"


def sendable(text: str) -> str:
    """Text that JSON over HTTP and a checkpoint can carry: a lone surrogate, which is no character, becomes U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
