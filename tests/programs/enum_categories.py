from enum import Enum, IntEnum, Flag, StrEnum, auto, unique
from collections import Counter

@unique
class Category(Enum):
    ENTITY = "entity"
    LOCATION = "location"
    NUMERIC = "numeric value"
    OTHER = "other"

    @classmethod
    def parse(cls, text):
        try:
            return cls(text.strip().lower())
        except ValueError:
            return cls.OTHER

    @property
    def short(self):
        return self.name[:3]

class Severity(IntEnum):
    INFO = 1
    WARN = 2
    ERROR = 3

class Perm(Flag):
    R = auto()
    W = auto()
    X = auto()
    RW = R | W

class Color(StrEnum):
    RED = auto()
    DARK_BLUE = auto()

import re
cats = Counter(Category.parse(c) for c in re.findall(r"What is the ([\w ]+) of", context))
for c in Category:
    print(c.name, c.value, cats[c], c.short)
sev = Counter(Severity[s] for s in re.findall(r"\b(INFO|WARN|ERROR)\b", context))
print([(s.name, int(s), sev[s]) for s in sorted(sev)], Severity.WARN < Severity.ERROR, max(Severity))
print(Perm.R in Perm.RW, Perm.X in Perm.RW, (Perm.R | Perm.X).value, Perm.RW & Perm.W == Perm.W, bool(Perm.R & Perm.W))
print(Color.RED, Color.DARK_BLUE.value, Color("red") is Color.RED, f"{Color.RED:>5}", list(Category.__members__), len(Category))
print(Category["ENTITY"] is Category.ENTITY, Category.ENTITY == "entity", isinstance(Severity.INFO, int), repr(Category.OTHER))
try:
    Category.ENTITY = 3
except AttributeError as e:
    print("AttributeError")
