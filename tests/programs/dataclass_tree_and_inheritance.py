from dataclasses import dataclass, field
import dataclasses
@dataclass
class T:
    name: str
    kids: "list[T]" = field(default_factory=list)
    _hidden: int = 0
    def add(self, *ks): self.kids.extend(ks); self._hidden += len(ks); return self
    def __iter__(self):
        yield self
        for k in self.kids: yield from k
t = T("a").add(T("b").add(T("c")), T("d"))
print([x.name for x in t], t._hidden, dataclasses.asdict(t)["kids"][0]["name"], t)
@dataclass(frozen=True)
class K:
    a: int
    b: tuple = ()
    def __post_init__(self): object.__setattr__(self, "b", (self.a, self.a))
print(K(1), {K(1): 2}[K(1)])
@dataclass
class C1:
    x: int = 1
@dataclass
class C2(C1):
    y: int = 2
    x: int = 5
print(C2(), C2(1, 2) == C2(1, 2), C2.__eq__ is not object.__eq__)
