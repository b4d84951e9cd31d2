"""What runs are called: their names, and how they stand."""

from __future__ import annotations

import difflib
import itertools
import random
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from rlm_graph.errors import ConfigError, RunNotFoundError

if TYPE_CHECKING:
    from rlm_graph.journal import Run

FINISHED = ("complete", "out_of_iterations", "out_of_budget", "no_answer")
"""Statuses of a state in which the run has come to its end."""

MAX_CHARS = 100

MANY = 20
"""Names that were taken, before one gets a number: there are some 4,000 for each day."""

_ALLOWED = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_CHARS - 1}}}")

_HOW = """
    agile amber brave bright brisk broad calm clear clever coral crisp deft eager early even fair fleet fresh gentle
    glad golden grand green hardy keen kind light lively lucid mellow merry mild neat nimble noble patient plain polite
    proud quick quiet rapid ready round sharp silent silver smooth sober solid spry steady stout subtle sunny swift
    tidy tranquil vivid warm wide witty young
""".split()  # noqa: SIM905 - words read better than a column of literals

_WHO = """
    adder badger beaver bison bittern buzzard carp cat condor crane cricket curlew deer dolphin dove eagle eel elk
    falcon ferret finch fox gecko goose grouse gull hare hawk heron horse ibex jackdaw jay kestrel kite lark linnet
    lizard lynx magpie marmot marten mole moose moth newt otter owl perch pike plover puffin quail raven robin salmon
    seal shrew snipe sparrow stoat stork swan swift tern thrush toad trout vole weasel wren
""".split()  # noqa: SIM905 - likewise


def checked_name(name: str, option: str) -> str:
    """The name, if a run may have it.

    Raises:
        ConfigError: it may not.
    """
    if not _ALLOWED.fullmatch(name):
        raise ConfigError(
            f"{option}: {name!r} is not allowed: must be letters, digits, '.', '_' and '-', a letter or a digit first, "
            f"at most {MAX_CHARS}"
        )
    return name


def invented_name(take: Callable[[str], bool]) -> str:
    """A name that no run has, such as `2026-11-22-brisk-otter`.

    Args:
        take: Takes a name, or says that it is taken.
    """
    chosen = random.SystemRandom()  # whatever somebody has seeded, two commands at once differ
    today = f"{datetime.now().astimezone():%Y-%m-%d}"
    for number in itertools.count(1):
        name = f"{today}-{chosen.choice(_HOW)}-{chosen.choice(_WHO)}"
        if number > MANY:
            name = f"{name}-{number}"
        if take(name):
            return name
    raise AssertionError("the numbers have no end")


def unknown_run(name: str, names: Iterable[str], where: str) -> RunNotFoundError:
    """The error that says which run may have been meant."""
    known = list(names)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or [one for one in known if name in one][:3]
    if near:
        advice = f"did you mean {' or '.join(near)}?"
    elif known:
        latest = ", ".join(known[:3])
        advice = f"there is {latest}" + (f", and {len(known) - 3:,} more (rlm-graph runs)" if len(known) > 3 else "")
    else:
        advice = "there are none"
    return RunNotFoundError(f"there is no run {name!r} in {where}: {advice}")


def shown_status(run: Run) -> str:
    """How a run stands, in a word or two."""
    if run.alive:
        return "running"
    if run.status in (None, "running"):  # nobody carries it out, and it has not come to an end
        return "interrupted"
    return str(run.status).replace("_", " ")
