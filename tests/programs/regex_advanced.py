import re
text = "2024-03-05: Alice paid $1,200.50 to Bob; 2024-04-01: Carol paid $80 to Dave."
pat = re.compile(r"""
    (?P<date>\d{4}-\d{2}-\d{2}):\s+
    (?P<payer>[A-Z]\w+)\s+paid\s+
    \$(?P<amount>[\d,]+(?:\.\d+)?)\s+to\s+
    (?P<payee>[A-Z]\w+)
""", re.VERBOSE)
for m in pat.finditer(text):
    print(m.group("date", "payer"), m["amount"], m.span(), m.start("payee"), m.lastgroup, m.groupdict()["payee"])
print(pat.groupindex, pat.groups, bool(pat.flags & re.VERBOSE))
print(re.sub(r"\$([\d,]+)", lambda m: f"<{int(m.group(1).replace(',', '')):>6}>", text))
print(re.sub(r"(\w+) paid (\S+) to (\w+)", r"\3 got \2 from \g<1>", text), re.subn(r"\d", "#", "a1b22"))
print(re.split(r"([;:])\s*", "a: b; c"), re.split(r"\s+", " a  b "), re.split(r",", "a,b,c", maxsplit=1))
print(re.findall(r"(?<=\$)\d+", text), re.findall(r"\w+(?= paid)", text), re.findall(r"\b(?!paid)\w{4}\b", text), re.findall(r"(?<!\d)\d{2}(?!\d)", text))
print(re.match(r"\d+", text).group(), re.fullmatch(r"\w+", "abc") is not None, re.search(r"zzz", text), re.escape("a.b*c"))
print(re.findall(r"(a+)(b*)", "aab ab a"), re.findall(r"(?i)ALICE|bob", text), re.findall(r"^\w", "a\nb", re.M), re.findall(r"a.c", "a\nc", re.S), re.search(r"(?P<q>['\"]).*?(?P=q)", "say 'hi' ok").group())
print(re.compile(r"x").sub("y", "xxx", count=2), [m.group() for m in re.finditer(r"[^\W\d_]+", "a1_bé")], re.search(r"(\d+)(?:px)?", "12px").groups(), re.match("(a)?b", "b").groups("none"))
m = re.search(r"(\w+)@(\w+)\.com", context)
print(m.group(0), m.expand(r"\2:\1"), m.re.pattern, m.string is context, m.end() - m.start(), m.regs[0] == m.span())
try:
    re.compile("(unclosed")
except re.error as e:
    print("bad pattern:", e.msg, e.pos)
