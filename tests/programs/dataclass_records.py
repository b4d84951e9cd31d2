from dataclasses import dataclass, field, asdict, astuple, replace, fields
from typing import ClassVar, Optional
import re

@dataclass(order=True, frozen=True)
class LogEntry:
    latency: int
    service: str = field(compare=False)
    level: str = field(default="INFO", compare=False)
    slow_ms: ClassVar[int] = 500

    @property
    def slow(self) -> bool:
        return self.latency > self.slow_ms

@dataclass
class Report:
    title: str
    entries: list[LogEntry] = field(default_factory=list, repr=False)
    total: int = field(init=False, default=0)
    note: Optional[str] = None

    def __post_init__(self):
        self.total = len(self.entries)

entries = [LogEntry(int(l), s, lv) for lv, s, l in re.findall(r"(INFO|WARN|ERROR) service=(\w+) latency=(\d+)ms", context)]
print(len(entries), max(entries), min(entries), sum(e.slow for e in entries))
r = Report("logs", entries[:5])
print(r, [f.name for f in fields(r)], asdict(replace(r, entries=entries[:1], note="one")))
print(sorted(entries)[:2], astuple(entries[0]), entries[0] == replace(entries[0], service="zzz"))
try:
    entries[0].latency = 1
except Exception as e:
    print(type(e).__name__, e)
print(hash(entries[0]) == hash(replace(entries[0], level="X")), len({e for e in entries}) == len({e.latency for e in entries}))
