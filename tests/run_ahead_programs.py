"""Random programs with sub-calls: loops, conditions, chains, helpers, exceptions, aliases; most make little sense.

A program is text, made with a source of randomness. It may fail anywhere; it does not run for ever. Its calls are
answered by `answer_of`, whose answers depend on the prompt only.
"""

from __future__ import annotations

import hashlib
import textwrap
from random import Random

REPLIES = (
    "yes", "no", "12", "7", "a b c", "", "x: y", "- one\n- two", '{"k": 1}', "[1, 2]", "maybe", "0", "Yes, 3 of 10",
    "a, b", "k1", "c3 ab",
)  # fmt: skip


def _number(text: str) -> int:
    return int(hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest(), 16)


def answer_of(prompt: str) -> str:
    """The answer to a prompt: one of a few, or the end of the prompt."""
    number = _number(prompt)
    return REPLIES[(number >> 8) % len(REPLIES)] if (number >> 3) % 4 else prompt[-12:]


def fails(prompt: str, one_in: int) -> bool:
    """Does the call with this prompt fail? `one_in`: about how rarely; 0: never."""
    return bool(one_in) and _number(f"fails {prompt}") % one_in == 0


SETUP = """\
import re, json
from collections import Counter, defaultdict, namedtuple
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, groupby, islice
@dataclass
class Note:
    text: str
    tags: list = field(default_factory=list)
class Box:
    sign = "#"
    def __init__(self, text, log=None):
        self.text, self.n, self.last = text, 0, ""
        self.log = [] if log is None else log
    @property
    def loud(self):
        return self.text.upper() + self.sign
    def ask(self, prompt):
        self.n += 1
        self.last = llm_query(f"{self.text} {prompt}")
        return self.last
    def keep(self, answer):
        self.log.append(answer)
        return len(self.log)
Pair = namedtuple("Pair", "left right")
box, pair, notes = Box("b0"), Pair("p0", 1), []
other, boxes = Box("b1", box.log), [box]
chunks = ["c%d ab" % i for i in range(5)]
rows = [{"id": i, "text": "t%d" % i} for i in range(4)]
docs = {"k1": "d1", "k2": "d2", "k3": "yes"}
out, table, seen, counts, groups, tally = [], {}, set(), Counter(), defaultdict(list), {}
s, a, n, i, k, c, x, last, row = "s", "a", 0, 0, "k1", "c0", None, "", rows[0]
nested, picked, by, lists = [["n0"], ["n1"], ["n2"]], [], {}, {}
def part(xs, k):
    for j in range(0, len(xs), k):
        yield xs[j]
"""

LOCALS = """\
    n = i = 0
    s, a, k, out, table, row, seen, x, last = "s", "a", "k1", [], {}, dict(rows[1]), set(), None, ""
    box, pair, notes = other, Pair("l", 2), []
    nested, picked, by, lists = [["n3"], ["n4"]], [], {}, {}
    prompts = list(chunks)
"""

GLOBALS = (
    "chunks, rows, docs, prompts, out, table, seen, s, a, n, i, k, c, x, last, row, m, line, attempt, j0, "
    "box, pair, notes, nested, picked, by, lists"
)

ITEMS = (
    "c", 'row["text"]', "i", "c[:5]", "s", "str(i)", "k", 'row["id"]', 'docs.get(k, "")', "chunks[i % len(chunks)]",
    "prompts[i % len(prompts)]", "box.text", "boxes[-1].loud", "pair.left", "box.sign", "nested", "rows", "picked",
)  # fmt: skip
OF_ANSWERS = (
    "a", "s", "a.strip()", "a[:3]", "a.upper()", 'a.split(",")[0]', '(a or "none")', '("y" if "yes" in a else "n")',
    's.replace("a", "b")', '",".join(sorted(a))', "[w for w in a.split() if w]", 'a.partition(":")[0]', "repr(a)",
    "len(a.splitlines())", 're.findall("[0-9]+", a)', 're.sub("[aeiou]", "_", a)',
)  # fmt: skip
OTHERS = (
    "n", "len(a)", "i + 1", 'a.count("a")', "min(i, 3)", "sorted(seen)", "max(len(x) for x in chunks)", "len(out)",
    "out[-1:]", 'table.get(str(k), "")', "sum(counts.values())", "[c, i]",
    "box.n", "other.log", "len(notes)", "next((c for c in chunks if str(i) in c), None)", "pair.right", "box.last",
    "list(islice(chunks, 2))", "[k for k, g in groupby(chunks, key=len)]",
)  # fmt: skip
TEXTS = (
    "f'''p {%}'''", "'A ' + str(%)", "'%s|%s' % (%, %)", "'{} {x}'.format(%, x=%)", "f'''{%} {len(out)}'''",
    "f'''{%} {out[-1:]}'''", "'-'.join(['x', str(%)])", "f'''{%} {n}'''", "str(%)", "f'''q {%} {%}'''",
    "f'''{%} {table.get(str(%), 0)}'''",
)  # fmt: skip
CALLS = (
    "llm_query($)", "llm_query($)", "llm_query($)", "llm_query($)", 'llm_query($, model="m")',
    "box.ask($)", "Box(c).ask($)", "partial(llm_query, model='m')($)",
    "rlm_query($, context=c)", "llm_query_batched([$, $])[0]", 'llm_map(["u", "v"], "p {item}")[1]',
)  # fmt: skip
CONDITIONS = (
    "i % 2", '"yes" in a', "len(c) > 3", "len(out) > 4", "a", "not a", "i == 3", "k in table", "c not in seen",
    'a.startswith("y")', "n > 2", 'a == "no"', "s", "a is None", 'row["id"] != 2 and "x" in a', "i < 2 or a",
    "out and out[-1] == a", "0 < i < 3", "isinstance(a, str)", "len(a) < 3 <= i", "a in table",
)  # fmt: skip
HARMLESS = (
    "out.append(a)", "out.append((i, a))", "table[c] = a", "table[a] = i", "print(i, a)", "print(c)", "n += 1",
    "s += a", "s = s + c", "s = a", "seen.add(c)", "counts[a] += 1", "counts[c] += 1", "groups[a].append(c)",
    "groups[k].append(a)", "tally[a] = tally.get(a, 0) + 1", 'out.append({"i": i, "a": a})', 'row["a"] = a',
    'row.setdefault("l", []).append(a)', "out.extend(a.split())", "out += [a]", 'rows[0]["text"] = a', "chunks[0] = a",
    "len(prompts) < 9 and prompts.append(a)", "out.insert(0, a)", "a = a.strip().lower()", "a = None", "n = len(out)",
    "table.update({k: a})", "out.sort(key=str)", "out = [a]", "prompts = out[:5] or ['z']", "prompts = list(prompts)",
    "a = 'z' + str(a)", "s = ''", "seen = set(seen)", "seen.add(a)", "x = [w.strip() for w in a.split(',')]",
    "x = {w: 1 for w in a.split()}", "print(f'{a:>5}|{i:03d}')", "out.append(sum(1 for w in a.split() if w))",
    "n = sum(len(w) for w in a.split())", "print(len(out), end=' ')",
    "m = re.search(r'(\\d+) of', a); n = int(m.group(1)) if m else n", "n = max(n, i)", "out.append(a in seen)",
    "last = out[-1] if out else ''", "x = list(groups)", "out.append(sorted(groups[k]))", "x = dict(tally)",
    "n += len(re.findall('a', a))", "x = [row, row]; x[0]['l2'] = a", "x = (a, *out[:2]); out.append(x[-1])",
    "box.last = a", "box.n += 1", "box.keep(a)", "boxes.append(Box(str(c)))", "box = Box(str(c))", "box.text = str(a)",
    "print(box.n, box.last, len(box.log))", "notes.append(Note(a))", "notes.append(Note(c, [a]))", "seen |= {c}",
    "pair = Pair(c, a)", "k, s = str(a) + ':', 'z'; x, m = k.split(':', 1)", "seen |= {str(a)}", "out += str(a)",
    "print(len(notes), len(boxes))", "box = boxes[0]", "other.log.append(i)", "seen -= {'yes'}",
    "docs |= {str(k): 'd'}", "if ':' in str(a): k, s = str(a).split(':', 1)", "x = [n.text for n in notes]",
    "pair = pair._replace(left=c)", "x = dict(w.split(':', 1) for w in str(a).split() if ':' in w)",
    "x = list(islice(out, 2))", "for x, m in re.findall('(.)(.)', str(a)): out.append(x)",
    "m = re.search('[0-9]+', str(a)); n = float(m[0]) if m else n",
    # Lists and dicts that are changed by way of something in which they may be.
    "picked.append(row)", "if a: picked.append(row)", "picked = [r for r in rows if str(r['id']) in str(a)]",
    "for x in picked: x['text'] = str(i)", "for x in nested[:len(str(a)) % 3]: x.append('s')",
    "nested[len(str(a)) % 2].append(i)", "x = (nested[0],) if a else (nested[1],); x[0].append('t')",
    "for x in ((nested[0],) if 'y' in str(a) else (nested[1],)): x.append('u')", "by[str(a)] = row",
    "for x in by.values(): x['w'] = a", "lists.setdefault(str(a), []).append(row)",
    "lists.setdefault(str(a), nested[0]).append(i)", "for x in lists.values(): x.append({})",
    "for x in lists.values(): x and isinstance(x[0], dict) and x[0].update(z=i)",
    "x = nested[:len(str(a)) % 2 + 1]; nested[0].append('v')", "x = by.get(str(a)) or rows[0]; x['text'] = 'o'",
    "x = rows + [{'text': a}]; x[0]['text'] = 'p'", "x = (row, a); picked += [x[0]]", "picked = picked[:i]",
    "x = sorted(nested, key=lambda y: len(str(a)) * len(y)); x[0].append('w')",
    "picked = [*picked, *rows[:len(str(a)) % 2]]",
)  # fmt: skip
RISKY = (
    "n += int(a)", "n = int(a.strip())", "a = json.loads(a)['k']", "s = a.split()[1]", "out.append(chunks[int(a)])",
    "k, s = a.split(':')", "n = table[a]", "out.append(a[0])", "n = len(json.loads(a))", "assert a",
    "out.append(float(a))", "s = str(json.loads(a))", "n = 10 // len(a)", "raise ValueError(a)", "n = a.index('a')",
    "s = docs[a]", "box.gone", "k, s = str(a).split(':')", "out.pop()", "del table[k]", "n = out.index(a)",
    "seen.remove(a)",
)  # fmt: skip
HEADS = (
    "for i, c in enumerate(chunks):", "for c in chunks:", "for i in range(len(chunks)):", "for k, c in docs.items():",
    "for i, row in enumerate(rows):", "for c, row in zip(chunks, rows):", "for c in sorted(chunks, key=str):",
    "for i in range(0, 6, 2):", "for c in list(seen):", "for k in docs:", "for c in list(prompts):",
    "for row in rows[1:]:", "for c in out[:3]:", "for i in range(2):", "for c in (str(x).strip() for x in chunks):",
    "for c in part(chunks, 2):", "while ...:", "for i, (c, row) in enumerate(zip(chunks, rows)):",
    "for a in items(chunks):", "for c in [chunks[0], *chunks[2:]]:", "for i in (0, 1):", "for c in reversed(chunks):",
    "for k, c in sorted(docs.items(), reverse=True):", "for c, *x in [('p', 1), ('q', 2, 3)]:", "for c in set(docs):",
    "for c in filter(None, chunks):", "for row in (r for r in rows if r['id']):", "for i in range(min(len(out), 5)):",
)  # fmt: skip
INNER_HEADS = ("for line in a.splitlines():", "for line in str(a).split():", "for line in re.findall('[a-c]', a):")
INNER_BODIES = (
    "if line: out.append(line)", "n += 1", "s = line", "tally[line] = tally.get(line, 0) + 1",
    "if line == 'b': break", "out.append(line.strip('- '))", "seen.add(line); n += len(line)",
)  # fmt: skip
EXPRESSIONS = (
    "out = [@ for c in chunks]", "out = [@ for i, c in enumerate(chunks) if i % 2]", "x = {c: @ for c in chunks}",
    "x = {@ for c in chunks}", "x = list(@ for c in chunks)", "s = ' '.join(str(@) for c in chunks)",
    "x = list(map(lambda c: @, chunks))", "x = sum(len(str(@)) for c in chunks)", "x = any(@ for c in chunks)",
    "x = [y for y in [@ for c in chunks] if 'yes' in str(y)]", "x = [(a, @) for a in [@ for c in chunks[:3]]]",
    "x = max([str(@) for c in chunks])", "x = [@ for row in rows for c in chunks[:2]]",
    "x = [a if (a := @) else 'none' for c in chunks]", "x = sorted([str(@) for c in chunks])",
    "x = dict(zip(docs, [@ for c in chunks]))", "x = [str(@).strip() for c in chunks if 'yes' in str(@)]",
    "x = sorted(chunks, key=lambda c: str(@))", "x = max(chunks, key=lambda c: str(@))", "x = (@, @)",
    "x = list(filter(lambda c: 'yes' in str(@), chunks))", "x = next((c for c in chunks if 'yes' in str(@)), None)",
    "x = all(@ for c in chunks)", "x = list(items(chunks))", "x = next(items(chunks))", "x = f'''{@}|{@}'''",
    "x = [[@ for c in chunks[:2]] for row in rows[:2]]", "x = {k: [@ for c in chunks[:2]] for k in docs}",
    "x = [*[@ for c in chunks], @]", "x = ''.join(map(str, [@ for c in chunks]))", "x = len([@ for c in chunks])",
    "x = list(zip(chunks, [@ for c in chunks]))", "x = [w for w in map(lambda c: @, chunks) if w]",
    "x = dict(enumerate([@ for c in chunks]))", "x = list(map(lambda c, r: str(@) + r['text'], chunks, rows))",
    "x = [f(c) for f in [lambda c: @] for c in chunks]", "x = [z for c in chunks for z in str(@).split()]",
    "x = list(islice((@ for c in chunks), 2))", "x = list(chain((@ for c in chunks), [@]))",
    "x = sum(@ for c in chunks)", "x = set([@] for c in chunks)", "x = max((@, i) for i, c in enumerate(chunks))",
    "x, s = (@ for c in chunks)", "x = max(chunks, key=lambda c: @ if c > 'c1' else None)",
    "x = dict((str(@), c) for c in chunks)", "x = (@ for c in chunks)",
    "x = [k for k, g in groupby(chunks, key=lambda c: @)]", "x = next((@ for c in chunks), None)",
    "x = {(@, c) for c in chunks}", "x = [(k, list(g)) for k, g in groupby([@ for c in chunks])]",
    "notes.append(map(lambda c: @, chunks))", "x, *m = (@ for c in chunks)", "boxes = [Box(str(@)) for c in chunks]",
    "x = [Note(@, [@]).text for c in chunks]", "x = [b.ask('z') for b in boxes]",
    "x = max((len(str(@)) for c in chunks), default=0)", "x = sum((str(@).split() for c in chunks), [])",
    "print(*(@ for c in chunks))", "x = list(chain.from_iterable(str(@).split() for c in chunks))",
    "x = any(str(@) == (n := c) for c in chunks)", "x = f'{len([@])}'",
    "x = [p.left for p in [Pair(@, c) for c in chunks]]", "x = list(map(partial(llm_query, model='m'), chunks))",
    "x = [@][0]", "picked = [r for r in rows if 'y' in str(@)]; print([r.update(y=1) for r in picked])",
    "x = next((r for r in rows if len(str(@)) > 2), rows[0]); x['text'] = 'first'",
    "x = max(rows, key=lambda r: len(str(@))); x['text'] = 'best'",
    "x = [(@, r) for r in rows]; x[-1][1]['text'] = 'pair'",
    "picked = list(filter(lambda r: @, rows)); print([r.update(y=2) for r in picked])",
    "by = {c: r for c, r in zip(chunks, rows) if str(@)}", "lists = {str(@): nested[:1] for c in chunks[:2]}",
)  # fmt: skip

WAYS_TO_ONE = (
    "x = nested[len(str(a)) % 3]", "x = nested[0] if 'a' in str(a) else nested[1]",
    "x, m = (nested[0], 1) if 'a' in str(a) else (nested[1], 2)", "x = max(nested, key=lambda y: len(str(a)) * len(y))",
    "if 'a' in str(a): m = (nested[0],)\nelse: m = (nested[1],)\nfor x in m: pass",
    "x = next((y for y in nested if y[0] in str(a)), nested[1])", "m = nested[:len(str(a)) % 3 + 1]\nx = m[-1]",
    "x = {'y': nested[0], 'n': nested[1]}.get(str(a)[:1], nested[2])", "x = (nested + [[str(a)]])[len(str(a)) % 4]",
    "x = sorted(nested, key=lambda y: len(str(a)) * len(y))[0]", "x = [y for y in nested if len(str(a)) > 1][-1:]",
    "m = [y for y in nested if len(str(a)) > 1]\nm.append(nested[2])\nx = m[0]",
    "m = []\nif len(str(a)) > 1: m.append(nested[1])\nm.append(nested[0])\nfor x in m: x.append('e')",
    "for x in nested:\n    if len(str(a)) < 3: break", "try: x = nested[int(a)]\nexcept Exception: x = nested[2]",
    "by[str(a)] = nested[1]\nx = by.get('yes', nested[0])",
    "by[str(a)] = nested[1]\nfor x in by.values(): x.append('v')",
    "lists.setdefault(str(a), []).append(nested[0])\nfor m in lists.values():\n    for x in m: x.append('l')",
    "groups[str(a)].append(nested[0])\nfor m in groups.values():\n    for x in m: x.append('g')",
    "m = list(zip(nested, str(a).split()))\nfor x, _ in m: x.append('z')", "x = str(a).split() or nested[0]",
    "def pick(z):\n    if 'a' in z: return nested[0], 1\n    return nested[1], 2\nx, m = pick(str(a))",
    "m = [nested] if 'a' in str(a) else [[nested[0]]]\nx = m[0][0]", "x = nested.pop(len(str(a)) % 2)",
    "m = {i: y for i, y in enumerate(nested) if len(str(a)) > i}\nfor x in m.values(): x.append('d')",
    "m = list(filter(lambda y: len(str(a)) > 1, nested))\nfor x in m: x.append('f')", "x = (nested[0], str(a))[0]",
    "m = nested[0]\nif 'a' in str(a): m = m + ['n']\nx = m", "x = [nested[0]] * (len(str(a)) % 2 + 1)",
)  # fmt: skip
"""A list that is, or is in, one of those in `nested`: the answer `a` says which."""

CHANGES = (
    "x.append('c')", "x[0] = str(a)", "x.extend(str(a).split())", "x.clear()", "nested[0].append('o')", "x.append(7)",
    "nested.append(x)", "x.insert(0, a)", "x.reverse()", "out.append(x)\nx.append('p')", "pass", "del x[0]",
    "x += ['q']",
    "m = x\nm.append('r')", "x.append(['s'])", "picked.append(x)\npicked[0].append('t')",
    "nested[1] = x\nx.append('u')",
)  # fmt: skip
PROBES = (
    "for j in range(3): out.append(llm_query(f'{j} {nested}'))",
    "out = [llm_query(f'{j} {nested[0]}') for j in range(3)]",
    "for y in nested:\n    out.append(llm_query(f'{len(y)} {y[:1]}'))",
    "out = [llm_query(f'{j} {x}') for j in range(3)]",
    "try:\n    s = ''.join(nested[0])\n    n = 1\nexcept TypeError: n = 2\nfor j in range(3): llm_query(f'{j} {n}')",
    "for j in range(3):\n    if len(nested[0]) > 1: out.append(llm_query(f'{j} long'))\n    llm_query(f'{j} any')",
)  # fmt: skip


class Programs:
    """Makes programs."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._helpers: list[str] = []
        self._loops = 0
        self._in_function = False
        self._grows = False  # a list may be iterated over that the program appends to

    def _one(self, *choices: str) -> str:
        return choices[self._random.randrange(len(choices))]

    def _chance(self, percent: int) -> bool:
        return self._random.randrange(100) < percent

    def _filled(self, template: str, sign: str, make: str) -> str:
        """A template with something of its own in each place."""
        first, *rest = template.split(sign)
        return first + "".join(getattr(self, make)() + part for part in rest)

    def _value(self) -> str:
        return self._one(*(ITEMS if self._chance(55) else OF_ANSWERS if self._chance(70) else OTHERS))

    def _text(self) -> str:
        template = self._one(*TEXTS)
        if template.startswith("'%s|%s'"):
            return f"'%s|%s' % ({self._value()}, {self._value()})"
        return self._filled(template, "%", "_value")

    def _call(self) -> str:
        if self._helpers and self._chance(20):
            return f"{self._one(*self._helpers)}({self._one('c', 'str(i)', 's', 'a', 'str(k)')})"
        return self._filled(self._one(*CALLS), "$", "_text")

    def _lines(self, depth: int, code: str) -> str:
        return "".join("    " * depth + line + "\n" for line in code.split("; "))

    def _block(self, depth: int, most: int = 3) -> str:
        return "".join(self._statement(depth) for _ in range(1 + self._random.randrange(most)))

    def _statement(self, depth: int) -> str:
        kind = self._random.randrange(100)
        pad = "    " * depth
        if depth < 4 and kind < 10:
            other = f"{pad}else:\n{self._block(depth + 1)}" if self._chance(40) else ""
            return f"{pad}if {self._one(*CONDITIONS)}:\n{self._block(depth + 1)}{other}"
        if depth < 4 and kind < 20:
            return self._try(depth)
        if depth < 3 and kind < 25:
            return self.loop(depth)
        if depth < 3 and kind < 29:
            return f"{pad}{self._one(*INNER_HEADS)}\n{self._lines(depth + 1, self._one(*INNER_BODIES))}"
        if depth < 3 and kind < 31:
            name = f"local{depth}"
            head = f"{pad}def {name}(z, w=c):\n{pad}    return str({self._call()}) + str(z) if z else w\n"
            return f"{head}{pad}a = {name}({self._value()})\n"
        if depth < 3 and kind < 34:
            return self._attempts(pad)
        if self._in_function and kind < 37:
            return f"{pad}return {self._one('a', 's', 'None', 'len(out)', self._call())}\n"
        if kind < 58:
            target = self._one("a = @", "a = @", "s = @", "out.append(@)", "table[k] = @", "x = @", "print(@)")
            return self._lines(depth, self._filled(target, "@", "_call"))
        if kind < 61:
            return self._lines(depth, self._one(*RISKY))
        if kind < 64 and self._loops:
            return self._lines(depth, self._one("continue", "break", "pass"))
        return self._lines(depth, self._one(*HARMLESS))

    def _try(self, depth: int) -> str:
        pad = "    " * depth
        caught = self._one(
            "Exception", "Exception as e", "SubCallError", "ValueError", "(ValueError, KeyError)", "SubCallError as e"
        )
        simple = ["a = None", "out.append(None)", "pass", "raise", "s = 's'", "print('caught')"]
        if caught.endswith("as e"):
            simple.append("a = str(e)")
        if self._loops:
            simple += ["continue", "break"]
        handler = self._block(depth + 1, 2) if self._chance(40) else self._lines(depth + 1, self._one(*simple))
        code = f"{pad}try:\n{self._block(depth + 1)}{pad}except {caught}:\n{handler}"
        if self._chance(20):
            code += f"{pad}else:\n{self._block(depth + 1, 2)}"
        if self._chance(10):
            code += f"{pad}finally:\n{pad}    n += 1\n"
        return code

    def _attempts(self, pad: str) -> str:
        after = self._one("break", "pass", "n += 1")
        handler = self._one("n += 1", "out.append(attempt)", "pass", "a = None", "continue")
        return (
            f"{pad}for attempt in range({1 + self._random.randrange(6)}):\n{pad}    try:\n"
            f"{pad}        a = {self._call()}\n{pad}        {after}\n"
            f"{pad}    except Exception as e:\n{pad}        {handler}\n"
        )

    def loop(self, depth: int) -> str:
        """A loop with calls."""
        pad, head, before, first = "    " * depth, self._one(*HEADS), "", ""
        if head.startswith("while"):
            head, before, first = (
                f"while j{depth} < 5:",
                f"{pad}j{depth} = 0\n",
                f"{pad}    i = j{depth} = j{depth} + 1\n",
            )
        elif self._grows:
            first = f"{pad}    if len(out) > 12: break\n"
        self._loops += 1
        body = "".join(self._statement(depth + 1) for _ in range(self._random.randrange(3)))
        if self._chance(80):
            body += f"{pad}    {self._one('a', 's', 'a')} = {self._call()}\n"
        body += self._block(depth + 1)
        self._loops -= 1
        end = f"{pad}else:\n{pad}    print('end')\n" if self._chance(10) else ""
        return f"{before}{pad}{head}\n{first}{body}{end}"

    def _aliases(self) -> str:
        """A list is found with an answer, and changed; and what is asked after that shows it."""
        parts = []
        for _ in range(1 + self._random.randrange(3)):
            parts += [f"a = {self._call()}", self._one(*WAYS_TO_ONE), self._one(*CHANGES)]
        parts.append(self._one(*PROBES))
        return "\n".join(parts) + "\n"

    def _helper(self) -> str:
        name = f"helper{len(self._helpers)}"
        self._in_function, loops, self._loops = True, self._loops, 0
        shared = "    global n, s\n" + LOCALS.replace("n = i = 0", "i = 0").replace("s, a,", "_, a,")
        head = f"def {name}(c):\n{shared if self._chance(40) else LOCALS}"
        body = "".join(self._statement(1) for _ in range(self._random.randrange(3)))
        body += f"    a = {self._call()}\n{self._block(1, 2)}    return {self._one('a', 'str(a) + c', 's')}\n"
        self._in_function, self._loops = False, loops
        self._helpers.append(name)
        return head + body

    def program(self) -> str:
        """A program; it may not even compile."""
        code = SETUP + f"prompts = {self._one('chunks', 'list(chunks)', '[chr(122)]')}\n"
        if self._chance(20):
            code += self._one("out = prompts", "out = chunks", "table = docs", "table = rows[0]") + "\n"
            self._grows = True
        end = self._one("yield a", "yield str(a)", "if len(a) > 1: yield a")
        code += f"def items(xs):\n{LOCALS}    for c in xs:\n        a = {self._call()}\n        {end}\n"
        for _ in range(self._random.randrange(3)):
            code += self._helper()
        body = ""
        for _ in range(1 + self._random.randrange(3)):
            if self._chance(60):
                body += self.loop(0)
            elif self._chance(50):
                body += self._aliases()
            else:
                body += self._lines(0, self._filled(self._one(*EXPRESSIONS), "@", "_call"))
        if self._chance(15):
            body = f"def main():\n    global {GLOBALS}\n{textwrap.indent(body, '    ')}main()\n"
        if self._chance(10):
            body = (
                f"try:\n{textwrap.indent(body, '    ')}except SubCallError as e:\n    print('outer', e)\n{self.loop(0)}"
            )
        return code + body
