"""Cells as models write them for long contexts: how many of their calls do not run ahead.

Each runs after `BEFORE`, over `CONTEXT` (`run_ahead_loops`). What does not run ahead is a last call that is made of
all answers before it: there is nothing that it could run beside.
"""

from __future__ import annotations

CELLS: dict[str, tuple[int, str]] = {
    "chunked map-reduce": (
        1,
        """
chunk_size = 60
chunks_ = [text[i:i+chunk_size] for i in range(0, len(text), chunk_size)]
print(f"Number of chunks: {len(chunks_)}")
summaries = []
for idx, chunk in enumerate(chunks_):
    prompt = f\"\"\"You are analyzing chunk {idx+1} of {len(chunks_)}.

Chunk:
{chunk}

Extract the relevant facts. If none, reply NONE.\"\"\"
    summary = llm_query(prompt)
    if summary.strip().upper() != "NONE":
        summaries.append(f"[Chunk {idx+1}] {summary}")
    print(f"chunk {idx+1} done: {summary[:50]!r}")
final = llm_query("Combine:\\n" + "\\n\\n".join(summaries))
print(final)
""",
    ),
    "regex filter": (
        0,
        """
pattern = re.compile(r"text (\\d+)", re.IGNORECASE)
matches = []
for doc in context:
    m = pattern.search(doc)
    if not m:
        continue
    num = int(m.group(1))
    if num % 2 == 0:
        matches.append((num, doc))
results = {}
for num, doc in sorted(matches, key=lambda x: x[0], reverse=True):
    results[num] = llm_query(f"Document {num}:\\n{doc[:200]}\\nWhat is it about?")
for num, r in results.items():
    print(num, "->", r[:80])
""",
    ),
    "json answers with fences": (
        0,
        """
def parse_json(s):
    s = s.strip()
    if s.startswith("```"):
        s = re.sub(r"^```(?:json)?\\s*|\\s*```$", "", s)
    try:
        return json.loads(s)
    except json.JSONDecodeError:
        return None
records = []
for row in rows:
    resp = llm_query(f'Return JSON with "label" for: {row["text"]} # json')
    data = parse_json(resp)
    if data is None:
        print("bad json for", row["id"])
        continue
    records.append(data)
print(len(records))
""",
    ),
    "json regex in helper": (
        0,
        """
def ask_json(prompt):
    out = llm_query(prompt + " # json")
    m = re.search(r"\\{.*\\}", out, re.DOTALL)
    if m:
        try:
            return json.loads(m.group(0))
        except Exception:
            pass
    return {}
all_data = []
for c in chunks:
    d = ask_json("Extract: " + c)
    all_data.append(d)
labels = [d.get("label", "unknown") for d in all_data]
print(Counter(labels).most_common(3))
""",
    ),
    "retries helper": (
        0,
        """
def query_with_retry(prompt, retries=3):
    last_err = None
    for attempt in range(retries):
        try:
            result = llm_query(prompt)
            if result and result.strip():
                return result.strip()
        except Exception as e:
            last_err = e
            print(f"attempt {attempt + 1} failed: {e}")
            time.sleep(0.0)
    return f"FAILED: {last_err}"
outputs = [query_with_retry(f"Summarize: {c}") for c in chunks]
""",
    ),
    "counter of categories": (
        0,
        """
categories = ["news", "sports", "science"]
counter = Counter()
for i, c in enumerate(chunks):
    label = llm_query(f"Classify into one of {categories}. Answer with only the label.\\n\\n{c}").strip().lower()
    label = label if label in categories else "other"
    counter[label] += 1
for label, n in counter.most_common():
    print(f"{label}: {n}")
""",
    ),
    "class with plain state": (
        0,
        """
class Analyzer:
    def __init__(self, question, size=3):
        self.question = question
        self.size = size
        self.results = []
    def batches(self, items):
        for i in range(0, len(items), self.size):
            yield items[i:i + self.size]
    def run(self, items):
        for batch in self.batches(items):
            joined = "\\n".join(batch)
            self.results.append(llm_query(f"{self.question}\\n{joined}"))
        return self.results
an = Analyzer("What is said?")
res = an.run(chunks)
print(len(res))
""",
    ),
    "dataclass records": (
        0,
        """
from dataclasses import dataclass, field
@dataclass
class Finding:
    idx: int
    text: str
    tags: list = field(default_factory=list)
findings = []
for i, c in enumerate(chunks):
    ans = llm_query(f"Find in: {c}")
    findings.append(Finding(i, ans))
print(len(findings), findings[0].text[:20])
""",
    ),
    "dataclass inputs": (
        0,
        """
from dataclasses import dataclass
@dataclass
class Chunk:
    idx: int
    body: str
items = [Chunk(i, c) for i, c in enumerate(chunks)]
out = {}
for ch in items:
    out[ch.idx] = llm_query(f"Chunk {ch.idx}: {ch.body}")
print(len(out))
""",
    ),
    "namedtuple inputs": (
        0,
        """
from collections import namedtuple
Section = namedtuple("Section", ["title", "body"])
sections = [Section(f"S{i}", c) for i, c in enumerate(chunks)]
out = []
for s in sections:
    out.append((s.title, llm_query(f"{s.title}: {s.body}")))
print(len(out))
""",
    ),
    "sorted filter lambda": (
        0,
        """
relevant = list(filter(lambda c: "word" in c and len(c) > 20, context))
ranked = sorted(relevant, key=lambda c: c.count("word"), reverse=True)[:5]
answers = []
for rank, doc in enumerate(ranked, start=1):
    answers.append({"rank": rank, "answer": llm_query(f"#{rank}\\n{doc}")})
best = max(answers, key=lambda a: len(a["answer"]))
print(best["rank"])
""",
    ),
    "walrus": (
        0,
        """
hits = []
for c in chunks:
    if (n := c.count("word")) > 2:
        hits.append((n, llm_query(f"{n} words: {c}")))
kept = [r for c in chunks if "no" not in (r := llm_query(f"Relevant? {c}")).lower()]
print(len(hits), len(kept))
""",
    ),
    "walrus match": (
        0,
        """
nums = []
for c in context:
    resp = llm_query(f"What number? {c}")
    if (m := re.search(r"(\\d+)", resp)):
        nums.append(int(m.group(1)))
    else:
        nums.append(-1)
print(sum(nums))
""",
    ),
    "itertools helpers": (
        0,
        """
from itertools import islice, chain, groupby, product
def batched_(it, n):
    it = iter(it)
    while batch := list(islice(it, n)):
        yield batch
out = []
for b in batched_(chunks, 4):
    out.append(llm_query("\\n---\\n".join(b)))
for key, group in groupby(sorted(rows, key=lambda r: r["id"] % 3), key=lambda r: r["id"] % 3):
    texts = [g["text"] for g in group]
    out.append(llm_query(f"group {key}: {len(texts)} " + texts[0]))
for a, b in product(["x", "y"], [1, 2]):
    out.append(llm_query(f"{a}{b}"))
""",
    ),
    "itertools combinations of pairs": (
        0,
        """
import itertools
pairs = []
for a, b in itertools.combinations(chunks[:4], 2):
    verdict = llm_query(f"Do these agree?\\nA: {a}\\nB: {b}\\nAnswer yes or no.")
    pairs.append(verdict.strip().lower().startswith("yes"))
print(sum(pairs), "of", len(pairs))
""",
    ),
    "string methods": (
        0,
        """
out = []
for line in text.splitlines():
    line = line.strip()
    if not line or line.startswith("#"):
        continue
    title, _, body = line.partition(":")
    words = body.split()
    resp = llm_query(f"{title.title()}: {' '.join(words[:5])} ({len(words)} words)")
    first, sep, rest = resp.partition(":")
    out.append((title, first.strip().title(), rest.strip().replace("\\n", " ").rstrip(".")))
print(out[0])
""",
    ),
    "early continue and logging": (
        0,
        """
processed = skipped = 0
log = []
for i, row in enumerate(rows):
    if row["size"] < 20:
        skipped += 1
        print(f"[{i}] skip")
        continue
    print(f"[{i}] querying ({row['size']} chars)...", end=" ", flush=True)
    answer = llm_query(f"Row {row['id']}: {row['text']}")
    processed += 1
    log.append(f"{i}: {answer}")
    print("ok" if answer else "empty")
    if processed % 5 == 0:
        print(f"--- {processed}/{len(rows)} ---")
print(f"{processed=} {skipped=}")
""",
    ),
    "dict of lists": (
        0,
        """
by_parity = {}
for row in rows:
    by_parity.setdefault("even" if row["id"] % 2 == 0 else "odd", []).append(row["text"])
summary = {}
for key, texts in by_parity.items():
    parts = []
    for t in texts:
        parts.append(llm_query(f"[{key}] {t}"))
    summary[key] = parts
themes = {}
for key, parts in summary.items():
    for p in parts:
        for word in p.split():
            themes.setdefault(word, []).append(key)
print({k: len(v) for k, v in summary.items()})
""",
    ),
    "textwrap dedent": (
        0,
        """
import textwrap
out = []
for i, c in enumerate(chunks):
    prompt = textwrap.dedent(f\"\"\"
        You are an expert reader.
        Text #{i}:
        {c}
        Answer shortly.
    \"\"\").strip()
    out.append(llm_query(prompt))
print(len(out))
""",
    ),
    "re.split on context": (
        0,
        """
sections = re.split(r"\\n(?=text \\d)", text)
print(len(sections))
headers = {}
for sec in sections:
    header = sec.split(":", 1)[0].strip()
    headers[header] = llm_query(f"Summarize section '{header}':\\n\\n{sec[:1000]}")
report = "\\n".join(f"## {h}\\n{s}" for h, s in headers.items())
print(report[:200])
""",
    ),
    "finditer": (
        0,
        """
spans = [(m.start(), m.end()) for m in re.finditer(r"text \\d+", text)]
out = []
for start, end in spans:
    window = text[max(0, start - 10):min(len(text), end + 30)]
    out.append(llm_query(f"Window {start}-{end}: {window}"))
for m in re.finditer(r"text (\\d+)", text):
    out.append(llm_query(f"at {m.start()}: {m.group(1)} {text[m.start():m.start()+20]}"))
""",
    ),
    "overlapping windows while": (
        1,
        """
size, overlap = 100, 20
start = 0
windows = []
while start < len(text):
    end = start + size
    windows.append(text[start:end])
    if end >= len(text):
        break
    start = end - overlap
notes = []
for w in windows:
    notes.append(llm_query("Notes on:\\n" + w).strip())
while len(notes) > 1:
    merged = []
    for i in range(0, len(notes), 2):
        pair = notes[i:i+2]
        merged.append(llm_query("Merge:\\n" + "\\n".join(pair)) if len(pair) > 1 else pair[0])
    notes = merged
print(notes[0][:50])
""",
    ),
    "yes/no filter then second pass": (
        0,
        """
relevant_idx = []
for i, c in enumerate(chunks):
    ans = llm_query(f"Is this about words? Answer YES or NO.\\n{c}")
    if "yes" in ans.lower():
        relevant_idx.append(i)
details = [llm_query(f"Details: {chunks[i]}") for i in relevant_idx]
print(len(details))
""",
    ),
    "parse lines of key: value": (
        0,
        """
table = []
for row in rows:
    resp = llm_query(f"Give name: and age: lines for {row['text']}")
    rec = {"id": row["id"]}
    for line in resp.splitlines():
        if ":" in line:
            k, v = line.split(":", 1)
            rec[k.strip().lower()] = v.strip()
    table.append(rec)
print(len(table), sorted({k for r in table for k in r}))
""",
    ),
    "score and pick the best": (
        0,
        """
def score(doc):
    resp = llm_query(f"Rate 0-10, number only. # n: {len(doc)}\\n{doc}")
    m = re.search(r"\\d+(?:\\.\\d+)?", resp)
    return float(m.group()) if m else 0.0
scored = [(score(c), i) for i, c in enumerate(chunks)]
scored.sort(reverse=True)
top = [chunks[i] for s, i in scored[:3]]
print(top)
""",
    ),
    "find with a default, tuple results": (
        0,
        """
people = ["Ann", "Bob", "Cy"]
qa = []
for person in people:
    mentions = [c for c in context if person.lower() in c.lower()] or context[:2]
    ctx = "\\n".join(mentions)
    q = f"Where is {person}?"
    qa.append((person, q, llm_query(f"{ctx}\\n\\nQ: {q}\\nA:")))
answers = {p: a for p, _, a in qa}
for p in people:
    print(f"{p:<10} {answers[p][:30]}")
""",
    ),
    "defaultdict of answers": (
        0,
        """
index = defaultdict(list)
for i, c in enumerate(chunks):
    topics = llm_query(f"List topics, comma-separated: {c}")
    for topic in [t.strip().lower() for t in topics.split(",")]:
        if topic:
            index[topic].append(i)
top = sorted(index.items(), key=lambda kv: len(kv[1]), reverse=True)
for topic, idxs in top[:3]:
    print(topic, len(idxs))
""",
    ),
    "nested functions with nonlocal counter": (
        0,
        """
def process(items):
    calls = 0
    cache = {}
    def ask_once(q):
        nonlocal calls
        if q in cache:
            return cache[q]
        calls += 1
        cache[q] = llm_query(q)
        return cache[q]
    outs = [ask_once(f"Q {it}") for it in items]
    return outs, calls
outs, calls = process(chunks + chunks[:2])
print(calls)
""",
    ),
    "global cache and counter": (
        0,
        """
_cache = {}
n_calls = 0
def cached(q):
    global n_calls
    key = q.strip()
    if key not in _cache:
        n_calls += 1
        _cache[key] = llm_query(q)
    return _cache[key]
out = [cached("Q: " + c) for c in chunks for _ in range(2)]
print(n_calls)
""",
    ),
    "list of dicts with update": (
        0,
        """
results = []
for row in rows:
    item = {**row}
    item["summary"] = llm_query(f"Summarize {row['text']}")
    item.update(length=len(item["summary"]), ok=bool(item["summary"]))
    results.append(item)
ok = [r for r in results if r["ok"]]
print(json.dumps(results[0], indent=2)[:50], len(ok))
""",
    ),
    "match statement": (
        0,
        """
out = []
for i, c in enumerate(chunks):
    match i % 3:
        case 0:
            kind = "short"
        case 1:
            kind = "long"
        case _:
            kind = "any"
    out.append(llm_query(f"{kind}: {c}"))
""",
    ),
    "type-annotated helper with partial": (
        0,
        """
from functools import partial
from typing import List, Dict, Optional
def extract(chunk: str, field: str) -> Optional[str]:
    \"\"\"Extract a field.\"\"\"
    r: str = llm_query(f"Extract {field} from:\\n{chunk}")
    return r.strip() or None
extract_name = partial(extract, field="name")
names: List[str] = [extract_name(c) for c in chunks]
dates: Dict[int, Optional[str]] = {}
for i, c in enumerate(chunks):
    dates[i] = extract(c, field="date")
print(len([n for n in names if n is not None]))
""",
    ),
    "thresholds and min/max of docs": (
        0,
        """
lengths = [len(d) for d in context]
avg = sum(lengths) / len(lengths)
long_docs = [(i, d) for i, d in enumerate(context) if len(d) > avg]
out = []
for i, d in long_docs:
    pieces = [d[j:j+40] for j in range(0, len(d), 40)]
    subs = []
    for p_i, piece in enumerate(pieces):
        subs.append(llm_query(f"doc {i} piece {p_i + 1}/{len(pieces)}: {piece}"))
    out.append(llm_query(f"Combine doc {i}:\\n" + "\\n".join(f"- {s}" for s in subs)))
FINAL_ = "\\n".join(out)
""",
    ),
    "paragraph packing": (
        1,
        """
paras = text.split("\\n")
buckets, cur, cur_len = [], [], 0
for p in paras:
    if cur_len + len(p) > 120 and cur:
        buckets.append("\\n".join(cur))
        cur, cur_len = [], 0
    cur.append(p)
    cur_len += len(p) + 1
if cur:
    buckets.append("\\n".join(cur))
answers = []
for n, b in enumerate(buckets):
    a = llm_query(f"({n+1}/{len(buckets)})\\n{b}")
    if a and "not found" not in a.lower():
        answers.append(a)
final = llm_query("Answers:\\n" + "\\n".join(answers)) if answers else "none"
""",
    ),
    "packing with calls in between": (
        0,
        """
buf, out = "", []
for p in text.split("\\n"):
    if len(buf) + len(p) > 100:
        out.append(llm_query("Read: " + buf))
        buf = ""
    buf += p + "\\n"
if buf:
    out.append(llm_query("Read: " + buf))
""",
    ),
    "set of entities": (
        0,
        """
entities = set()
for c in chunks:
    resp = llm_query(f"Entities, one per line:\\n{c}")
    entities |= {e.strip() for e in resp.split("\\n") if e.strip()}
    entities.update(x.lower() for x in resp.split())
print(len(entities), sorted(entities)[:2])
""",
    ),
    "string building answer +=": (
        0,
        """
report = []
report.append("# Report")
for name in sorted(docs):
    body = docs[name]
    report.append(f"## {name}")
    report.append(llm_query(f"Summarize {name} ({len(body):,} chars):\\n{body}"))
    report.append("")
md = "\\n".join(report)
print(md[:40])
""",
    ),
    "enumerate with len() progress and try int": (
        0,
        """
ratings = {}
for idx, (name, doc) in enumerate(docs.items(), 1):
    try:
        ratings[name] = int(llm_query(f"Rate {name} # n: {idx}"))
    except ValueError:
        ratings[name] = None
    print(f"\\r{idx}/{len(docs)}", end="")
valid = {k: v for k, v in ratings.items() if v is not None}
print(sorted(valid.items(), key=lambda kv: -kv[1])[:2])
""",
    ),
    "assert on own data; del; slices": (
        0,
        """
work = chunks[:]
assert work, "no chunks"
first, *rest = work
out = [llm_query("first " + first)]
for c in rest:
    out.append(llm_query("rest " + c))
del work
""",
    ),
    "json dumps prompt": (
        0,
        """
out = []
for row in rows:
    payload = json.dumps({"id": row["id"], "text": row["text"]}, ensure_ascii=False)
    out.append(llm_query("Process this record: " + payload))
print(out[0][:20])
""",
    ),
    "csv rows": (
        0,
        """
import csv, io
data = "name,city\\nAnn,Rome\\nBob,Oslo\\nCy,Bern"
reader = csv.DictReader(io.StringIO(data))
people = list(reader)
out = []
for p in people:
    out.append(llm_query(f"Is {p['name']} from {p['city']}?"))
for rec in csv.DictReader(io.StringIO(data)):
    out.append(llm_query(f"again {rec['name']}"))
""",
    ),
    "random sample": (
        0,
        """
import random
random.seed(0)
sample = random.sample(chunks, 5)
out = [llm_query("sample: " + s) for s in sample]
""",
    ),
    "vote majority": (
        0,
        """
finals = []
for c in chunks[:4]:
    votes = [llm_query(f"vote {v}: {c}").strip().lower() for v in range(3)]
    winner, n = Counter(votes).most_common(1)[0]
    finals.append(winner)
print(finals[0])
""",
    ),
    "refine with verification": (
        0,
        """
answers = []
for c in chunks:
    draft = llm_query(f"Answer from: {c}")
    check = llm_query(f"Is this supported? YES/NO\\n{draft}\\n{c}")
    if check.strip().upper().startswith("NO"):
        draft = llm_query(f"Fix: {draft}\\n{c}")
    answers.append(draft)
print(len(answers))
""",
    ),
    "lambda prompt builder in dict": (
        0,
        """
builders = {
    "who": lambda c: f"Who? {c}",
    "what": lambda c: f"What? {c}",
}
res = {}
for name, build in builders.items():
    res[name] = [llm_query(build(c)) for c in chunks[:3]]
print(list(res))
""",
    ),
    "while True with index": (
        0,
        """
i = 0
outs = []
while True:
    if i >= len(chunks):
        break
    outs.append(llm_query(chunks[i]))
    i += 1
""",
    ),
    "try/except KeyError on own data": (
        0,
        """
out = []
for row in rows:
    try:
        tag = row["tag"]
    except KeyError:
        tag = "none"
    out.append(llm_query(f"{tag} {row['text']}"))
""",
    ),
    "answer appended to prompt of last round only": (
        0,
        """
results = {}
for level in range(2):
    for c in chunks[:3]:
        key = (level, c[:6])
        prev = results.get((level - 1, c[:6]), "")
        results[key] = llm_query(f"L{level} {c} prev={prev}")
""",
    ),
    "enumerate sorted set": (
        0,
        """
ids = sorted({row["id"] % 4 for row in rows})
out = {}
for gid in ids:
    members = [r for r in rows if r["id"] % 4 == gid]
    body = "\\n".join(f"- {r['text'][:15]}" for r in members)
    out[gid] = llm_query(f"Group {gid}\\n{body}")
""",
    ),
    "split keepends, zip(*), any on own": (
        0,
        """
stop = {"text", "word"}
out = []
ids, texts = zip(*[(r["id"], r["text"]) for r in rows])
for i, t in zip(ids, texts):
    if any(w in stop for w in t.lower().split()):
        out.append(llm_query(f"{i}: {t}"))
""",
    ),
    "answers to ints with helper": (
        0,
        """
def to_int(s, default=0):
    try:
        return int(re.sub(r"[^0-9-]", "", s))
    except (ValueError, TypeError):
        return default
nums = []
for row in rows:
    nums.append(to_int(llm_query(f"# n: {row['id']}")))
print(sum(nums), max(nums))
""",
    ),
    "f-string with nested quotes and join of answers later": (
        0,
        """
qs = ["who", "what", "where"]
ans = {q: [] for q in qs}
for c in chunks[:4]:
    for q in qs:
        ans[q].append(llm_query(f"{q}? {c}"))
final = {}
for q, parts in ans.items():
    final[q] = llm_query(f"Combine for {q}:\\n" + "\\n".join(f"{i}. {p}" for i, p in enumerate(parts, 1)))
""",
    ),
    "bisect hash md5 dedupe": (
        0,
        """
import hashlib
seen = set()
out = []
for c in chunks + chunks[:3]:
    h = hashlib.md5(c.encode()).hexdigest()
    if h in seen:
        continue
    seen.add(h)
    out.append(llm_query(c))
""",
    ),
    "answers zip strict + dict pop": (
        0,
        """
queue = [{"q": c} for c in chunks]
done = []
while queue:
    job = queue.pop()
    job["a"] = llm_query(job["q"])
    done.append(job)
""",
    ),
    "deque": (
        0,
        """
from collections import deque
dq = deque(chunks)
out = []
while dq:
    c = dq.popleft()
    out.append(llm_query(c))
""",
    ),
    "recursive summarise halves": (
        1,
        """
def summarize(t):
    if len(t) <= 150:
        return llm_query("Summarize: " + t)
    mid = len(t) // 2
    left = summarize(t[:mid])
    right = summarize(t[mid:])
    return llm_query(f"Merge:\\n{left}\\n{right}")
s = summarize(text)
""",
    ),
    "star args, kwargs helper": (
        0,
        """
def q(template, **kw):
    return llm_query(template.format(**kw))
out = [q("{a} and {b}", a=i, b=c) for i, c in enumerate(chunks)]
""",
    ),
    "method of class, self.log with answers": (
        0,
        """
class Agent:
    def __init__(self, name):
        self.name = name
        self.log = []
    def ask(self, c):
        a = llm_query(f"{self.name}: {c}")
        self.log.append(a)
        return a
agent = Agent("reader")
out = [agent.ask(c) for c in chunks]
""",
    ),
    "fields of the JSON, with the errors that there may be": (
        0,
        """
out = []
for i, c in enumerate(chunks):
    try:
        d = json.loads(llm_query("# json " + c))
        out.append({"id": i, "label": d["label"], "author": d["meta"]["author"], "first": d["tags"][0]})
    except (json.JSONDecodeError, KeyError, IndexError, TypeError):
        out.append({"id": i, "label": None})
    try:
        label = json.loads(llm_query("again # json " + c))["label"]
    except (ValueError, KeyError, TypeError):
        label = "?"
""",
    ),
    "flags and counts of regular expressions": (
        0,
        """
out = []
for c in chunks:
    a = llm_query(c)
    a = re.sub(r"^```(?:json)?|```$", "", a, flags=re.MULTILINE).strip()
    out.append(re.findall(r"w(or)d", a, flags=re.I | re.M))
    out.append(re.sub(r" +", " ", a, count=1))
    out.append(re.sub(r"(word)", r"<word>", a, 1))
    out.append(re.split("o", a, 1, re.I))
""",
    ),
    "a decorated helper in a helper": (
        0,
        """
log = []
def logged(name):
    def decorate(function):
        def wrapper(*args, **kwargs):
            log.append(name)
            return function(*args, **kwargs)
        return wrapper
    return decorate
def classify(item):
    @logged("genre")
    def ask_for(text, kind="topic"):
        return llm_query(f"{kind}: {text}").strip()
    return ask_for(item, kind="genre")
labels = []
for c in chunks:
    labels.append(classify(c))
print(len(labels), log[:2])
""",
    ),
    "a dict that only a handler makes, in many rounds": (
        1,
        """
found, a = {}, ""
for i in range(60):
    try:
        a = llm_query(f"Find the pairs in part {i}.")
    except ValueError:
        a = "none"
        found = dict(word.split(":", 1) for word in a.split() if ":" in word)
    except Exception:
        a = None
print(found)
""",
    ),
    "many rows in groups that answers name": (
        1,
        """
rows = [{"id": i, "text": f"row {i}"} for i in range(400)]
groups, lists = {}, defaultdict(list)
for row in rows:
    label = llm_query(f"Label: {row['text']}")[-1:]
    groups.setdefault(label, []).append(row)
    lists[label].append(row)
print(len(groups), len(lists))
""",
    ),
}
