from abc import ABC, abstractmethod
from dataclasses import dataclass

class Strategy(ABC):
    @property
    @abstractmethod
    def name(self) -> str: ...
    @abstractmethod
    def find(self, text: str) -> list[str]:
        raise NotImplementedError
    def __call__(self, text):
        hits = self.find(text)
        return f"{self.name}: {len(hits)} {hits[:2]}"

class Keyword(Strategy):
    name = "keyword"
    def __init__(self, kw): self.kw = kw
    def find(self, text): return [w for w in text.split() if self.kw in w]

@dataclass
class Length(Strategy):
    minimum: int = 12
    @property
    def name(self): return f"length>={self.minimum}"
    def find(self, text): return sorted({w for w in text.split() if len(w) >= self.minimum})

class Broken(Strategy):
    name = "broken"

for s in (Keyword("@"), Length(30)):
    print(s(context))
try:
    Broken()
except TypeError as e:
    print("TypeError", "find" in str(e))
print(isinstance(Length(), Strategy), Strategy.__abstractmethods__ == frozenset({"name", "find"}), Length(3) == Length(3))
class Duck:
    def find(self, text): return []
Strategy.register(Duck)
print(isinstance(Duck(), Strategy))
