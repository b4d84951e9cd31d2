try:
    cache
except NameError:
    cache = {}
stats = {"hit": 0, "miss": 0}
def cached_query(prompt):
    if prompt in cache:
        stats["hit"] += 1
        return cache[prompt]
    stats["miss"] += 1
    return cache.setdefault(prompt, llm_query(prompt))
# %%
chunks = [context[i:i + 3000] for i in range(0, len(context), 3000)]
first = [cached_query(c) for c in chunks]
print(len(first), stats)
# %%
second = [cached_query(c) for c in reversed(chunks)]
print(stats, first == second[::-1], len(cache))
# %%
cache.pop(chunks[0])
_ = cached_query(chunks[0])
for _ in range(3):
    _tmp = cached_query(chunks[1])
print(stats, _tmp, _ )
