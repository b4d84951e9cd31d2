data = context.splitlines()
it = iter(data)
for line in it:
    if line.startswith("## "):
        nxt = next(it); print(line, "|", nxt); break
print(bool([]) ^ True, (1 if [] else 2), [*(x for x in [1])], {**{}}, not not 3)
lst = [3,1,2]; lst.sort(key=lambda v: -v); print(lst, sorted(lst)[0], lst[::-1])
print(sum(map(len, data)), max(data, key=len)[:3], min(filter(None, data), key=len), dict(enumerate("ab")), list(zip(*[iter(range(6))] * 2)))
