from datetime import datetime, date, timedelta, timezone, time
import re

stamps = [datetime.strptime(s, "%Y-%m-%d %H:%M:%S") for s in re.findall(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}", context)]
print(len(stamps), min(stamps), max(stamps), max(stamps) - min(stamps))
by_month = {}
for s in stamps:
    by_month[s.strftime("%Y-%m")] = by_month.get(s.strftime("%Y-%m"), 0) + 1
print(dict(sorted(by_month.items())))
d = date(2024, 2, 28)
print(d + timedelta(days=2), (date(2024, 12, 25) - d).days, d.isoformat(), d.weekday(), d.strftime("%A %d %B %Y"), d.replace(year=2023))
t = datetime(2024, 3, 10, 15, 4, 5, tzinfo=timezone.utc)
print(t.isoformat(), t.astimezone(timezone(timedelta(hours=-5))).isoformat(), t.timestamp(), datetime.fromtimestamp(0, tz=timezone.utc))
print(datetime.fromisoformat("2024-05-06T07:08:09+02:00").utcoffset(), f"{t:%d/%m/%y %H:%M}", timedelta(hours=25, minutes=3), timedelta(seconds=90) / timedelta(minutes=1))
formats = ["%Y-%m-%d", "%d.%m.%Y", "%b %d, %Y", "%m/%d/%y"]
def parse_any(text):
    for f in formats:
        try:
            return datetime.strptime(text, f).date()
        except ValueError:
            continue
    return None
print([str(parse_any(x)) for x in ["2024-01-02", "03.04.2024", "May 06, 2024", "07/08/24", "nope"]])
print(date(2024, 1, 1).isocalendar()[1], date.fromisocalendar(2024, 10, 3), time(9, 30).isoformat(), datetime.combine(d, time(1, 2)), t.date() == date(2024, 3, 10))
week = [d + timedelta(days=i) for i in range(-d.weekday(), 7 - d.weekday())]
print([w.day for w in week], sorted(week, reverse=True)[0], repr(timedelta(days=1, seconds=5)), timedelta(days=1).total_seconds())
