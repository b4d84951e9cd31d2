# What a snapshot does not keep. "# ===" begins a program; "# lost:" gives the words for it, by name.

# === a generator
g = (i for i in range(3)); next(g); kept = 1
# lost: g: a running generator

# === a thread pool
from concurrent.futures import ThreadPoolExecutor
p = ThreadPoolExecutor(2)
# lost: p: a thread pool

# === a thread
import threading
t = threading.Thread(target=len)
# lost: t: a thread

# === a thread's class
import threading
class T(threading.Thread): pass
t = T()
# lost: t: a thread

# === a lock
import threading
l = threading.Lock(); r = threading.RLock()
# lost: l: a lock
# lost: r: a lock

# === iterators
import itertools
c = itertools.cycle([1])
d = iter({1: 2})
# lost: c: an open iterator (cycle)
# lost: d: an open iterator (dict_keyiterator)

# === a csv writer
import csv, io
w = csv.writer(io.StringIO())
# lost: w: a writer

# === a generator in a list
x = [1, (i for i in 'a')]
# lost: x: in it: a running generator

# === a lock in an object
import threading
class A:
    def __init__(self): self.l = threading.Lock(); self.n = 5
a = A()
# lost: a: in it: a lock

# === a hash
import hashlib; h = hashlib.sha256(b'a')
# lost: h: a HASH
