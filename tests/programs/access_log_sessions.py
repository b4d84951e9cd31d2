from collections import defaultdict, Counter
from datetime import datetime, timedelta
import re
log = """10.0.0.1 - - [05/Mar/2024:10:00:00 +0000] "GET /a?x=1 HTTP/1.1" 200 512
10.0.0.2 - bob [05/Mar/2024:10:00:05 +0000] "POST /login HTTP/1.1" 302 -
10.0.0.1 - - [05/Mar/2024:10:10:00 +0000] "GET /b HTTP/1.1" 404 20
10.0.0.1 - - [05/Mar/2024:11:10:00 +0000] "GET /a HTTP/1.1" 500 0
garbage line
"""
LINE = re.compile(r'(\S+) \S+ (\S+) \[([^\]]+)\] "(\w+) (\S+) [^"]*" (\d{3}) (\d+|-)')
sessions, status, sizes = defaultdict(list), Counter(), 0
for line in log.splitlines():
    m = LINE.fullmatch(line)
    if m is None:
        print("skip:", line)
        continue
    ip, user, ts, verb, path, code, size = m.groups()
    when = datetime.strptime(ts, "%d/%b/%Y:%H:%M:%S %z")
    status[code[0] + "xx"] += 1
    sizes += 0 if size == "-" else int(size)
    if sessions[ip] and when - sessions[ip][-1][-1][0] <= timedelta(minutes=30):
        sessions[ip][-1].append((when, path))
    else:
        sessions[ip].append([(when, path)])
print(status.most_common(), sizes)
for ip, groups in sorted(sessions.items()):
    for g in groups:
        print(ip, f"{g[0][0]:%H:%M}", "->".join(p.split("?")[0] for _, p in g), (g[-1][0] - g[0][0]).seconds // 60, "min")
