# Claude-style: do not assume what the context is
if isinstance(context, str):
    print("string of", len(context))
elif isinstance(context, (list, tuple)):
    print("list of", len(context), type(context[0]).__name__)
elif isinstance(context, dict):
    print("dict with keys", list(context.keys())[:10])
else:
    print("unknown", type(context))

kind = {str: "text", list: "items", dict: "mapping"}.get(type(context), "other")
print(kind, type(context).__name__, type(context) is str, type(context) == str)
print(hasattr(context, "keys"), hasattr(context, "splitlines"), callable(llm_query), callable(context))
n = getattr(context, "__len__", lambda: -1)()
print(n == len(context), isinstance(n, int), isinstance(True, int), issubclass(bool, int))
