import re
from abc import ABC, abstractmethod

class Extractor(ABC):
    registry = {}

    def __init_subclass__(cls, /, label=None, **kwargs):
        super().__init_subclass__(**kwargs)
        Extractor.registry[label or cls.__name__.lower()] = cls

    @abstractmethod
    def extract(self, text): ...

    def count(self, text):
        return len(self.extract(text))

class RegexExtractor(Extractor, label="regex"):
    pattern = r"\w+"

    def __init__(self, flags=0):
        self._re = re.compile(self.pattern, flags)

    def extract(self, text):
        return self._re.findall(text)

class Emails(RegexExtractor, label="emails"):
    pattern = r"[\w.]+@[\w.]+\.com"

class Unique(Emails):
    def extract(self, text):
        return sorted(set(super().extract(text)))

for label, cls in Extractor.registry.items():
    ex = cls()
    print(label, cls.__name__, ex.count(context), isinstance(ex, Extractor), [c.__name__ for c in cls.__mro__][:2])
try:
    Extractor()
except TypeError as e:
    print("cannot:", "abstract" in str(e))
