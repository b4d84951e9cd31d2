import calendar
import time
print(calendar.monthrange(2024, 2)[1], calendar.isleap(2100), calendar.month_name[3], calendar.day_abbr[0], int(calendar.weekday(2024, 7, 4)))
print(calendar.timegm((2024, 1, 1, 0, 0, 0)), time.strftime("%Y-%m-%d %H:%M", time.gmtime(86400 * 365)), time.gmtime(0).tm_year)
print([week for week in calendar.monthcalendar(2024, 2)][-1])
start = time.time()
t0 = time.perf_counter()
time.sleep(0.002)
elapsed = time.perf_counter() - t0
print(elapsed >= 0.002, time.time() >= start, isinstance(time.time(), float), time.monotonic() > 0)
parsed = time.strptime("12 Mar 2023", "%d %b %Y")
print(parsed.tm_mon, parsed.tm_mday, parsed.tm_yday)
print(f"Elapsed: {0.1234:.2f}s", f"{3661 // 3600:02d}:{3661 % 3600 // 60:02d}:{3661 % 60:02d}")
