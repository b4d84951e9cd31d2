import re, collections
log = "2024-01-01 ERROR svc=a t=5\n2024-01-02 INFO svc=b t=7\n2024-01-02 ERROR svc=a t=9\n"
class Entry:
    __slots__ = "day level svc t".split()
    def __init__(self, **kw):
        for k, v in kw.items(): setattr(self, k, v)
rows = [Entry(**m.groupdict()) for m in re.finditer(r"(?P<day>\S+) (?P<level>\w+) svc=(?P<svc>\w) t=(?P<t>\d+)", log)]
by = collections.defaultdict(lambda: {"n": 0, "t": 0})
for r in rows:
    if r.level != "ERROR": continue
    by[r.svc]["n"] += 1; by[r.svc]["t"] += int(r.t)
print(dict(by), sorted(rows, key=lambda r: (-int(r.t), r.day))[0].day, collections.Counter(r.level for r in rows))
