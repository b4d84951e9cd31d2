class Lines:
    def __init__(self, text, prefix):
        self.text, self.prefix = text, prefix
    def __iter__(self):
        return (l for l in self.text.splitlines() if l.startswith(self.prefix))
    def __len__(self):
        return sum(1 for _ in self)
    def __reversed__(self):
        return reversed(list(self))
class Peekable:
    def __init__(self, it):
        self._it = iter(it)
        self._buf = []
    def __iter__(self):
        return self
    def __next__(self):
        return self._buf.pop() if self._buf else next(self._it)
    def peek(self, default=None):
        if not self._buf:
            try:
                self._buf.append(next(self._it))
            except StopIteration:
                return default
        return self._buf[-1]
ls = Lines(context, "##")
print(len(ls), next(iter(ls)), next(reversed(ls)), [l[-6:] for l in ls][:3], sorted(ls)[0])
p = Peekable([1, 2])
print(p.peek(), next(p), p.peek(), list(p), p.peek("end"))
class Old:
    def __getitem__(self, i):
        if i > 3:
            raise IndexError
        return i * i
print(list(Old()), 9 in Old(), dict(enumerate(Old())), list(zip(Old(), "ab")))
class Fib:
    def __init__(self): self.a, self.b = 0, 1
    def __iter__(self): return self
    def __next__(self):
        self.a, self.b = self.b, self.a + self.b
        return self.a
from itertools import islice
print(list(islice(Fib(), 10)), [x for x, _ in zip(Fib(), range(5))])
