from math import *
from collections import *
from typing import *
words: List[str] = context.split()[:50]
print(sqrt(16), floor(pi), Counter(words).most_common(2), deque(words[:2]), Optional[int])
