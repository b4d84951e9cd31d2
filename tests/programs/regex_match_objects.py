import re
pat = re.compile(r"(\w)(\d)")
print(pat.sub(r"\2\1", "a1b2"), pat.findall("a1"), pat.pattern, pat.flags, pat.search("zz a1").string, pat.match("a1").pos, pat.match("a1").lastindex, repr(pat.match("a1")), repr(pat), pat == re.compile(r"(\w)(\d)"))
print(re.sub(r"(?P<x>a)", r"[\g<x>]", "banana", count=1), re.split(r"(?<=,)", "a,b"), re.findall(r"\bthe\b", "the then the", re.I | re.M), re.I, re.RegexFlag.I.name)
def repl(m): repl.n = getattr(repl, "n", 0) + 1; return str(repl.n)
print(re.sub("a", repl, "banana"), re.purge())
