from __future__ import annotations
from collections import Counter
from dataclasses import dataclass
from typing import Callable, Iterable, Sequence
@dataclass(frozen=True)
class Vote:
    chunk: int
    value: str | None
    weight: float = 1.0
    @classmethod
    def parse(cls, chunk: int, raw: str) -> Vote:
        digits = "".join(c for c in raw if c.isdigit())
        return cls(chunk, digits if not raw.startswith("summary") else None)
def overlapping(text: str, size: int, step: int) -> Iterable[str]:
    for i in range(0, max(1, len(text) - size + step), step):
        yield text[i:i + size]
def tally(votes: Sequence[Vote], key: Callable[[Vote], str | None] = lambda v: v.value) -> Counter[str]:
    c: Counter[str] = Counter()
    for v in votes:
        if (k := key(v)) is not None:
            c[k] += v.weight
    return c
votes = [Vote.parse(i, r) for i, r in enumerate(llm_query_batched(list(overlapping(context, 4000, 2000))))]
t = tally(votes)
print(len(votes), t.most_common(1), sum(v.value is None for v in votes), votes[0])
best, n = t.most_common(1)[0]
confidence = n / sum(t.values())
print(f"{best} ({confidence:.0%}) from chunks {[v.chunk for v in votes if v.value == best]}")
