"""Runs that are disturbed: processes that are killed, and what must hold when a run has ended all the same.

The keys of its requests (`long_run.py`) are those of the run that is left alone, each as often, but for what was in
flight at a kill. The answer and the totals are the same.
"""

from __future__ import annotations

import random
import time
from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

from long_run import CONFIG, QUESTION, Asked, Models
from survivor import ROOT, SUB, Life, Survivor, Survivors

from rlm_graph.testing import ScriptedServer


@dataclass(frozen=True)
class Kill:
    """One kill."""

    life: int
    at: float
    """In seconds since the epoch."""


@dataclass
class Story:
    """What happened to one run."""

    cells: Sequence[str]
    """What its root model wrote."""

    asked: list[Asked]
    result: dict[str, Any]
    kills: list[Kill] = field(default_factory=list)

    @property
    def keys(self) -> Counter[str]:
        """How often each request came."""
        return Counter(asked.key for asked in self.asked)


def window_s(undisturbed: Story) -> float:
    """Seconds after which an answer that was sent has been received and written, on this machine as it is now.

    A quarter of a second, or twice what the slowest answer of an undisturbed run took until the next request came.
    """
    received = sorted(asked.received_at for asked in undisturbed.asked)
    sent = sorted(asked.sent_at for asked in undisturbed.asked if asked.sent_at is not None)
    following = [(moment, bisect(received, moment)) for moment in sent]
    return max(0.25, *(2 * (received[at] - moment) for moment, at in following if at < len(received)))


def faults(story: Story, undisturbed: Story, *, window_s: float) -> list[str]:
    """What does not hold, a sentence each; empty when all is well.

    Args:
        story: a run that was disturbed.
        undisturbed: the same run, left alone.
        window_s: an answer that was sent this long before a kill, or longer, had been received and written.
    """
    found = [
        f"{name} is {story.result.get(name)!r}, not {wanted!r}"
        for name, wanted in undisturbed.result.items()
        if not _same(story.result.get(name), wanted)
    ]
    labels = {asked.key: asked.label for asked in [*undisturbed.asked, *story.asked]}
    wanted, seen = undisturbed.keys, story.keys
    lost = Counter(asked.key for asked in lost_at_kills(story, window_s))
    proven = Counter(asked.key for asked in story.asked if asked.proven)
    for key, label in labels.items():
        if not wanted[key]:
            found.append(f"{label} was asked, which the undisturbed run does not ask")
        elif seen[key] < wanted[key]:
            found.append(f"{label} was asked {seen[key]} times, not {wanted[key]}")
        elif seen[key] > wanted[key] + lost[key]:
            found.append(f"{label} was asked {seen[key]} times, not {wanted[key]}, and {lost[key]} were in flight")
        elif proven[key] > wanted[key]:
            found.append(f"{label} was asked again when its answer had been used")
    return found


def lost_at_kills(story: Story, window_s: float) -> Iterator[Asked]:
    """Requests that were in flight at a kill, or answered so shortly before it that nobody may have seen it."""
    for asked in story.asked:
        # A request that was sent before a kill of a worker may come after it; after that of a process, none comes.
        at_kills = [k.at for k in story.kills if k.life == asked.life and asked.received_at < k.at + window_s]
        if any(asked.sent_at is None or asked.sent_at > at - window_s for at in at_kills):
            yield asked


def extra(story: Story, undisturbed: Story) -> int:
    """Requests beyond those of the undisturbed run."""
    return sum((story.keys - undisturbed.keys).values())


def _same(value: Any, wanted: Any) -> bool:
    """Equal; sums of money, which are added up in any order, to a millionth of a cent."""
    if isinstance(value, float) and isinstance(wanted, float):
        return abs(value - wanted) < 1e-8
    return bool(value == wanted)


@dataclass(frozen=True)
class Variant:
    """Where a run is kept, and how it is run."""

    name: str
    database: Literal["sqlite", "postgres"] = "sqlite"
    """Of checkpoints and journal."""

    asynchronous: bool = False
    durability: Literal["sync", "async"] | None = None
    checkpoint_s: float = 0.0
    """Seconds that each checkpoint takes longer."""

    another_host: bool = False
    """Whether each process has nothing of the one before but the databases and the context store."""

    def __str__(self) -> str:
        return self.name

    def life(self, folder: Path, postgres_url: str = "", **more: Any) -> Life:
        """What a process of this variant is told."""
        return Life(
            number=0,
            server="",
            checkpoints=postgres_url or str(folder / "checkpoints.sqlite"),
            journal=postgres_url or str(folder / "journal.sqlite"),
            home=str(folder / "home"),
            asynchronous=self.asynchronous,
            durability=self.durability,
            checkpoint_s=self.checkpoint_s,
            **{
                "store": str(folder / "store"),
                "thread": "the long run",
                "question": QUESTION,
                "config": CONFIG,
                **more,
            },
        )


SQLITE = Variant("sqlite")
SLOW = Variant("sqlite, slow checkpoints", checkpoint_s=0.05)
POSTGRES = Variant("postgres", "postgres")
POSTGRES_ASYNC = Variant("postgres, async", "postgres", asynchronous=True, durability="sync")
VARIANTS = [
    SQLITE,
    SLOW,
    Variant("sqlite, waits for checkpoints", durability="sync"),
    Variant("sqlite, async", asynchronous=True),
    POSTGRES,
    POSTGRES_ASYNC,
    Variant("postgres, another host", "postgres", another_host=True),
]


def leave_alone(survivors: Survivors, folder: Path, cells: Sequence[str]) -> Story:
    """A run without any disturbance."""
    with Telling(survivors, SQLITE.life(folder), cells, seed=0) as telling:
        return telling.story(telling.finish())


STUCK_S = 60.0
"""Seconds in which a process must have asked for something new, or have ended."""


class Telling:
    """The models with their server, and the processes of one run, one after another.

    Args:
        survivors: who starts the processes.
        life: what each of them is told.
        cells: what the root model writes.
        seed: of the models' delays, and of the moments of the kills.
        new_homes: whether each process has a home of its own.
    """

    def __init__(
        self, survivors: Survivors, life: Life, cells: Sequence[str], *, seed: int, new_homes: bool = False
    ) -> None:
        self.chance = random.Random(seed)
        self.models = Models(seed, cells)
        self.server = ScriptedServer({ROOT: self.models.root, SUB: self.models.sub})
        self.kills: list[Kill] = []
        self._cells = cells
        self._survivors = survivors
        self._life = life
        self._new_homes = new_homes
        self._lives = 0
        self._orphans: list[int] = []

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close()

    def live(self, decision: Any = None) -> Survivor:
        """The next process of the run, which may bring a person's decision."""
        self._lives += 1
        home = str(Path(self._life.home, str(self._lives))) if self._new_homes else self._life.home
        life = replace(self._life, number=self._lives, server=self.server.base_url, home=home, decision=decision)
        return self._survivors.start(life)

    def wait(self, survivor: Survivor, requests: int, *, of_turn: bool = False) -> bool:
        """Wait until it has made so many requests, `of_turn`: and asks the root model; False if it ends before."""
        deadline = time.monotonic() + STUCK_S
        arrived = self.models.arrival(survivor.life.number, requests, of_turn=of_turn)
        while not arrived.wait(0.02):
            if survivor.ended():
                return False
            assert time.monotonic() < deadline, f"nothing for {STUCK_S:g} s: {survivor.life.log.read_text()}"
        return True

    def kill(self, survivor: Survivor) -> None:
        """Kill it with all processes below it, or alone: then those must end by themselves."""
        below = survivor.below()
        self._orphans += below
        self.kills.append(Kill(survivor.life.number, time.time()))
        survivor.kill([survivor.pid, *below] if self.chance.random() < 0.5 else [survivor.pid])
        assert survivor.ended(within_s=10)

    def kill_below(self, survivor: Survivor, which: Literal["worker", "zygote"]) -> None:
        """Kill one of the processes that run its cells, or that these are forked from."""
        look = survivor.workers if which == "worker" else survivor.zygotes
        before = look()
        time.sleep(0.1)  # a zygote that starts tries the confinement out in a process that ends at once: no worker
        if found := [pid for pid in look() if pid in before]:
            self.kills.append(Kill(survivor.life.number, time.time()))
            survivor.kill([self.chance.choice(found)])

    def disturb(self, kills: int, requests: int) -> dict[str, Any]:
        """Live the run to its end, killed so many times, about every so many requests; returns its result."""
        for _ in range(kills):
            survivor = self.live()
            if self.chance.random() < 0.2:  # while it starts, or finds its place
                ended = survivor.ended(within_s=self.chance.uniform(0, 1))
            else:
                of_turn = self.chance.random() < 0.3  # then the last steps' checkpoints may not be written yet
                ended = not self.wait(survivor, self.chance.randint(1, 2 * requests), of_turn=of_turn)
                ended = ended or survivor.ended(within_s=self.chance.choice([0, self.chance.uniform(0, 0.02)]))
            if not ended:
                self.kill(survivor)
            if survivor.result() is not None:  # also if it was killed after its end
                return self.result(survivor)
        return self.finish()

    def finish(self) -> dict[str, Any]:
        """Live the rest of the run; returns its result."""
        return self.result(self.live())

    def result(self, survivor: Survivor) -> dict[str, Any]:
        """Wait for its end; returns its result."""
        assert survivor.ended(within_s=STUCK_S), f"no end after {STUCK_S:g} s: {survivor.life.log.read_text()}"
        result = survivor.result()
        assert result is not None, f"it ended without a result: {survivor.life.log.read_text()}"
        assert "error" not in result, f"{result['error']}: {survivor.life.log.read_text()}"
        return result

    def story(self, result: dict[str, Any]) -> Story:
        """What has happened."""
        return Story(self._cells, list(self.models.asked), result, self.kills)

    def orphans(self) -> list[int]:
        """Processes that still run 5 s after those that started them were killed."""
        deadline = time.monotonic() + 5
        while (alive := [pid for pid in self._orphans if _runs(pid)]) and time.monotonic() < deadline:
            time.sleep(0.05)
        return alive


def _runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def kill_again_and_again(
    survivors: Survivors, variant: Variant, life: Life, undisturbed: Story, *, kills: int
) -> Story:
    """Live a run with so many kills, fewer if it ends before; what must hold is asserted."""
    seed = random.randrange(1_000_000)
    with Telling(survivors, life, undisturbed.cells, seed=seed, new_homes=variant.another_host) as telling:
        story = telling.story(telling.disturb(kills, len(undisturbed.asked) // kills))
        assert not (left := telling.orphans()), f"seed {seed}: processes {left} run on"
    found = faults(story, undisturbed, window_s=window_s(undisturbed))
    assert extra(story, undisturbed) <= CONFIG["max_concurrency"] * len(story.kills), f"seed {seed}"
    assert not found, f"seed {seed}, {len(story.kills)} kills: " + "; ".join(found[:20])
    return story
