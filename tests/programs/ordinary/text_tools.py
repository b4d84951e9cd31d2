import re, textwrap, difflib, csv, io, html, unicodedata, shlex, fnmatch, string
m = re.match(r"(?P<y>\d+)-(?P<m>\d+)", "2024-05"); print(m.groupdict(), m["y"], m.span(), re.sub("a", lambda m: m.group().upper(), "banana"))
print([x.group() for x in re.finditer(r"\w+", "a bc")], bool(re.search("x", "X", re.I | re.M)), re.split("[,;]", "a,b;c"))
print(list(csv.DictReader(io.StringIO("a,b\n1,2\n")))[0]["b"], difflib.get_close_matches("appel", ["ape", "apple"]))
buf = io.StringIO(); w = csv.writer(buf); w.writerow(["x", "y,z"]); buf.write("!"); print(repr(buf.getvalue()), html.unescape("&lt;"))
print(shlex.split("a 'b c'"), fnmatch.fnmatch("a.py", "*.py"), textwrap.indent("x", "  "), list(difflib.unified_diff(["a"], ["b"], lineterm=""))[-1])
