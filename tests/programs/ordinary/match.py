from dataclasses import dataclass
from enum import Enum
class Color(Enum): RED = 1; BLUE = 2
@dataclass
class Point:
    x: int
    y: int
class Old:
    __match_args__ = ("a", "b")
    def __init__(self, a, b): self.a, self.b = a, b
def f(v):
    match v:
        case None | True: return "none"
        case int(n) if n > 10: return f"big {n}"
        case int() | float(): return "num"
        case "go" | "run": return "cmd"
        case str(s): return f"str {s}"
        case []: return "empty"
        case [1, *rest]: return f"one {rest}"
        case (a, b): return f"pair {a} {b}"
        case {"type": "x", **rest}: return f"x {rest}"
        case {"k": {"deep": [_, second]}}: return second
        case Point(x=0, y=y): return f"on y {y}"
        case Point(x, y) as p: return f"{p} {x + y}"
        case Old(a, b): return f"old {a}{b}"
        case Color.RED: return "red"
        case _: return "other"
print([f(v) for v in [None, 11, 2.5, "go", "hm", [], [1, 2], (3, 4), {"type": "x", "z": 1},
       {"k": {"deep": [1, 2]}}, Point(0, 5), Point(1, 2), Old(1, 2), Color.RED, Color.BLUE, {1}]])
