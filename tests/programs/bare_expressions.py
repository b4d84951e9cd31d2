# Models often end a cell with the name of a variable, as in a notebook.
lines = context.splitlines()
len(lines)
# %%
from collections import Counter
c = Counter(l.split(" ")[0] for l in lines if l)
c.most_common(3)
# %%
{k: v for k, v in c.items() if v > 70}
# %%
None
# %%
x = 5
x == 5
# %%
lines[2:4]
# %%
"text with 'quotes' and \n newline"
# %%
[1.5, (2,), {3}, None, b"x", 10 ** 20]
# %%
def f():
    return {"a": [1, {"b": 2}]}
f()
