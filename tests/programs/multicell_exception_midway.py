results = {}
def safe_div(a, b):
    return a / b
# %%
partial = []
try:
    for x in [4, 2, 0, 8]:
        partial.append(safe_div(16, x))
except ZeroDivisionError as e:
    err = str(e)
    print("stopped:", err, partial)
print("e" in globals(), "partial" in globals())
# %%
for i, x in enumerate([4, 2, 0, 8]):
    try:
        results[i] = safe_div(16, x)
    except ZeroDivisionError:
        results[i] = float("inf")
    finally:
        results.setdefault("count", 0)
        results["count"] += 1
print(results)
