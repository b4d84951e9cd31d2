import io
buf = io.StringIO()
print("line one", file=buf)
buf.write("line two\n")
print("a", "b", sep=",", end=";\n", file=buf)
buf.writelines(["x\n", "y\n"])
print(buf.getvalue().splitlines(), buf.tell())
buf.seek(0)
print(repr(buf.readline()), buf.read(4), [l.strip() for l in buf])
f = io.StringIO(context)
header = [next(f).strip() for _ in range(4)]
print(header, sum(1 for _ in f))
b = io.BytesIO(b"\x00\x01\x02abc")
b.seek(3)
print(b.read(2), b.getbuffer().nbytes, b.read(), b.getvalue()[:2])
with io.StringIO("one\ntwo\nthree") as fh:
    for n, line in enumerate(fh, 1):
        print(n, line.rstrip())
print(fh.closed, io.StringIO("a\r\nb").read(), io.StringIO().getvalue() == "")
out = io.StringIO()
for row in [(1, "a"), (2, "b")]:
    out.write("{}\t{}\n".format(*row))
print(out.getvalue(), end="")
