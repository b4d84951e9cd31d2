import re
import string
from collections import Counter
prose = "\n".join(l for l in context.splitlines() if l.startswith("The quick"))
sentences = [s.strip() for s in re.split(r"(?<=[.!?])\s+", prose) if s.strip()]
words = re.findall(r"\b[^\W\d_]+\b", prose)
def syllables(word):
    n = len(re.findall(r"[aeiouy]+", word.lower()))
    return max(1, n - (word.endswith("e") and n > 1))
stats = dict(
    sentences=len(sentences),
    words=len(words),
    unique=len({w.lower() for w in words}),
    avg_len=round(sum(map(len, words)) / len(words), 3),
    syll=sum(map(syllables, words)),
)
print(stats)
print("flesch: %.2f" % (206.835 - 1.015 * stats["words"] / stats["sentences"] - 84.6 * stats["syll"] / stats["words"]))
ngrams = lambda ws, n: zip(*(ws[i:] for i in range(n)))
print(Counter(map(" ".join, ngrams(words, 3))).most_common(2))
freq = Counter(c for c in prose.lower() if c in string.ascii_lowercase)
print("".join(c for c, _ in sorted(freq.items(), key=lambda x: (-x[1], x[0]))), set(string.ascii_lowercase) - set(freq))
palins = [w for w in {"level", "noon", "fox", "A man a plan"} if (t := w.lower().replace(" ", "")) == t[::-1]]
print(sorted(palins), "".join(chr((ord(c) - 97 + 13) % 26 + 97) if c.islower() else c for c in "uryyb jbeyq"))
