"""What the dialect costs: loops as models write them, through the policy and through plain `exec`, in one run.

    python benchmarks/guards.py

Each loop runs in both forms in turn, many times; the figure is the ratio of the two medians. Issue: the geometric mean
at most 1.05, the worst at most 1.3.
"""

from __future__ import annotations

import builtins
import math
import statistics
import time
from collections.abc import Callable
from typing import Any

from rlm_graph.repl.policy import build_builtins, compile_cell

ROUNDS = 25

OTHERS = ("counters in objects", "f-strings", "module functions", "comprehensions")
"""Loops that the limits do not speak of."""

LOOPS = {
    "attribute calls": """
def run():
    out = []
    for line in lines:
        if line.startswith('ERROR'):
            out.append(line.strip().lower())
    return out
""",
    "subscripts": """
def run():
    total = 0
    for row in rows:
        total += row['n'] + row['pair'][0]
    return total
""",
    "dict writes": """
def run():
    counts = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return counts
""",
    "unpacking": """
def run():
    total = 0
    for i, (a, (b, c)) in enumerate(nested):
        first, *rest = a, b, c
        total += first + rest[0] + i
    return total
""",
    "arithmetic": """
def run():
    x = 0
    for i in range(60000):
        x += (i * 3 + 1) % 7 - (i >> 2)
    return x
""",
    "regex": """
import re
pattern = re.compile(r'id=(\\d+) user=(\\w+)')
def run():
    return [(m.group(1), m.group(2)) for m in (pattern.search(line) for line in lines) if m]
""",
    "slicing": """
def run():
    return [text[i:i + 200] for i in range(0, len(text), 50)]
""",
    "class attributes": """
class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y
    def norm(self):
        return self.x * self.x + self.y * self.y
def run():
    total = 0
    for i in range(8000):
        total += Point(i, 1).norm()
    return total
""",
    "counters in objects": """
class Stats:
    def __init__(self):
        self.n = 0
        self.total = 0
    def add(self, value):
        self.n += 1
        self.total += value
def run():
    stats = Stats()
    for i in range(20000):
        stats.add(i)
    return stats.n, stats.total
""",
    "f-strings": """
def run():
    return [f"{i}: {word!r:>10} {i / 3:.2f}" for i, word in enumerate(words[:8000])]
""",
    "module functions": """
import math
def run():
    total = 0.0
    for i in range(30000):
        total += math.sqrt(i) + math.floor(i / 2)
    return total
""",
    "comprehensions": """
def run():
    return {w: [c for c in w if c > 'm'] for w in set(words)}, sorted(words, key=lambda w: w[::-1])[:5]
""",
}


def world() -> dict[str, Any]:
    """What the loops work on."""
    lines = [f"{'ERROR' if i % 3 else 'INFO'} id={i} user=u{i % 50} took {i % 977}ms\n" for i in range(8000)]
    return {
        "lines": lines,
        "rows": [{"n": i, "pair": (i, -i)} for i in range(30000)],
        "words": " ".join(lines).split(),
        "nested": [(i, (i + 1, i + 2)) for i in range(20000)],
        "text": "".join(lines),
    }


def plain(source: str) -> Callable[[], Any]:
    """The loop as CPython runs it."""
    namespace: dict[str, Any] = {"__builtins__": builtins, "__name__": "__main__", **world()}
    exec(compile(source, "<plain>", "exec"), namespace)
    run: Callable[[], Any] = namespace["run"]
    return run


def guarded(source: str) -> Callable[[], Any]:
    """The loop as a cell runs it."""
    safe = build_builtins(write=lambda _: None, show=lambda _: None, names=dict)
    namespace: dict[str, Any] = {"__builtins__": safe, "__name__": "__main__", **world()}
    exec(compile_cell(source, "<cell 1>"), namespace)
    run: Callable[[], Any] = namespace["run"]
    return run


def seconds(run: Callable[[], Any]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def main() -> None:
    ratios = {}
    for name, source in LOOPS.items():
        ours, theirs = guarded(source), plain(source)
        assert ours() == theirs()
        pairs = [(seconds(ours), seconds(theirs)) for _ in range(ROUNDS)]
        ours_s, plain_s = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratios[name] = ours_s / plain_s
        print(f"  {name:20} {plain_s * 1000:7.2f} ms plain {ours_s * 1000:7.2f} ms guarded   {ratios[name]:.2f}")
    usual = [ratio for name, ratio in ratios.items() if name not in OTHERS]
    for title, chosen in (("the usual loops", usual), ("all of them", list(ratios.values()))):
        mean = math.exp(statistics.mean(map(math.log, chosen)))
        print(f"  {title}: geometric mean {mean:.3f} (at most 1.05), worst {max(chosen):.2f} (at most 1.3)")


if __name__ == "__main__":
    main()
