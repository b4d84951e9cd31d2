alpha = 1
beta = "two"
def gamma(): return 3
# %%
print("alpha" in globals(), globals()["beta"], "nothing" in globals(), globals().get("nothing", "default"))
if "cache" not in globals():
    cache = {}
cache["x"] = 1
# %%
if "cache" not in globals():
    cache = {}
cache["y"] = 2
print(cache, "alpha" in dir(), "gamma" in dir(), "alpha" in locals(), "context" in globals())
user_vars = {k: type(v).__name__ for k, v in globals().items() if k in ("alpha", "beta", "gamma", "cache")}
print(user_vars)
def local_view(a, b=2):
    return sorted(vars()) if False else sorted(["a", "b"])
print(local_view(1), callable(globals()["gamma"]), globals()["gamma"]())
try:
    undefined
except NameError as e:
    print("NameError:", e)
del alpha
print("alpha" in globals())
print([n for n in dir("") if n.startswith("is")][:4], "append" in dir([]))
try:
    context_len
except NameError:
    context_len = len(context)
print(context_len == len(context))
