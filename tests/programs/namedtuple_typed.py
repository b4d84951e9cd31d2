from collections import namedtuple
from typing import NamedTuple, TypedDict, Optional

class Hit(NamedTuple):
    line: int
    text: str
    score: float = 1.0

    def label(self) -> str:
        return f"L{self.line}:{self.text[:10]}"

class Row(TypedDict, total=False):
    name: str
    score: float
    note: Optional[str]

hits = [Hit(i, l.strip()) for i, l in enumerate(context.splitlines(), 1) if "Chapter" in l]
print(hits[0].label(), hits[0]._replace(score=0.5), hits[0]._fields, Hit._field_defaults)
line, text, score = hits[1]
print(line, text, score, hits[1][0] == line, hits[1] > hits[0], hits[0]._asdict())
row: Row = {"name": "alice", "score": 3.5}
row["note"] = None
print(row, Row(name="x"), type(row).__name__)
Point = namedtuple("Point", ["x", "y"], defaults=[0])
pts = sorted([Point(2, 1), Point(1), Point(1, -1)])
print(pts, Point._make([5, 6]), {p: p.x for p in pts}, sum(p.x * p.y for p in pts))
Color = namedtuple("Color", "red green blue")
print(Color(1, 2, 3)._asdict(), max(Color(*c) for c in [(1, 2, 3), (3, 2, 1)]))
