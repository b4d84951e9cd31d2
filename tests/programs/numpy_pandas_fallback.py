try:
    import numpy as np
    HAS_NUMPY = True
except ImportError:
    np = None
    HAS_NUMPY = False
try:
    import pandas as pd
except ModuleNotFoundError as e:
    pd = None
    print("no pandas:", e.name)
try:
    from sklearn.feature_extraction.text import TfidfVectorizer
except Exception as e:
    print("no sklearn:", type(e).__name__)
try:
    import tiktoken
    enc = tiktoken.get_encoding("cl100k_base")
    count_tokens = lambda s: len(enc.encode(s))
except ImportError:
    count_tokens = lambda s: len(s) // 4
print(HAS_NUMPY, np is None, count_tokens("x" * 40))
def mean(xs):
    return float(np.mean(xs)) if HAS_NUMPY else sum(xs) / len(xs)
print(mean([1, 2, 4]))
import math
from collections import Counter
docs = [l.lower().split() for l in context.splitlines() if l.startswith("Date")][:20]
df = Counter(w for d in docs for w in set(d))
tfidf = lambda d: {w: c / len(d) * math.log(len(docs) / df[w]) for w, c in Counter(d).items()}
def cosine(a, b):
    dot = sum(a[k] * b[k] for k in sorted(a.keys() & b.keys()))
    na, nb = (math.sqrt(sum(v * v for v in x.values())) for x in (a, b))
    return dot / (na * nb) if na and nb else 0.0
v = [tfidf(d) for d in docs]
best = max(range(1, 20), key=lambda i: cosine(v[0], v[i]))
print(best, round(cosine(v[0], v[best]), 4))
