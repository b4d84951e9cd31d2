transcript = """[00:01:05] ANNA: We need 3 units. [laughs]
[00:01:12] BEN: Three? I said thirty!
[00:02:00] ANNA: Right, 30.
(continued)
[01:00:59] CARL (remote): Approved; see you at 10:30.
"""
import re
from collections import defaultdict
TURN = re.compile(r"^\[(\d\d):(\d\d):(\d\d)\] ([A-Z]+)(?: \((\w+)\))?: (.*)$")
turns, skipped = [], []
for no, line in enumerate(transcript.splitlines(), 1):
    if not (m := TURN.match(line)):
        skipped.append((no, line))
        continue
    h, mi, s, who, note, said = m.groups()
    turns.append({"t": int(h) * 3600 + int(mi) * 60 + int(s), "who": who.title(), "note": note, "said": re.sub(r"\s*\[\w+\]", "", said)})
print(len(turns), skipped)
words = defaultdict(int)
for t in turns:
    words[t["who"]] += len(t["said"].split())
print(dict(words), [f"{t['t'] // 60:>3}m {t['who']}" for t in turns])
print([t["said"] for t in turns if any(ch.isdigit() for ch in t["said"])], max(turns, key=lambda t: len(t["said"]))["who"])
