# What a snapshot keeps. "# ===" begins a program, "# %%" separates its cells; each is saved and restored after every
# cell, and the last cell prints what it prints in a REPL that lived on.

# === constants
a = [None, True, False, ..., NotImplemented]
# %%
print(a, a[0] is None, a[1] is True, a[3] is ...)

# === integers
a = [0, -1, 255, -256, 2**31, -(2**31), 2**63 - 1, 2**63, -(2**63) - 1]
# %%
print(a, [type(i) for i in a])

# === big integers
a = 10**6000; b = -a; c = [a, 7**3000]
# %%
print(a == 10**6000, b == -a, c[0] == a, c[1] == 7**3000)

# === booleans are no integers
a = [1, True, 0, False, 1.0]; b = {1: 'x'}
# %%
print(a, b)

# === floats
z = -0.0; inf = float('-inf'); n = float('nan'); f = [0.1, 1e308, 5e-324, 0.0, z]
# %%
print(str(z), inf, n, f, n == n, [n] == [n])

# === a nan is the same object in each place and no other
n = float('nan'); a = [n, n, float('nan')]
# %%
print(a[0] is a[1], a[0] is a[2], [a[0]] == [a[1]], [a[0]] == [a[2]])

# === complex numbers
c = [1+2j, -0.0+0j, complex(0, -0.0)]
# %%
print(c)

# === texts
s = ['', 'a', 'ä', '\u20ac', '\U0001f600', 'x' * 5000, '\x00']
# %%
print(s)

# === lone surrogates
s = '\ud800 lone \udfff'; t = '\ud83d' + '\ude00'
# %%
print(ascii(s), len(t), ascii(t))

# === long surrogates
t = '\ud83d\ude00' * 3000; u = '\ud83d' + '\ude00' * 2000
# %%
print(len(t), len(u), ascii(u)[:20])

# === bytes
b = [b'', b'\x00\xff', bytes(range(256)) * 40]; c = bytearray(b'abc')
# %%
print(b); c.append(1); print(c)

# === array
import array; a = array.array('d', [1.5, 2.5])
# %%
a.append(3); print(a)

# === lists tuples dicts
a = [1, (2, [3, {}]), {'k': {1: [()]}}]
# %%
print(a)

# === dict order
d = {'b': 1, 'a': 2}; d['c'] = d.pop('b')
# %%
print(d, list(d))

# === mixed keys
d = {1: 'a', '1': 'b', (1, 'x'): 'c', None: 'd', 2.5: 'e', b'k': 'f', frozenset({1}): 'g'}
# %%
print(d)

# === sets
s = {1, 2, 'a', (1, 2)}; t = {3, 1, 2}; f = frozenset('abc')
# %%
print(sorted(map(str, s)), t, sorted(f))

# === slices and ranges
s = [slice(1, None, 2), range(0, 10**20, 3)]
# %%
print(s, [0, 1, 2, 3][s[0]], s[1][-1])

# === shared references
x = [1]; y = [x, x]; z = {'x': x}
# %%
x.append(2); print(y, z, y[0] is y[1] is z['x'] is x)

# === an alias into a list
rows = [{'n': i} for i in range(5)]
for row in rows: pass
# %%
best = rows[2]
# %%
best['n'] = 'changed'; row['n'] = 'last'; print(rows, best is rows[2], row is rows[-1])

# === an alias made before what holds it
x = []
# %%
y = [x]
# %%
z = {'y': y}
# %%
x.append(y); print(z['y'][0] is x, len(x))

# === an alias whose owner is gone
a = [[1], [2]]; b = a[0]
# %%
a = None
# %%
c = [b, b]
# %%
b.append(9); print(a, b, c)

# === a list in itself
a = [1]; a.append(a)
# %%
print(a[1] is a, a)

# === a dict in itself
d = {}; d['d'] = d
# %%
print(d['d'] is d)

# === a tuple in its own list
l = []; t = (l, 1); l.append(t)
# %%
print(l[0] is t, t[0] is l)

# === cycles between variables
a = {}; b = {'a': a}
# %%
a['b'] = b
# %%
print(a['b']['a'] is a, b['a']['b'] is b)

# === a list 100000 deep
deep = []
for _ in range(100000): deep = [deep]
# %%
n = 0
while deep: deep = deep[0]; n += 1
print(n)

# === tuples 100000 deep
deep = ()
for _ in range(100000): deep = (deep,)
# %%
n = 0
while deep: deep = deep[0]; n += 1
print(n)

# === dates
import datetime as dt
d = [dt.date(2024, 2, 29), dt.time(1, 2, 3, 4, fold=1), dt.timedelta(-1, 5, 7)]
# %%
print(d, d[1].fold)

# === time zones
from datetime import datetime, timezone, timedelta
z = timezone(timedelta(hours=2), 'CEST')
d = [datetime(2024, 1, 1, tzinfo=timezone.utc), datetime(2024, 1, 1, 5, 6, 7, 8, z)]
# %%
print(d, d[0] - d[1], d[1].tzname(), d[0].tzinfo is timezone.utc)

# === a time zone of ones own
import datetime
class Z(datetime.tzinfo):
    def utcoffset(self, d): return datetime.timedelta(hours=3)
    def dst(self, d): return None
    def tzname(self, d): return 'Z3'
d = datetime.datetime(2024, 1, 1, tzinfo=Z())
# %%
print(d.isoformat(), d.tzname())

# === struct time
import time; t = time.gmtime(0)
# %%
print(t, t.tm_year, t.tm_zone)

# === decimals
from decimal import Decimal
d = [Decimal('1.10'), Decimal('NaN'), Decimal('-0'), Decimal('1E+5')]
# %%
print(d)

# === fractions
from fractions import Fraction; f = Fraction(1, 3)
# %%
print(f + 1, repr(f))

# === uuids
import uuid; u = uuid.UUID(int=5)
# %%
print(u, u == uuid.UUID(int=5), hash(u) == hash(uuid.UUID(int=5)))

# === patterns
import re; p = re.compile(r'(?P<w>\w+)', re.I | re.M)
# %%
print(p, p.flags, p.findall('a b'))

# === matches
import re
m = [re.search(r'(b)(x)?', 'abc'), *re.finditer(r'\d+', 'a1b22'), re.fullmatch('a|ab', 'ab')]
# %%
print(m, [x.span() for x in m], m[0].groups(), m[0].re.pattern, m[0].string)

# === counters
from collections import Counter; c = Counter('abca')
# %%
c.update('zz'); print(c, c.most_common(1), c['none'])

# === default dicts
from collections import defaultdict
d = defaultdict(list); d['a'].append(1); e = defaultdict(lambda: 7)
# %%
d['b'].append(2); print(d, e['x'], e.default_factory is not None)

# === deques
from collections import deque; d = deque([1, 2], maxlen=2)
# %%
d.append(3); print(d, d.maxlen)

# === ordered dicts
from collections import OrderedDict
o = OrderedDict(a=1, b=2); o.move_to_end('a')
# %%
print(o, list(o)); o.move_to_end('b'); print(o)

# === chain maps
from collections import ChainMap; a = {'x': 1}; c = ChainMap({}, a)
# %%
a['x'] = 2; print(c['x'], c)

# === named tuples
from collections import namedtuple
P = namedtuple('P', 'x y', defaults=[5]); p = P(1)
# %%
print(p, p.x, P(2, 3)._replace(x=9), p._asdict(), isinstance(p, P), P._fields, P.x.__doc__)

# === typed named tuples
from typing import NamedTuple
class P(NamedTuple):
    x: int
    y: str = 'd'
    def both(self): return self.x, self.y
p = P(3)
# %%
print(p, p.both(), P(1, 'z'), P._field_defaults, P.__annotations__)

# === urls
from urllib.parse import urlparse; u = urlparse('http://h:1/p?q=1')
# %%
print(u, u.hostname, u.port)

# === simple namespaces
from types import SimpleNamespace as S; s = S(a=1); s.b = s
# %%
print(s.a, s.b is s)

# === mapping proxies
from types import MappingProxyType as M; d = {'a': 1}; m = M(d)
# %%
d['b'] = 2; print(m)

# === string io
import io; s = io.StringIO(); s.write('ab\ncd'); s.seek(1)
# %%
print(s.read(2), s.tell(), s.getvalue())

# === bytes io
import io; s = io.BytesIO(b'abc'); s.read(1)
# %%
print(s.read())

# === random state
import random; r = random.Random(4); r.random(); r.gauss(0, 1); q = random.Random(4)
# %%
print(r.random(), r.gauss(0, 1), q.random())

# === statistics
from statistics import NormalDist; n = NormalDist(1, 2)
# %%
print(n, n.mean)

# === paths
from pathlib import Path; p = Path('a/b.txt')
# %%
print(p, p.suffix, p == Path('a/b.txt'))

# === counts and iterators
import itertools
c = itertools.count(5, 2); next(c)
l = [1, 2, 3]; i = iter(l); next(i); e = enumerate(i, 7); z = zip('ab', range(5))
next(z)
# %%
l.append(4); print(next(c), next(c), list(e), list(z), list(i))

# === an iterator that has ended
i = iter([1]); list(i); r = reversed([1, 2]); next(r)
# %%
print(list(i), list(r))

# === map and filter
m = map(str.upper, iter(['a', 'b'])); next(m); f = filter(None, iter([0, 1, 2]))
# %%
print(list(m), list(f))

# === functions
def f(a, b=2, *c, d=4, **e): 'doc'; return a, b, c, d, e
# %%
print(f(1), f(1, 3, 5, d=6, z=7), f.__doc__, f.__name__)

# === functions see the names of the repl
n = 1
def f():
    global n
    n += 1
    return n
# %%
f()
# %%
n = 10; print(f(), n)

# === recursive functions
def fact(n): return 1 if n < 2 else n * fact(n - 1)
# %%
print(fact(10))

# === annotations
def f(a: int, b: 'str' = '') -> list[int]: ...
# %%
print(f.__annotations__)

# === function attributes
def f(): pass
f.calls = [1]; f.me = f
# %%
f.calls.append(2); print(f.calls, f.me is f)

# === mutable defaults
def f(x, seen=[]): seen.append(x); return seen
# %%
f(1)
# %%
print(f(2))

# === closures
def make(n):
    def add(x): return x + n
    return add
a, b = make(1), make(2)
# %%
print(a(1), b(1))

# === closures that share a cell
def make():
    n = 0
    def up():
        nonlocal n
        n += 1
        return n
    def get(): return n
    return up, get
up, get = make()
# %%
up()
# %%
print(up(), get(), up(), get())

# === an empty cell
def make(go):
    def f(): return x
    if go: x = 1
    return f
f = make(0)
# %%
try: f()
except NameError as e: print(e)

# === lambdas
fs = [lambda x, i=i: x + i for i in range(3)]; gs = [lambda: i for i in range(3)]
# %%
print([f(1) for f in fs], [g() for g in gs])

# === lambdas in one line
f, g = (lambda x: x + 1), (lambda x: x * 2)
# %%
print(f(5), g(5))

# === decorated functions
import functools
def twice(f):
    @functools.wraps(f)
    def inner(*a):
        inner.n += 1
        return f(f(*a))
    inner.n = 0
    return inner
@twice
def inc(x):
    'adds'
    return x + 1
# %%
inc(1)
# %%
print(inc(1), inc.n, inc.__name__, inc.__doc__, inc.__wrapped__(1))

# === cached functions
import functools
calls = []
@functools.lru_cache(maxsize=8)
def f(x):
    calls.append(x)
    return x * 2
@functools.cache
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
# %%
print(f(3), f(3), calls, fib(50), f.cache_parameters(), f.__name__)

# === partials
import functools
p = functools.partial(int, base=2); q = functools.partial(p, '11'); p.tag = 1
# %%
print(p('101'), q(), q.func, p.keywords, p.tag)

# === partials in cycles
import functools
l = []
p = functools.partial(l.append, l)
# %%
p(); print(l[0] is l)

# === single dispatch
from functools import singledispatch
@singledispatch
def show(x): return '?'
@show.register(int)
def _(x): return 'int'
# %%
@show.register(list)
def _(x): return 'list'
print(show(1), show([]), show('a'))

# === context managers
from contextlib import contextmanager
@contextmanager
def tag(n):
    print('<', n)
    yield n
    print('>')
# %%
with tag(3) as t: print(t)

# === bound methods
l = []; add = l.append
class C:
    def __init__(self): self.n = 0
    def up(self): self.n += 1; return self.n
c = C(); up = c.up
# %%
add(1); up(); print(l, c.n, up.__name__)

# === functions of python
import math
f = [len, math.sqrt, str.upper, dict.get, print, sorted, dict.fromkeys, 'a-b'.split]
# %%
print(f[0]('abc'), f[1](9), f[2]('x'), f[3]({1: 2}, 1), f[6]('ab'), f[7]('-'), f[0] is len)

# === modules
import math, json as j, os.path
from collections import Counter as C
# %%
print(math.pi, j.dumps([1]), os.path.join('a', 'b'), C('aa'))

# === host functions
ask = llm_query; d = {'ask': ask}
# %%
print(ask is llm_query, d['ask'] is ask)

# === getters
from operator import itemgetter, attrgetter, methodcaller
g = [itemgetter(1), attrgetter('real'), methodcaller('upper')]
# %%
print(g[0]('ab'), g[1](5), g[2]('x'))

# === classes
class A:
    'doc'
    n = 0
    def __init__(self, x): self.x = x; A.n += 1
    def get(self): return self.x
    @property
    def twice(self): return self.x * 2
    @twice.setter
    def twice(self, v): self.x = v // 2
    @staticmethod
    def s(a): return a + 1
    @classmethod
    def c(cls): return cls.__name__
a = A([1])
# %%
b = a
# %%
a.twice; b.x.append(2); print(a.get(), a.twice, A.s(1), A.c(), a.c(), A.n, A.__doc__, type(a) is A, A(5).n)
a.twice = 8; print(a.x)

# === inheritance
class A:
    def hi(self): return 'A'
class B(A):
    def hi(self): return 'B' + super().hi()
class M:
    def hi(self): return 'M' + super().hi()
class C(B, M, A): pass
c = C()
# %%
print(c.hi(), [k.__name__ for k in C.__mro__], isinstance(c, A), issubclass(C, M))

# === class attributes set later
class A: pass
a = A()
# %%
A.later = lambda self: 'later'; A.n = [1]
# %%
print(a.later(), A.n)

# === a class that was defined anew
class A:
    v = 1
old = A()
# %%
class A:
    v = 2
new = A()
# %%
print(old.v, new.v, type(old) is A, type(new) is A)

# === a base that was defined anew
class A:
    v = 1
class B(A): pass
# %%
class A:
    v = 2
# %%
print(B.v, A.v, issubclass(B, A))

# === classes made in functions
def make(n):
    class L:
        def get(self): return n
    return L
K = make(3); k = K()
# %%
print(k.get(), K.__qualname__, make(4)().get())

# === a class body does not run again
ran = []
class A:
    ran.append(1)
    for i in range(3): pass
    x = [ran]
# %%
print(ran, A.i, A.x[0] is ran)

# === init subclass does not run again
class Base:
    known = []
    def __init_subclass__(cls, **k): Base.known.append(cls)
class X(Base): pass
class Y(Base, tag=1): pass
# %%
print(Base.known == [X, Y], len(Base.known))

# === set name and descriptors
class D:
    def __set_name__(self, o, n): self.n = n
    def __get__(self, o, t): return self.n, o is None
class A:
    field = D()
a = A()
# %%
print(a.field, A.field)

# === slots
class S:
    __slots__ = ('a', 'b', '__p')
    def __init__(self): self.a = 1; self.__p = 7
    def p(self): return self.__p
s = S(); S2 = S
# %%
print(s.a, s.p(), hasattr(s, 'b'), S.__slots__)
try: s.z = 1
except AttributeError: print('no z')

# === slots and inheritance
class A:
    __slots__ = ['a']
class B(A):
    __slots__ = ()
class C(A): pass
b, c = B(), C(); b.a = [b]; c.a = 1; c.x = 2
# %%
print(b.a[0] is b, c.a, c.x)

# === dataclasses
from dataclasses import dataclass, field, asdict, replace
@dataclass(order=True)
class P:
    x: int
    tags: list = field(default_factory=list, compare=False)
    y: int = 3
    def up(self): self.x += 1
p = P(1)
# %%
p.up(); print(p, p == P(2), P(1) < P(2), asdict(p), replace(p, y=9), P(5).tags is not P(5).tags, P.y, P.__doc__, hasattr(P, 'x'))

# === frozen dataclasses
from dataclasses import dataclass
@dataclass(frozen=True)
class K:
    a: int
    b: str = 'x'
d = {K(1): 'one'}; s = {K(2)}; f = frozenset({K(3)}); t = (f, K(3))
# %%
print(d[K(1)], K(2) in s, K(3) in f, t[0] is f)
try: K(1).a = 2
except Exception as e: print(type(e).__name__, e)

# === dataclasses with slots and bases
from dataclasses import dataclass, InitVar
from typing import ClassVar
@dataclass
class A:
    x: int
    n: ClassVar[int] = 7
@dataclass(slots=True, kw_only=True)
class B(A):
    y: int = 2
    z: InitVar[int] = 5
    def __post_init__(self, z): self.y += z
b = B(x=1)
# %%
print(b, B(x=3, y=4, z=1), A.n, b.n, B.__match_args__, A.__match_args__)
try: B(1)
except TypeError: print('keywords only')

# === enums
from enum import Enum, IntEnum, Flag, auto
class C(Enum):
    RED = 1
    BLUE = auto()
    ALSO = 1
    def low(self): return self.name.lower()
class L(IntEnum):
    A = 1
    B = 2
class F(Flag):
    X = auto()
    Y = auto()
v = [C.RED, L.B, F.X | F.Y]; d = {C.RED: 'r'}; s = frozenset(C)
# %%
print(v, C(1) is C.RED, C['BLUE'], list(C), v[0] is C.RED, d[C.RED], C.RED.low(), L.B + 1, L.A < L.B, F.X in v[2], F(3), C.ALSO is C.RED, C.BLUE in s)
try: C(9)
except ValueError as e: print(e)

# === text enums
from enum import StrEnum, Enum
class S(StrEnum):
    ONE = 'one'
class K(str, Enum):
    A = 'a'
F = Enum('F', 'P Q')
# %%
print(S.ONE, S('one') is S.ONE, K.A == 'a', K('a') is K.A, list(F), f'{S.ONE}')

# === abstract classes
from abc import ABC, abstractmethod
class A(ABC):
    @abstractmethod
    def f(self): ...
class B(A):
    def f(self): return 1
b = B()
# %%
print(b.f(), isinstance(b, A))
try: A()
except TypeError as e: print(e)

# === protocols
from typing import Protocol, runtime_checkable
@runtime_checkable
class P(Protocol):
    def go(self): ...
class X:
    def go(self): pass
x = X()
# %%
print(isinstance(x, P), isinstance(1, P))

# === typed dicts
from typing import TypedDict
class M(TypedDict, total=False):
    a: int
m: M = {'a': 1}
# %%
print(m, M(a=2), M.__annotations__, M.__total__)

# === generic classes
from typing import Generic, TypeVar, Optional
T = TypeVar('T')
class Box(Generic[T]):
    def __init__(self, v: T): self.v = v
class IntBox(Box[int]): pass
b = Box[int](3); h = [list[int], Optional[int], int | str, dict[str, Box]]
# %%
print(b.v, IntBox(4).v, h, Box[str])

# === subclasses of builtins
class L(list):
    def total(self): return sum(self)
class D(dict):
    def __missing__(self, k): return k * 2
class S(str):
    def loud(self): return self.upper()
class I(int): pass
class T(tuple): pass
class Se(set): pass
l = L([1, 2]); l.tag = l; d = D(a=1); s = S('hi'); s.note = [1]; i = I(5); i.x = i; t = T((l, 2)); se = Se([1])
# %%
print(l.total(), l.tag is l, d['zz'], d, s.loud(), s.note, i + 1, i.x is i, t, t[0] is l, se, type(se))

# === instances with getattr
class G:
    def __init__(self): self.d = {'a': 1}
    def __getattr__(self, n):
        try: return self.d[n]
        except KeyError: raise AttributeError(n)
g = G()
# %%
print(g.a, hasattr(g, 'b'))

# === instances with setattr
class W:
    log = []
    def __setattr__(self, n, v): W.log.append(n); object.__setattr__(self, n, v)
w = W(); w.a = 1
# %%
print(W.log, w.a)

# === instances that lie
class H:
    def __eq__(self, o): raise RuntimeError
    def __hash__(self): return 1
    def __repr__(self): raise RuntimeError
    def __len__(self): return -1
    def __iter__(self): raise RuntimeError
    def __bool__(self): raise RuntimeError
h = H(); hs = {h: 1}; hl = [h]
# %%
print(next(iter(hs.keys())) is h, hl[0] is h)

# === keys with a hash of their own
class K:
    def __init__(self, n): self.n = n
    def __eq__(self, o): return self.n == o.n
    def __hash__(self): return hash(self.n)
d = {K(1): 'a', (K(2), 0): 'b'}; s = {K(3)}; f = frozenset([K(4)]); m = {f: 'c'}
# %%
print(d[K(1)], d[K(2), 0], K(3) in s, K(4) in f, m[frozenset([K(4)])])

# === a tree
class N:
    def __init__(self, p=None): self.p = p; self.kids = []
root = N(); kid = N(root); root.kids.append(kid)
# %%
print(kid.p is root, root.kids[0] is kid)

# === a linked list 20000 long
class N: pass
head = None
for i in range(20000):
    n = N(); n.next = head; n.i = i; head = n
# %%
c = 0
while head: c += head.i; head = head.next
print(c)

# === exceptions
errors = []
try: {}['k']
except KeyError as e:
    e.add_note('a note'); errors.append(e)
try: 1 / 0
except ZeroDivisionError as z:
    try: raise ValueError('v', 2) from z
    except ValueError as v: errors.append(v)
# %%
print([repr(e) for e in errors], errors[0].__notes__, repr(errors[1].__cause__), errors[1].args)

# === exceptions of ones own
class E(Exception):
    def __init__(self, code): super().__init__(f'code {code}'); self.code = code
e = E(7)
try: raise e
except E: pass
# %%
print(repr(e), e.code, str(e), isinstance(e, E))

# === exceptions with fields
import json
es = [OSError(2, 'no', 'f.txt'), StopIteration(5)]
for bad in [lambda: json.loads('{'), lambda: b'\xff'.decode(), lambda: None.x, lambda: nope]:
    try: bad()
    except Exception as e: es.append(e)
# %%
print([str(e) for e in es], es[0].filename, es[1].value, es[2].pos, es[3].start, es[4].name, es[5].name)

# === exception groups
g = ExceptionGroup('many', [ValueError(1), KeyError('k')])
# %%
print(repr(g), g.exceptions)

# === cached properties
import functools
class A:
    n = 0
    @functools.cached_property
    def v(self): A.n += 1; return [A.n]
a = A(); a.v
# %%
b = A(); print(a.v, b.v, b.v is b.v, a.__dict__)

# === total ordering
import functools
@functools.total_ordering
class V:
    def __init__(self, n): self.n = n
    def __eq__(self, o): return self.n == o.n
    def __lt__(self, o): return self.n < o.n
v = V(1)
# %%
print(v <= V(1), v > V(0))

# === sentinels
MISSING = object(); d = {'k': MISSING}
# %%
print(d['k'] is MISSING)

# === loggers
import logging; log = logging.getLogger('x'); log.setLevel('INFO')
# %%
print(log.name, log.getEffectiveLevel(), log is logging.getLogger('x'))

# === flags of the host
import re; f = [re.I, re.I | re.M, re.NOFLAG]
# %%
print(f, f[0] is re.I)

# === templates and wrappers
import string, textwrap
t = string.Template('$a b'); w = textwrap.TextWrapper(width=10)
# %%
print(t.substitute(a=1), w.fill('aaa bbb ccc ddd'))

# === order of names
z = 1; a = [2]; m = 3
# %%
a = [4]; del z; z = 5
# %%
print([n for n in globals() if n in 'zam'])

# === the answer dict
answer['content'] = 'so far'
# %%
print(answer)

# === private names of the repl
_a = 1; __b = [2]; __version__ = "1.0"; n: int = 3
# %%
print(_a, __b, __version__, n)

# === a hash that needs the names of the repl
SALT = 5
class K:
    def __init__(self, n): self.n = n
    def __hash__(self): return hash((SALT, self.n))
    def __eq__(self, o): return self.n == o.n and helper()
def helper(): return True
d = {K(1): "a", K(2): "b"}
# %%
print(d[K(1)], d[K(2)])

# === pydantic models
from __future__ import annotations
from pydantic import BaseModel, Field, ConfigDict, field_validator, model_validator
class Place(BaseModel):
    "Where it is."
    city: str = Field(description="its name", min_length=2)
    at: tuple[float, float] | None = None
class Person(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str
    places: list[Place] = []
    boss: Person | None = None
    rank: int = Field(default=1, ge=1, alias="level")
    tags: dict[str, int] = Field(default_factory=dict)
    @field_validator("name")
    @classmethod
    def _capital(cls, value):
        return value.title()
    @model_validator(mode="after")
    def _check(self):
        if self.rank > 100: raise ValueError("too high")
        return self
class Chief(Person):
    staff: list[Person] = []
# %%
eva = Person(name="eva", places=[{"city": "Rome", "at": [1, "2"]}], level="7", more=1)
chief = Chief(name="ann", staff=[eva, {"name": "bo"}])
both = [eva, chief.staff[0], eva.places]
# %%
print(eva, chief, both[0] is eva is both[1], both[2] is eva.places, Place.model_fields, Chief.model_json_schema())
print(Chief(name="x", boss={"name": "y"}).boss, eva == eva.model_copy(), eva.model_dump_json(), chief.model_dump())
for bad in ({}, {"name": 1}, {"name": "x", "level": 0}, {"name": "x", "level": 1000}, {"name": "x", "places": [{"city": "q"}]}):
    try: print(Person(**bad))
    except ValueError as e: print(type(e).__name__, e.errors())

# === what pydantic raised, and what it is made of
from pydantic import BaseModel, ValidationError, Field
class A(BaseModel):
    x: int
info = Field(default=5, ge=0, description="d"); kinds = [BaseModel, Field, ValidationError]
try: A(x="z")
except ValidationError as e: error = e
# %%
print(error, error.errors(), info, info.default, kinds[0] is BaseModel, issubclass(A, kinds[0]), [info][0].description)

# === random numbers of one's own
import random, uuid
mine = random.Random(5); mine.random(); other = random.Random()
class Die(random.Random):
    def roll(self): return self.randint(1, 6)
die = Die(3); die.roll()
# %%
print(mine.random(), die.roll(), type(mine) is random.Random, 0 <= other.random() < 1, isinstance(uuid.uuid4(), uuid.UUID))
