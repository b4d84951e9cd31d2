class ResultAggregator:
    """Accumulates answers of sub-calls."""

    MAX_PREVIEW = 12

    def __init__(self, name):
        self.name = name
        self._items = []
        self.errors = 0

    def add(self, item, /, *, ok=True):
        if not ok:
            self.errors += 1
            return self
        self._items.append(item)
        return self

    @property
    def preview(self):
        return [i[: self.MAX_PREVIEW] for i in self._items]

    @preview.setter
    def preview(self, size):
        self.MAX_PREVIEW = size

    @classmethod
    def from_answers(cls, answers):
        agg = cls("from answers")
        for a in answers:
            agg.add(a, ok=not a.startswith("summary(1"))
        return agg

    @staticmethod
    def join(*aggs):
        out = ResultAggregator("+".join(a.name for a in aggs))
        for a in aggs:
            out._items += a._items
            out.errors += a.errors
        return out

    def __len__(self):
        return len(self._items)

    def __iter__(self):
        yield from self._items

    def __repr__(self):
        return f"{type(self).__name__}({self.name!r}, n={len(self)}, errors={self.errors})"

a = ResultAggregator.from_answers(llm_query_batched([context[i:i + 90 + i] for i in range(0, 60, 10)]))
print(a, list(a), a.preview)
a.preview = 4
b = ResultAggregator("b").add("x").add("y").add("z", ok=False)
print(a.preview, b, ResultAggregator.join(a, b), len(b), "x" in b, ResultAggregator.MAX_PREVIEW)
