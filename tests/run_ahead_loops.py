"""Loops of sub-calls as models write them, and how many of their calls are seen in flight at once.

Each runs after `BEFORE`, over `CONTEXT`; a call is answered with `re:` and its prompt, `# n: 12` in a prompt with `12`.
"""

from __future__ import annotations

CONTEXT = [f"text {i}: " + "word " * (i + 1) for i in range(12)]

BEFORE = """
import itertools, json, re, time
from collections import Counter, defaultdict
chunks = [c[:40] for c in context]
docs = {f"doc{i}": c for i, c in enumerate(context)}
rows = [{"id": i, "text": c, "size": len(c)} for i, c in enumerate(context)]
text = "\\n".join(context)
def ask(chunk, question="What is it?"):
    prompt = f"{question}\\n\\n{chunk}"
    return llm_query(prompt)
"""

ALL_AT_ONCE: dict[str, tuple[int, str]] = {
    "for over a list": (
        12,
        """
answers = []
for chunk in chunks:
    answers.append(llm_query(f"Summarize: {chunk}"))
""",
    ),
    "for over a range": (
        12,
        """
answers = []
for i in range(len(context)):
    answers.append(llm_query("Summarize: " + context[i]))
""",
    ),
    "enumerate": (
        12,
        """
answers = []
for i, chunk in enumerate(chunks, 1):
    print(f"{i}/{len(chunks)}")
    answer = llm_query(f"Part {i}: {chunk}")
    print(answer[:10])
    answers.append(answer)
""",
    ),
    "zip": (
        12,
        """
out = []
for chunk, row in zip(chunks, rows):
    out.append((row["id"], llm_query(f"{row['id']}: {chunk}")))
""",
    ),
    "items": (
        12,
        """
summaries = {}
for name, doc in docs.items():
    summaries[name] = llm_query(f"{name}\\n{doc}")
""",
    ),
    "sorted items with a key": (
        12,
        """
summaries = {}
for name, doc in sorted(docs.items(), key=lambda pair: -len(pair[1])):
    summaries[name] = llm_query(f"{name}\\n{doc}")
""",
    ),
    "slices of a text by index": (
        11,
        """
size = 50
parts = []
for start in range(0, 550, size):
    part = text[start:start + size]
    parts.append(llm_query(f"What is in this part?\\n{part}"))
""",
    ),
    "chunks built in the body": (
        6,
        """
found = []
for i in range(0, len(context), 2):
    group = context[i:i + 2]
    joined = "\\n---\\n".join(group)
    found.append(llm_query("Read:\\n" + joined))
""",
    ),
    "a prompt over several lines": (
        12,
        """
results = []
for row in rows:
    prompt = "Classify.\\n"
    prompt += f"Id: {row['id']}\\n"
    if row["size"] > 40:
        prompt += "It is long.\\n"
    else:
        prompt += "It is short.\\n"
    prompt += row["text"].strip()
    results.append({"id": row["id"], "label": llm_query(prompt)})
""",
    ),
    "a prompt from a list of lines": (
        12,
        """
results = []
for row in rows:
    lines = ["Classify:"]
    for word in row["text"].split()[:3]:
        lines.append("- " + word)
    results.append(llm_query("\\n".join(lines)))
""",
    ),
    "format and percent": (
        12,
        """
TEMPLATE = "Question: {q}\\nText: {text}"
out = []
for i, c in enumerate(chunks):
    out.append(llm_query(TEMPLATE.format(q="who?", text=c)) if i % 2 else llm_query("Text %d: %s" % (i, c)))
""",
    ),
    "a condition on the item": (
        6,
        """
out = []
for i, c in enumerate(chunks):
    if i % 2:
        continue
    if "text" not in c:
        out.append(None)
    else:
        out.append(llm_query(c))
""",
    ),
    "a regular expression on the item": (
        3,
        """
hits = []
for c in context:
    m = re.search(r"text (\\d+)", c)
    if m and int(m.group(1)) > 8:
        hits.append(llm_query(f"{m.group(1)}: {c}"))
""",
    ),
    "a set of what was seen": (
        2,
        """
seen = set()
answers = {}
for row in rows:
    key = row["id"] % 2
    if key in seen:
        continue
    seen.add(key)
    answers[key] = llm_query(f"parity {key}")
""",
    ),
    "a cache": (
        3,
        """
cache = {}
out = []
for row in rows:
    prompt = f"group {row['id'] % 3}"
    if prompt not in cache:
        cache[prompt] = llm_query(prompt)
    out.append(cache[prompt])
""",
    ),
    "counting words of the answers": (
        12,
        """
counts = {}
for c in chunks:
    for word in llm_query(c).lower().split():
        counts[word] = counts.get(word, 0) + 1
""",
    ),
    "a tally of labels": (
        12,
        """
tally = Counter()
groups = defaultdict(list)
plain = {}
for c in chunks:
    label = llm_query(f"Label: {c}").strip().lower()
    tally[label] += 1
    groups[label].append(c)
    plain[label] = plain.get(label, 0) + 1
    plain.setdefault("all", []).append(c) if False else None
""",
    ),
    "lines of the answers": (
        12,
        """
facts = []
for c in chunks:
    reply = llm_query(f"Facts as lines: {c}")
    for line in reply.splitlines():
        line = line.strip("- ")
        if line and "none" not in line.lower():
            facts.append(line)
    names = [part.strip() for part in reply.split(",") if part.strip()]
    facts.extend(names)
""",
    ),
    "answers that are printed, joined and measured": (
        12,
        """
summary, total = "", 0
for i, c in enumerate(chunks):
    r = llm_query(c)
    total += len(r)
    summary += f"[{i}] {r.upper():>20}\\n"
    print(i, len(r), "yes" in r, r == c, r[:5], r.split("\\n")[0], sep=" | ")
""",
    ),
    "yes or no": (
        12,
        """
yes, no = [], []
for c in chunks:
    answer = llm_query(f"Relevant? {c}")
    if answer.strip().lower().startswith("re:rel"):
        yes.append(c)
    elif "maybe" in answer:
        print("maybe")
        no.append(c)
    else:
        no.append(c)
print(len(yes), len(no))
""",
    ),
    "try around the call": (
        12,
        """
out, errors = [], 0
for c in chunks:
    try:
        r = llm_query(c)
        out.append(r)
    except Exception as e:
        print(f"failed: {e}")
        errors += 1
        out.append(f"ERROR: {e}")
""",
    ),
    "try with continue": (
        12,
        """
out = {}
for i, c in enumerate(chunks):
    try:
        r = llm_query(c)
    except SubCallError as e:
        print("skipped", i, type(e).__name__)
        continue
    except Exception:
        out[i] = None
        continue
    out[i] = r.strip()
""",
    ),
    "try with else and finally": (
        12,
        """
done = 0
out = []
for c in chunks:
    try:
        r = llm_query(c)
    except Exception:
        out.append("failed")
    else:
        out.append(r)
    finally:
        done += 1
""",
    ),
    "json of the answer in a try that goes on": (
        12,
        """
out = []
for c in chunks:
    reply = llm_query(f"As JSON: {c}")
    try:
        data = json.loads(reply)
        out.append(data["name"])
    except Exception as e:
        out.append({"raw": reply})
""",
    ),
    "the class of an error in a try": (
        12,
        """
out, bad = [], []
for i, c in enumerate(chunks):
    try:
        out.append(llm_query(c))
    except Exception as e:
        bad.append((i, type(e).__name__))
        print(f"{type(e).__name__}: {e}")
print(len(out), bad)
""",
    ),
    "a label of the JSON in a try that catches what can go wrong": (
        12,
        """
labels, bad = {}, []
for i, c in enumerate(chunks):
    raw = llm_query(f"As JSON: {c}" + (" # json" if i % 3 else ""))
    try:
        data = json.loads(raw)
        label = data.get("label", "other").strip().lower()
    except (json.JSONDecodeError, AttributeError):
        data, label = None, "unparsed"
        bad.append(i)
    labels.setdefault(label, []).append(i)
print(sorted(labels), bad)
""",
    ),
    "a number in a try that goes on": (
        12,
        """
scores = []
for row in rows:
    raw = llm_query(f"Score 1-10 # n: {row['id']}")
    try:
        score = int(raw.strip())
    except ValueError:
        score = 0
    scores.append(score)
    print(f"{row['id']}: {score}")
print(sum(scores))
""",
    ),
    "a number by a regular expression": (
        12,
        """
scores = []
for row in rows:
    reply = llm_query(f"Score # n: {row['id']}")
    m = re.search(r"\\d+", reply)
    score = int(m.group()) if m else 0
    scores.append(score + sum(int(x) for x in re.findall(r"\\d+", reply)))
best = max(scores)
""",
    ),
    "three attempts at a call": (
        12,
        """
out = []
for c in chunks:
    result = None
    for attempt in range(3):
        try:
            result = llm_query(c)
            break
        except Exception as e:
            print("again", attempt)
            time.sleep(0)
    else:
        result = "none"
    out.append(result)
""",
    ),
    "a list comprehension": (
        12,
        """
answers = [llm_query(f"Summarize: {c}") for c in chunks]
""",
    ),
    "a dict comprehension": (
        12,
        """
answers = {name: llm_query(doc).strip() for name, doc in docs.items()}
""",
    ),
    "a set comprehension": (
        12,
        """
answers = {llm_query(c) for c in chunks}
""",
    ),
    "a comprehension with conditions": (
        4,
        """
answers = [(i, llm_query(c)) for i, c in enumerate(chunks) if i % 3 == 0 if c]
""",
    ),
    "a comprehension in an expression": (
        12,
        """
print("\\n".join([llm_query(c).strip() for c in chunks]))
""",
    ),
    "list of a generator": (
        12,
        """
answers = list(llm_query(c) for c in chunks)
""",
    ),
    "join of a generator": (
        12,
        """
report = "\\n\\n".join(f"## {i}\\n{llm_query(c)}" for i, c in enumerate(chunks))
""",
    ),
    "sum of a generator": (
        24,
        """
total = sum("re" in llm_query(c) for c in chunks)
longest = max((len(llm_query("again " + c)) for c in chunks), default=0)
""",
    ),
    "dict of a zip": (
        12,
        """
names = list(docs)
answers = dict(zip(names, [llm_query(docs[n]) for n in names]))
""",
    ),
    "map": (
        12,
        """
answers = list(map(llm_query, chunks))
""",
    ),
    "map with a lambda": (
        12,
        """
answers = list(map(lambda c: llm_query(f"> {c}").strip(), chunks))
""",
    ),
    "a helper of this cell": (
        12,
        """
def summarize(chunk, n=3):
    '''Summarize one chunk.'''
    words = chunk.split()
    if not words:
        return ""
    return llm_query(f"In {n} words: {' '.join(words)}")
answers = [summarize(c) for c in chunks]
""",
    ),
    "a helper of an earlier cell": (
        12,
        """
answers = {}
for name, doc in docs.items():
    answers[name] = ask(doc, question=f"Who is {name}?")
""",
    ),
    "a helper with try and return": (
        12,
        """
def safe(chunk):
    try:
        return llm_query(chunk)
    except Exception as e:
        return f"ERROR {e}"
out = [safe(c) for c in chunks]
""",
    ),
    "a helper that returns from a try, and after it": (
        12,
        """
def safe(chunk, log=[]):
    try:
        return llm_query(chunk).strip()
    except SubCallError as e:
        log.append(str(e))
    return ""
out = []
for c in chunks:
    out.append(safe(c))
""",
    ),
    "a helper of helpers": (
        12,
        """
def build(chunk, i):
    return f"[{i}] " + chunk.replace("word", "w")
def one(i):
    return ask(build(context[i], i))
out = [one(i) for i in range(len(context))]
""",
    ),
    "a loop in a function": (
        12,
        """
def run(items, question):
    results = []
    for item in items:
        results.append(llm_query(f"{question}\\n{item}"))
    return results
out = run(chunks, "What?")
""",
    ),
    "a lambda": (
        12,
        """
q = lambda c: llm_query("Q: " + c)
out = [q(c) for c in chunks]
""",
    ),
    "a generator function of chunks": (
        12,
        """
def chunked(items, size):
    for i in range(0, len(items), size):
        yield items[i:i + size]
out = []
for part in chunked(chunks, 1):
    out.append(llm_query(part[0]))
""",
    ),
    "nested loops": (
        12,
        """
out = {}
for name in ["a", "b", "c"]:
    out[name] = []
    for i in range(4):
        out[name].append(llm_query(f"{name}{i}: {chunks[i]}"))
""",
    ),
    "nested comprehensions": (
        12,
        """
out = [[llm_query(f"{a}-{b}") for b in range(4)] for a in "xyz"]
""",
    ),
    "a second call that uses the first": (
        12,
        """
out = []
for c in chunks:
    first = llm_query(f"Extract: {c}")
    second = llm_query(f"Check: {first}")
    out.append((first, second))
""",
    ),
    "a chain of three": (
        12,
        """
out = []
for c in chunks:
    a = llm_query(f"a {c}")
    b = llm_query(f"b {a.strip()} {len(a)}")
    d = llm_query("\\n".join(["c", a, b]))
    out.append(d)
""",
    ),
    "a call inside of a call": (
        12,
        """
out = [llm_query(f"Check {llm_query(f'Extract {c}')}") for c in chunks]
""",
    ),
    "a second call if the first says so": (
        12,
        """
out = []
for i, c in enumerate(chunks):
    a = llm_query(f"Relevant? {c}")
    if "text 3" in a or "text 5" in a:
        a = llm_query(f"Why? {a}")
    out.append(a)
""",
    ),
    "a second call unless the first says no": (
        12,
        """
out = []
for c in chunks:
    a = llm_query(f"Relevant? {c}")
    if "text 7" in a:
        continue
    b = llm_query(f"Details: {a}")
    out.append(b if b else "nothing")
""",
    ),
    "a question again until it is good": (
        12,
        """
out = []
for c in chunks:
    for attempt in range(2):
        a = llm_query(f"{attempt}: {c}")
        if "text 4" not in a:
            break
    out.append(a)
""",
    ),
    "while over an index": (
        12,
        """
i, out = 0, []
while i < len(chunks):
    out.append(llm_query(chunks[i]))
    i += 1
""",
    ),
    "while over a position": (
        10,
        """
pos, out = 0, []
while pos < 500:
    end = min(pos + 50, 500)
    out.append(llm_query(text[pos:end]))
    pos = end
""",
    ),
    "while over a list that shrinks": (
        12,
        """
todo, out = list(chunks), []
while todo:
    c = todo.pop(0)
    out.append(llm_query(c))
""",
    ),
    "children": (
        12,
        """
out = []
for i, part in enumerate(context):
    out.append(rlm_query(f"Summarize part {i}", context=part))
""",
    ),
    "batches in a loop": (
        12,
        """
out = []
for i in range(0, 12, 4):
    out += llm_query_batched([f"> {c}" for c in chunks[i:i + 4]])
""",
    ),
    "two loops, one after the other": (
        24,
        """
first = []
for c in chunks:
    first.append(llm_query("1 " + c))
second = [llm_query("2 " + c) for c in chunks]
""",
    ),
    "calls one after the other": (
        3,
        """
a = llm_query("the beginning: " + context[0])
b = llm_query("the end: " + context[-1])
c = llm_query(f"the middle: {context[5]}")
print(a, b, c)
""",
    ),
    "a dict of prompts": (
        3,
        """
answers = {
    "who": llm_query("who? " + context[0]),
    "what": llm_query("what? " + context[0]),
    "when": llm_query("when? " + context[0]),
}
""",
    ),
    "rows that are changed": (
        12,
        """
for row in rows:
    row["label"] = llm_query(f"Label {row['text']}").strip()
    row["done"] = True
print(sum(row["done"] for row in rows))
""",
    ),
    "answers in a list of the same length": (
        12,
        """
answers = [None] * len(chunks)
for i, c in enumerate(chunks):
    if answers[i] is None:
        answers[i] = llm_query(c)
""",
    ),
    "another model": (
        12,
        """
out = [llm_query(c, model="small") for c in chunks]
""",
    ),
    "a schema": (
        12,
        """
out = []
for c in chunks:
    r = llm_query(c + " # json", schema={"label": str})
    out.append(r)
""",
    ),
}

ONE_AT_A_TIME: dict[str, str] = {
    "each prompt has the answer before it": """
summary = ""
for c in chunks:
    summary = llm_query(f"So far: {summary}\\nNow: {c}")
""",
    "each prompt has all answers before it": """
buffers = []
for c in chunks:
    buffers.append(llm_query(f"Known: {buffers}. Read: {c}"))
""",
    "each prompt has the last item of a list of answers": """
answers = [chunks[0]]
for i in range(5):
    answers.append(llm_query(f"Go on after: {answers[-1]}"))
""",
    "the list of prompts is the list of answers": """
out = chunks
for i in range(5):
    out[i + 1] = llm_query("again: " + chunks[i])
""",
    "an alias of the list that is read": """
prompts = chunks
results = prompts
for i in range(len(prompts)):
    results[(i + 1) % len(prompts)] = llm_query("again: " + prompts[i])
""",
    "the dict that is read is written": """
state = {"note": "none"}
for c in chunks:
    state["note"] = llm_query(f"{state['note']} {c}")
""",
    "a list in a list that is read is written": """
table = [["start"], []]
log = table[0]
for c in chunks:
    log.append(llm_query(f"{table} {c}"))
""",
    "a default argument that is read is written": """
def ask_more(c, log=[]):
    log.append(llm_query(f"{log} {c}"))
    return log[-1]
for c in chunks:
    ask_more(c)
""",
    "a global that a helper writes and reads": """
last = ""
def ask_next(c):
    global last
    last = llm_query(f"{last} {c}")
    return last
for c in chunks:
    ask_next(c)
""",
    "it stops when an answer says so": """
for c in chunks:
    answer = llm_query(c)
    if "text 3" in answer:
        break
""",
    "it stops at the first hit, in a function": """
def first(items):
    for c in items:
        if "text 4" in llm_query(c):
            return c
    return None
found = first(chunks)
""",
    "it stops when enough is found": """
found = []
for c in chunks:
    if "word" in llm_query(c):
        found.append(c)
    if len(found) >= 3:
        break
""",
    "it asks while too little is found": """
found = []
for c in chunks:
    if len(found) < 3:
        if "word word" in llm_query(c):
            found.append(c)
""",
    "the answer is used as a number": """
total = 0
for row in rows:
    total += int(llm_query(f"How many? # n: {row['id']}"))
""",
    "the answer is read as JSON": """
out = []
for c in chunks[:4]:
    out.append(json.loads(llm_query(c + " # json"))["label"])
""",
    "the answer is read as JSON, and only bad JSON is caught": """
out = []
for c in chunks[:4]:
    try:
        out.append(json.loads(llm_query(c + " # json"))["missing"])
    except json.JSONDecodeError:
        out.append(None)
""",
    "the third word of an answer": """
out = []
for c in chunks:
    out.append(llm_query(c).split()[2])
""",
    "an answer is unpacked": """
out = []
for c in chunks:
    head, tail = llm_query(c).split(":", 1)
    out.append(tail)
""",
    "a match that may be None": """
out = []
for row in rows:
    out.append(re.search(r"\\d+", llm_query(f"# n: {row['id']}")).group())
""",
    "an answer is a key that may be missing": """
names = {f"re:{c}": i for i, c in enumerate(chunks)}
out = []
for c in chunks:
    out.append(names[llm_query(c)])
""",
    "an answer is an index": """
out = []
for row in rows:
    n = llm_query(f"# n: {row['id']}")
    out.append(chunks[len(n)] if n.isdigit() else chunks.index(n))
""",
    "an assertion about an answer": """
for c in chunks:
    answer = llm_query(c)
    assert answer.startswith("re:")
""",
    "an exception if an answer is bad": """
for c in chunks:
    answer = llm_query(c)
    if "text 4" in answer:
        raise ValueError(answer)
""",
    "a try around the loop": """
try:
    for row in rows:
        last = int(llm_query(f"# n: {row['id']}"))
except ValueError:
    print("stopped")
""",
    "a try around a long loop": """
try:
    for i in range(60):
        last = int(llm_query(f"# n: {i}"))
except ValueError:
    print("stopped")
""",
    "a handler that ends the loop, for a bad answer": """
for row in rows:
    try:
        n = int(llm_query(f"# n: {row['id']}"))
    except ValueError:
        break
""",
    "any of a generator": """
found = any("text 3" in llm_query(c) for c in chunks)
""",
    "all of a generator": """
good = all("text 3" not in llm_query(c) for c in chunks)
""",
    "next of a generator": """
first = next((c for c in chunks if "text 3" in llm_query(c)), None)
""",
    "while an answer says so": """
answer, rounds = "go", 0
while "go" in answer and rounds < 5:
    answer = llm_query(f"round {rounds}: {'go' if rounds < 3 else 'stop'}")
    rounds += 1
""",
    "while over a queue that answers fill": """
queue, asked = [chunks[0]], 0
while queue and asked < 4:
    answer = llm_query(queue.pop())
    queue.extend(answer.split(": "))
    asked += 1
""",
    "a recursion into answers": """
def refine(text, depth):
    return text if depth == 0 else refine(llm_query(f"Refine {text}"), depth - 1)
out = refine("start", 4)
""",
    "a class of the code's own": """
class Agent:
    def __init__(self):
        self.memory = []
    def ask(self, c):
        self.memory.append(llm_query(f"{self.memory} {c}"))
agent = Agent()
for c in chunks:
    agent.ask(c)
""",
    "items whose text is made by the code": """
class Item:
    calls = 0
    def __str__(self):
        Item.calls += 1
        return f"item {Item.calls}"
items = [Item() for _ in range(4)]
for item in items:
    llm_query(f"What is {item}?")
""",
    "a list of the code's own": """
class Noisy(list):
    def __iter__(self):
        for item in list.__iter__(self):
            print("next")
            yield item
for c in Noisy(chunks[:4]):
    llm_query(c)
""",
    "random prompts": """
import random
random.seed(7)
for c in chunks[:4]:
    llm_query(f"{random.random()}: {c}")
drawn = random.random()
""",
    "the time in the prompt": """
for c in chunks[:4]:
    llm_query(f"{time.perf_counter() >= 0}: {c}")
""",
    "an iterator that is half used": """
it = iter(chunks)
next(it)
for c in it:
    llm_query(c)
left = list(it)
""",
    "a reduction": """
from functools import reduce
out = reduce(lambda so_far, c: llm_query(so_far + c), chunks[:4], "")
""",
    "a decorated helper": """
from functools import lru_cache
@lru_cache(maxsize=None)
def cached(c):
    return llm_query(c)
out = [cached(c) for c in chunks[:4]]
""",
    "a threshold that answers move": """
best = ""
for c in chunks:
    if len(c) > len(best):
        best = llm_query(c)
""",
    "a helper that calls something unknown": """
import datetime
for c in chunks[:4]:
    now = datetime.datetime.now()
    llm_query(c)
    is_later = datetime.datetime.now() >= now
del now
""",
}
"""Each with the reason in its name."""

NO_FURTHER: dict[str, str] = {
    "a count behind a condition of a comprehension": """
n = 0
def counted(p):
    global n
    n += 1
    return llm_query(p)
x = [counted("z") for c in chunks if "yes" in llm_query(f"{n} {c}")]
""",
    "a list behind a condition of a generator": """
seen = []
def noted(p):
    seen.append(p)
    return llm_query(p)
x = sum(1 for c in chunks if "yes" in llm_query(f"{len(seen)} {c}") and noted(c))
""",
    "a second condition that counts": """
n = 0
def counted():
    global n
    n += 1
    return True
x = [c for c in chunks if "yes" in llm_query(f"{n} {c}") if counted()]
""",
    "three of an iterator": """
x = list(itertools.islice((llm_query(c) for c in chunks), 3))
""",
    "a slice in the middle of an iterator": """
x = list(itertools.islice(map(llm_query, chunks), 2, 5))
""",
    "a sum that fails with the first": """
x = sum(llm_query(c) for c in chunks)
""",
    "a set that fails with the first": """
x = set([llm_query(c)] for c in chunks)
""",
    "a set comprehension that fails with the first": """
x = {[llm_query(c)] for c in chunks}
""",
    "a dict comprehension that fails with the first": """
x = {[c]: llm_query(c) for c in chunks}
""",
    "a dict of what are no pairs": """
x = dict([llm_query(c)] for c in chunks)
""",
    "an update with what are no pairs": """
d = {}
d.update([llm_query(c)] for c in chunks)
""",
    "pairs that may be none": """
d = {}
for c in chunks:
    d.update([line.split(':') for line in llm_query(c).split() if line])
""",
    "a counter of lists": """
x = Counter()
for c in chunks:
    x.update([[llm_query(c)]])
""",
    "the greatest of what cannot be compared": """
x = max(llm_query(c) if i % 2 else None for i, c in enumerate(chunks))
""",
    "the least by a key that cannot be compared": """
x = min(chunks, key=lambda c: [llm_query(c)] if c < 'text 3' else None)
""",
    "the greatest, its key asked between the items": """
x = max((llm_query(c) for c in chunks), key=lambda a: llm_query('k' + a))
""",
    "too many to unpack": """
a, b = (llm_query(c) for c in chunks)
""",
    "too many to unpack, of a generator function": """
def each():
    for c in chunks:
        yield llm_query(c)
a, b = each()
""",
    "the first of a chain": """
x = next(itertools.chain((llm_query(c) for c in chunks), [1]))
""",
    "the first group": """
for k, g in itertools.groupby(map(llm_query, chunks)):
    break
""",
    "what is never taken": """
jobs = []
jobs.append(llm_query(c) for c in chunks)
llm_query('z')
llm_query('y')
""",
    "iterators that are put away": """
jobs = []
for c in chunks:
    jobs.append(map(llm_query, [c]))
llm_query('z')
llm_query('y')
""",
    "the length of an iterator": """
for c in chunks:
    llm_query(c)
    n = len(map(str, [llm_query('b' + c)]))
""",
    "an iterator is no list": """
for c in chunks:
    x = map(ask, [c])
    llm_query(f'{isinstance(x, list)} {c}')
""",
    "the text of what is in a dict": """
d = {'a': 1}
for c in chunks:
    llm_query(str(d.items()) + c)
""",
    "an item in the middle of an iterator": """
x = 're:' + chunks[2] in (llm_query(c) for c in chunks)
""",
    "groups that are used up": """
g = dict(itertools.groupby(chunks, key=len))
for k in g:
    llm_query(f'{k} {list(g[k])}')
""",
    "effects of items that any does not look at": """
log = []
x = any(log.append(c) or 'text 3' in llm_query(c) for c in chunks)
for c in chunks:
    llm_query(f'{log} {c}')
""",
    "effects of answers that any does not look at": """
got, log = [llm_query(c) for c in chunks], []
x = any(log.append(a) or 'text 3' in a for a in got)
for c in chunks:
    llm_query(f'{len(log)} {c}')
""",
    "attempts that all fail, for what is made of the answer": """
for c in chunks:
    done = False
    for attempt in range(6):
        try:
            n = llm_query(f"{attempt} {c}") + 1
            done = True
            break
        except Exception:
            pass
    if done:
        llm_query("never " + c)
""",
    "a print that fails": """
print(*(llm_query(c) for c in chunks), sep=3)
llm_query('never')
""",
    "a colon more than there are variables": """
for c in chunks:
    for line in llm_query('l: ' + c).splitlines():
        if ':' in line:
            k, v = line.split(':')
""",
    "a colon that is taken away": """
for c in chunks:
    a = llm_query(c)
    ':' in a and (a := a[:1]) and a.split(':', 1)[1]
""",
    "a text of another case": """
for c in chunks:
    a = llm_query(c)
    if 'x' in a:
        a = a.upper()
        k, v = a.split('x', 1)
""",
    "a version is no number": """
for c in chunks:
    m = re.search(r'(\\d+\\.)*\\d+', llm_query('# n: 1') + '.2.3')
    x = float(m.group()) if m else 0
""",
    "a digit that is no number": """
for c in chunks:
    a = llm_query(c[:0] + '# n: 1') + '\\u00b2'
    if a.isdigit():
        x = int(a)
""",
    "attributes that are made when they are read": """
class Box:
    kind, made, shared = "box", 0, []
    def __init__(self, v):
        self.v, self.log = v, []
    @property
    def loud(self):
        self.log.append("asked")
        return self.v.upper()
class Odd:
    seen = 0
    def __getattr__(self, name):
        Odd.seen += 1
        return f"{name} {Odd.seen}"
class Kept:
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value + "!")
class Field:
    reads = 0
    def __get__(self, owner, of=None):
        Field.reads += 1
        return f"read {Field.reads}"
    def __set__(self, owner, value):
        pass
class HasField:
    field = Field()
class Silent:
    looks = 0
    def __bool__(self):
        Silent.looks += 1
        return True
    def __eq__(self, other):
        Silent.looks += 1
        return True
    def __contains__(self, item):
        Silent.looks += 1
        return True
box, other, odd, kept, has_field, silent = Box("b"), Box("c"), Odd(), Kept(), HasField(), Silent()
other.log = box.log
for c in chunks:
    llm_query(odd.name + c)
""",
    "attributes that are changed when they are set": """
class Box:
    kind, made, shared = "box", 0, []
    def __init__(self, v):
        self.v, self.log = v, []
    @property
    def loud(self):
        self.log.append("asked")
        return self.v.upper()
class Odd:
    seen = 0
    def __getattr__(self, name):
        Odd.seen += 1
        return f"{name} {Odd.seen}"
class Kept:
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value + "!")
class Field:
    reads = 0
    def __get__(self, owner, of=None):
        Field.reads += 1
        return f"read {Field.reads}"
    def __set__(self, owner, value):
        pass
class HasField:
    field = Field()
class Silent:
    looks = 0
    def __bool__(self):
        Silent.looks += 1
        return True
    def __eq__(self, other):
        Silent.looks += 1
        return True
    def __contains__(self, item):
        Silent.looks += 1
        return True
box, other, odd, kept, has_field, silent = Box("b"), Box("c"), Odd(), Kept(), HasField(), Silent()
other.log = box.log
for c in chunks:
    kept.x = c
    llm_query(kept.x)
""",
    "a descriptor": """
class Box:
    kind, made, shared = "box", 0, []
    def __init__(self, v):
        self.v, self.log = v, []
    @property
    def loud(self):
        self.log.append("asked")
        return self.v.upper()
class Odd:
    seen = 0
    def __getattr__(self, name):
        Odd.seen += 1
        return f"{name} {Odd.seen}"
class Kept:
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value + "!")
class Field:
    reads = 0
    def __get__(self, owner, of=None):
        Field.reads += 1
        return f"read {Field.reads}"
    def __set__(self, owner, value):
        pass
class HasField:
    field = Field()
class Silent:
    looks = 0
    def __bool__(self):
        Silent.looks += 1
        return True
    def __eq__(self, other):
        Silent.looks += 1
        return True
    def __contains__(self, item):
        Silent.looks += 1
        return True
box, other, odd, kept, has_field, silent = Box("b"), Box("c"), Odd(), Kept(), HasField(), Silent()
other.log = box.log
for c in chunks:
    has_field.field = c
    llm_query(has_field.field + c)
""",
    "an attribute of a class, set": """
class Box:
    kind, made, shared = "box", 0, []
    def __init__(self, v):
        self.v, self.log = v, []
    @property
    def loud(self):
        self.log.append("asked")
        return self.v.upper()
class Odd:
    seen = 0
    def __getattr__(self, name):
        Odd.seen += 1
        return f"{name} {Odd.seen}"
class Kept:
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value + "!")
class Field:
    reads = 0
    def __get__(self, owner, of=None):
        Field.reads += 1
        return f"read {Field.reads}"
    def __set__(self, owner, value):
        pass
class HasField:
    field = Field()
class Silent:
    looks = 0
    def __bool__(self):
        Silent.looks += 1
        return True
    def __eq__(self, other):
        Silent.looks += 1
        return True
    def __contains__(self, item):
        Silent.looks += 1
        return True
box, other, odd, kept, has_field, silent = Box("b"), Box("c"), Odd(), Kept(), HasField(), Silent()
other.log = box.log
for c in chunks:
    Box.made += 1
    llm_query(f'{Box.made} {box.made} {c}')
""",
    "an attribute that hides that of its class": """
class Box:
    kind, made, shared = "box", 0, []
    def __init__(self, v):
        self.v, self.log = v, []
    @property
    def loud(self):
        self.log.append("asked")
        return self.v.upper()
class Odd:
    seen = 0
    def __getattr__(self, name):
        Odd.seen += 1
        return f"{name} {Odd.seen}"
class Kept:
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value + "!")
class Field:
    reads = 0
    def __get__(self, owner, of=None):
        Field.reads += 1
        return f"read {Field.reads}"
    def __set__(self, owner, value):
        pass
class HasField:
    field = Field()
class Silent:
    looks = 0
    def __bool__(self):
        Silent.looks += 1
        return True
    def __eq__(self, other):
        Silent.looks += 1
        return True
    def __contains__(self, item):
        Silent.looks += 1
        return True
box, other, odd, kept, has_field, silent = Box("b"), Box("c"), Odd(), Kept(), HasField(), Silent()
other.log = box.log
for c in chunks:
    box.kind = c
    llm_query(f'{Box.kind} {box.kind} {other.kind}')
""",
    "a list that all objects share": """
class Box:
    kind, made, shared = "box", 0, []
    def __init__(self, v):
        self.v, self.log = v, []
    @property
    def loud(self):
        self.log.append("asked")
        return self.v.upper()
class Odd:
    seen = 0
    def __getattr__(self, name):
        Odd.seen += 1
        return f"{name} {Odd.seen}"
class Kept:
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value + "!")
class Field:
    reads = 0
    def __get__(self, owner, of=None):
        Field.reads += 1
        return f"read {Field.reads}"
    def __set__(self, owner, value):
        pass
class HasField:
    field = Field()
class Silent:
    looks = 0
    def __bool__(self):
        Silent.looks += 1
        return True
    def __eq__(self, other):
        Silent.looks += 1
        return True
    def __contains__(self, item):
        Silent.looks += 1
        return True
box, other, odd, kept, has_field, silent = Box("b"), Box("c"), Odd(), Kept(), HasField(), Silent()
other.log = box.log
for c in chunks:
    box.shared.append(c)
    llm_query(f'{Box.shared[-1]} {len(other.shared)}')
""",
    "a list that two objects share": """
class Box:
    kind, made, shared = "box", 0, []
    def __init__(self, v):
        self.v, self.log = v, []
    @property
    def loud(self):
        self.log.append("asked")
        return self.v.upper()
class Odd:
    seen = 0
    def __getattr__(self, name):
        Odd.seen += 1
        return f"{name} {Odd.seen}"
class Kept:
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value + "!")
class Field:
    reads = 0
    def __get__(self, owner, of=None):
        Field.reads += 1
        return f"read {Field.reads}"
    def __set__(self, owner, value):
        pass
class HasField:
    field = Field()
class Silent:
    looks = 0
    def __bool__(self):
        Silent.looks += 1
        return True
    def __eq__(self, other):
        Silent.looks += 1
        return True
    def __contains__(self, item):
        Silent.looks += 1
        return True
box, other, odd, kept, has_field, silent = Box("b"), Box("c"), Odd(), Kept(), HasField(), Silent()
other.log = box.log
for c in chunks:
    box.log.append(llm_query(f'{other.log} {c}'))
""",
    "a property with an effect": """
class Box:
    kind, made, shared = "box", 0, []
    def __init__(self, v):
        self.v, self.log = v, []
    @property
    def loud(self):
        self.log.append("asked")
        return self.v.upper()
class Odd:
    seen = 0
    def __getattr__(self, name):
        Odd.seen += 1
        return f"{name} {Odd.seen}"
class Kept:
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value + "!")
class Field:
    reads = 0
    def __get__(self, owner, of=None):
        Field.reads += 1
        return f"read {Field.reads}"
    def __set__(self, owner, value):
        pass
class HasField:
    field = Field()
class Silent:
    looks = 0
    def __bool__(self):
        Silent.looks += 1
        return True
    def __eq__(self, other):
        Silent.looks += 1
        return True
    def __contains__(self, item):
        Silent.looks += 1
        return True
box, other, odd, kept, has_field, silent = Box("b"), Box("c"), Odd(), Kept(), HasField(), Silent()
other.log = box.log
for c in chunks:
    llm_query(box.loud + c + str(len(other.log)))
""",
    "truth that has an effect": """
class Box:
    kind, made, shared = "box", 0, []
    def __init__(self, v):
        self.v, self.log = v, []
    @property
    def loud(self):
        self.log.append("asked")
        return self.v.upper()
class Odd:
    seen = 0
    def __getattr__(self, name):
        Odd.seen += 1
        return f"{name} {Odd.seen}"
class Kept:
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value + "!")
class Field:
    reads = 0
    def __get__(self, owner, of=None):
        Field.reads += 1
        return f"read {Field.reads}"
    def __set__(self, owner, value):
        pass
class HasField:
    field = Field()
class Silent:
    looks = 0
    def __bool__(self):
        Silent.looks += 1
        return True
    def __eq__(self, other):
        Silent.looks += 1
        return True
    def __contains__(self, item):
        Silent.looks += 1
        return True
box, other, odd, kept, has_field, silent = Box("b"), Box("c"), Odd(), Kept(), HasField(), Silent()
other.log = box.log
for c in chunks:
    llm_query(c if silent else '')
    llm_query(f'{Silent.looks}')
""",
    "equality that has an effect": """
class Box:
    kind, made, shared = "box", 0, []
    def __init__(self, v):
        self.v, self.log = v, []
    @property
    def loud(self):
        self.log.append("asked")
        return self.v.upper()
class Odd:
    seen = 0
    def __getattr__(self, name):
        Odd.seen += 1
        return f"{name} {Odd.seen}"
class Kept:
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value + "!")
class Field:
    reads = 0
    def __get__(self, owner, of=None):
        Field.reads += 1
        return f"read {Field.reads}"
    def __set__(self, owner, value):
        pass
class HasField:
    field = Field()
class Silent:
    looks = 0
    def __bool__(self):
        Silent.looks += 1
        return True
    def __eq__(self, other):
        Silent.looks += 1
        return True
    def __contains__(self, item):
        Silent.looks += 1
        return True
box, other, odd, kept, has_field, silent = Box("b"), Box("c"), Odd(), Kept(), HasField(), Silent()
other.log = box.log
for c in chunks:
    llm_query(f'{silent == c} {[silent].index(c)} {c in [silent]} {Silent.looks} {c}')
""",
    "the dict of an object": """
class Box:
    kind, made, shared = "box", 0, []
    def __init__(self, v):
        self.v, self.log = v, []
    @property
    def loud(self):
        self.log.append("asked")
        return self.v.upper()
class Odd:
    seen = 0
    def __getattr__(self, name):
        Odd.seen += 1
        return f"{name} {Odd.seen}"
class Kept:
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value + "!")
class Field:
    reads = 0
    def __get__(self, owner, of=None):
        Field.reads += 1
        return f"read {Field.reads}"
    def __set__(self, owner, value):
        pass
class HasField:
    field = Field()
class Silent:
    looks = 0
    def __bool__(self):
        Silent.looks += 1
        return True
    def __eq__(self, other):
        Silent.looks += 1
        return True
    def __contains__(self, item):
        Silent.looks += 1
        return True
box, other, odd, kept, has_field, silent = Box("b"), Box("c"), Odd(), Kept(), HasField(), Silent()
other.log = box.log
for c in chunks:
    vars(box)['v'] = c
    llm_query(box.v)
""",
    "an object with an answer on one way": """
class Box:
    kind, made, shared = "box", 0, []
    def __init__(self, v):
        self.v, self.log = v, []
    @property
    def loud(self):
        self.log.append("asked")
        return self.v.upper()
class Odd:
    seen = 0
    def __getattr__(self, name):
        Odd.seen += 1
        return f"{name} {Odd.seen}"
class Kept:
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value + "!")
class Field:
    reads = 0
    def __get__(self, owner, of=None):
        Field.reads += 1
        return f"read {Field.reads}"
    def __set__(self, owner, value):
        pass
class HasField:
    field = Field()
class Silent:
    looks = 0
    def __bool__(self):
        Silent.looks += 1
        return True
    def __eq__(self, other):
        Silent.looks += 1
        return True
    def __contains__(self, item):
        Silent.looks += 1
        return True
box, other, odd, kept, has_field, silent = Box("b"), Box("c"), Odd(), Kept(), HasField(), Silent()
other.log = box.log
for c in chunks:
    a = llm_query(c)
    if 'text 3' in a:
        box.v = a
    llm_query(box.v + c)
""",
    "objects of which it is not known how many": """
class Box:
    kind, made, shared = "box", 0, []
    def __init__(self, v):
        self.v, self.log = v, []
    @property
    def loud(self):
        self.log.append("asked")
        return self.v.upper()
class Odd:
    seen = 0
    def __getattr__(self, name):
        Odd.seen += 1
        return f"{name} {Odd.seen}"
class Kept:
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value + "!")
class Field:
    reads = 0
    def __get__(self, owner, of=None):
        Field.reads += 1
        return f"read {Field.reads}"
    def __set__(self, owner, value):
        pass
class HasField:
    field = Field()
class Silent:
    looks = 0
    def __bool__(self):
        Silent.looks += 1
        return True
    def __eq__(self, other):
        Silent.looks += 1
        return True
    def __contains__(self, item):
        Silent.looks += 1
        return True
box, other, odd, kept, has_field, silent = Box("b"), Box("c"), Odd(), Kept(), HasField(), Silent()
other.log = box.log
boxes = []
for c in chunks:
    a = llm_query(c)
    if 'text 3' in a:
        boxes.append(Box(a))
    llm_query(f'{len(boxes)} {c}')
""",
    "an attribute that is not there": """
class Box:
    kind, made, shared = "box", 0, []
    def __init__(self, v):
        self.v, self.log = v, []
    @property
    def loud(self):
        self.log.append("asked")
        return self.v.upper()
class Odd:
    seen = 0
    def __getattr__(self, name):
        Odd.seen += 1
        return f"{name} {Odd.seen}"
class Kept:
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value + "!")
class Field:
    reads = 0
    def __get__(self, owner, of=None):
        Field.reads += 1
        return f"read {Field.reads}"
    def __set__(self, owner, value):
        pass
class HasField:
    field = Field()
class Silent:
    looks = 0
    def __bool__(self):
        Silent.looks += 1
        return True
    def __eq__(self, other):
        Silent.looks += 1
        return True
    def __contains__(self, item):
        Silent.looks += 1
        return True
box, other, odd, kept, has_field, silent = Box("b"), Box("c"), Odd(), Kept(), HasField(), Silent()
other.log = box.log
for c in chunks:
    llm_query(c)
    box.nothing
""",
    "an object that holds itself": """
class Box:
    kind, made, shared = "box", 0, []
    def __init__(self, v):
        self.v, self.log = v, []
    @property
    def loud(self):
        self.log.append("asked")
        return self.v.upper()
class Odd:
    seen = 0
    def __getattr__(self, name):
        Odd.seen += 1
        return f"{name} {Odd.seen}"
class Kept:
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value + "!")
class Field:
    reads = 0
    def __get__(self, owner, of=None):
        Field.reads += 1
        return f"read {Field.reads}"
    def __set__(self, owner, value):
        pass
class HasField:
    field = Field()
class Silent:
    looks = 0
    def __bool__(self):
        Silent.looks += 1
        return True
    def __eq__(self, other):
        Silent.looks += 1
        return True
    def __contains__(self, item):
        Silent.looks += 1
        return True
box, other, odd, kept, has_field, silent = Box("b"), Box("c"), Odd(), Kept(), HasField(), Silent()
other.log = box.log
for c in chunks:
    box.me = box
    box.me.me.v = c
    llm_query(box.v)
""",
    "a list of an answer's words that is changed by another name": """
for c in chunks[:4]:
    words = llm_query(c).split()
    kept = [words]
    if "2" in llm_query("x" + c):
        words = []
    words.append("more")
    llm_query(str(kept))
""",
    "lists in a list of which it is not known what is in it": """
for c in chunks[:4]:
    inner, words = ["a"], llm_query(c).split()
    lists = [inner, words]
    if "2" in llm_query("x" + c):
        lists.append([])
    for one in lists:
        one.append("more")
    llm_query(f"{inner} {words}")
""",
    "a list in a dict whose keys are answers": """
groups = {}
for c in chunks[:4]:
    members = [c]
    groups[llm_query("x" + c)] = members
    for group in groups.values():
        group.append("more")
    llm_query(str(members))
""",
    "rows that answers have chosen are changed": """
for c in chunks[:4]:
    some = [{"text": c}, {"text": "z"}]
    for row in [row for row in some if "2" in llm_query(c + row["text"])]:
        row["text"] = "changed"
    llm_query(str(some))
""",
    "lists that answers have chosen are changed": """
for c in chunks[:4]:
    some = [[c], ["z"]]
    for one in list(one for one in some if "2" in llm_query(c + one[0])):
        one.append("changed")
    llm_query(str(some))
""",
    "a format that large numbers do not have": """
for c in chunks:
    print(f"{len(llm_query(c)) * 100_000:c}")
""",
    "an option of a regular expression by place and by name": """
for c in chunks:
    re.sub("a", "b", llm_query(c), 1, count=1)
""",
    "an index that the handlers do not expect": """
for c in chunks:
    try:
        print(json.loads(llm_query(c) and "[]")[0])
    except (KeyError, TypeError):
        print("no item")
""",
}
"""Programs that do not go as far as one could think, or not where: no call of theirs is superfluous."""
