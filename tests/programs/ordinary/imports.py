import collections.abc, os.path, concurrent.futures, urllib.parse as up, json as j
from math import *
from collections import Counter as Cn, OrderedDict
from os import path
import datetime as dt
from typing import *
print(sqrt(16), pi > 3, j.dumps({"a": [1, None, True]}), up.quote("a b"), Cn("aab").most_common(1), path.join("a", "b"))
print(os.path.basename("/x/y.txt"), os.path.splitext("y.tar.gz"), dt.date(2024, 2, 29).isoformat(), List is not None)
print(isinstance({}, collections.abc.Mapping), up.urlparse("http://a/b?c=1").query)
for name in ("numpy", "pandas", "nonexistent"):
    try: __import__("zz_" + name); print("?")
    except ImportError as e: print(type(e).__name__)
