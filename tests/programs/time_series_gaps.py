from datetime import datetime, timedelta
import re
events = sorted((datetime.strptime(d, "%Y-%m-%d %H:%M:%S"), lvl) for d, lvl in re.findall(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (\w+)", context, re.M))
gaps = [(b[0] - a[0], a[0], b[0]) for a, b in zip(events, events[1:])]
biggest = max(gaps)
print(f"{len(events)} events, biggest gap {biggest[0]} from {biggest[1]:%d %b} to {biggest[2]:%d %b}")
per_day = {}
for ts, lvl in events:
    per_day.setdefault(ts.date(), []).append(lvl)
busiest = max(per_day.items(), key=lambda kv: (len(kv[1]), kv[0]))
print(busiest[0].isoformat(), len(busiest[1]), sum(l == "ERROR" for l in busiest[1]))
day, missing = events[0][0].date(), []
while day <= events[-1][0].date():
    if day not in per_day:
        missing.append(day)
    day += timedelta(days=1)
print(len(missing), missing[0], missing[-1], missing[0].strftime("%a"))
windows = [events[i:i + 5] for i in range(0, len(events) - 4, 5)]
print(min((w[-1][0] - w[0][0]).total_seconds() / 3600 for w in windows) >= 0, timedelta(minutes=90) // timedelta(hours=1), sum((g[0] for g in gaps), timedelta()))
