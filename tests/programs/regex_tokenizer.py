import re
from typing import NamedTuple, Iterator

class Token(NamedTuple):
    kind: str
    value: str
    pos: int

SPEC = [("NUM", r"\d+(?:\.\d+)?"), ("ID", r"[A-Za-z_]\w*"), ("OP", r"[-+*/()=]"), ("WS", r"\s+"), ("BAD", r".")]
MASTER = re.compile("|".join(f"(?P<{k}>{p})" for k, p in SPEC))

def tokenize(code: str) -> Iterator[Token]:
    for m in MASTER.finditer(code):
        kind = m.lastgroup
        if kind == "WS":
            continue
        if kind == "BAD":
            raise SyntaxError(f"bad character {m.group()!r} at {m.start()}")
        yield Token(kind, m.group(), m.start())

class Parser:
    def __init__(self, text):
        self.toks = list(tokenize(text))
        self.i = 0
    def peek(self):
        return self.toks[self.i].value if self.i < len(self.toks) else None
    def take(self):
        self.i += 1
        return self.toks[self.i - 1]
    def expr(self):
        v = self.term()
        while self.peek() in ("+", "-"):
            v = v + self.term() if self.take().value == "+" else v - self.term()
        return v
    def term(self):
        v = self.factor()
        while self.peek() in ("*", "/"):
            v = v * self.factor() if self.take().value == "*" else v / self.factor()
        return v
    def factor(self):
        t = self.take()
        if t.value == "(":
            v = self.expr()
            self.take()
            return v
        if t.value == "-":
            return -self.factor()
        return float(t.value)

print([t.value for t in tokenize("x = 3.5*(2+1)")], Parser("2*(3+4)-10/4").expr(), Parser("-(1-3)*2").expr())
try:
    list(tokenize("a ? b"))
except SyntaxError as e:
    print(e, e.msg)
