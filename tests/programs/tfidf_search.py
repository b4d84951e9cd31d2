import math
import re
from collections import Counter, defaultdict

class Index:
    """A tiny BM25 over the lines of the context."""
    def __init__(self, docs, k1=1.5, b=0.75):
        self.docs = docs
        self.k1, self.b = k1, b
        self.tf = [Counter(self._tok(d)) for d in docs]
        self.lens = [sum(c.values()) for c in self.tf]
        self.avg = sum(self.lens) / max(1, len(docs))
        self.postings = defaultdict(set)
        for i, c in enumerate(self.tf):
            for w in c:
                self.postings[w].add(i)

    @staticmethod
    def _tok(s):
        return re.findall(r"[a-z0-9]+", s.lower())

    def _idf(self, w):
        n = len(self.postings.get(w, ()))
        return math.log(1 + (len(self.docs) - n + 0.5) / (n + 0.5))

    def search(self, query, k=3):
        scores = defaultdict(float)
        for w in self._tok(query):
            idf = self._idf(w)
            for i in self.postings.get(w, ()):
                f = self.tf[i][w]
                scores[i] += idf * f * (self.k1 + 1) / (f + self.k1 * (1 - self.b + self.b * self.lens[i] / self.avg))
        return sorted(scores.items(), key=lambda x: (-x[1], x[0]))[:k]

index = Index(context.splitlines())
for i, score in index.search("magic number of Lisbon"):
    print(f"{score:.3f} {i} {index.docs[i][:60]}")
print(len(index.postings), index._idf("fox") < index._idf("lisbon"))
