from dataclasses import dataclass, field, KW_ONLY, InitVar, is_dataclass, make_dataclass

@dataclass(slots=True)
class Point:
    x: float
    y: float = 0.0

    def __add__(self, other: "Point") -> "Point":
        return Point(self.x + other.x, self.y + other.y)

@dataclass(kw_only=True)
class Config:
    name: str
    limit: int = 10

@dataclass
class Job:
    prompt: str
    _: KW_ONLY
    retries: int = 3
    prefix: InitVar[str] = ""

    def __post_init__(self, prefix):
        self.prompt = prefix + self.prompt

p = Point(1, 2) + Point(3)
print(p, hasattr(p, "__dict__"))
try:
    p.z = 1
except AttributeError as e:
    print("no attribute", "z" in str(e))
print(Config(name="a"), Job("hi", retries=1, prefix=">> "))
try:
    Config("a")
except TypeError as e:
    print("TypeError")
Pair = make_dataclass("Pair", [("left", int), ("right", int, field(default=7))])
print(Pair(1), is_dataclass(Pair), is_dataclass(p), Pair(1) == Pair(1, 7))

@dataclass(eq=False)
class Node:
    value: int
    children: list["Node"] = field(default_factory=list)
    def walk(self):
        yield self.value
        for c in self.children:
            yield from c.walk()
tree = Node(1, [Node(2, [Node(3)]), Node(4)])
print(list(tree.walk()), Node(1) == Node(1))
match p:
    case Point(x=4, y=yy):
        print("matched", yy)
