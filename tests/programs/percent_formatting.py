name, n = "bob", 42
print("%s has %d items (%.1f%%)" % (name, n, 12.345))
print("%-10s|%5d|%05d|%x|%o|%e|%r" % (name, n, n, 255, 8, 12345.678, "q"))
print("%(who)s: %(count)3d" % {"who": name, "count": n})
print("%s" % [1, 2], "%c%c" % ("a", 98), "%+d" % 5, "%10.3f|" % 3.14159, "%*d" % (6, 42), "100%%" % (), "%5s%%" % 7)
rows = [("x", 1.5), ("yy", 22.25)]
print("\n".join("%-4s %8.2f" % r for r in rows))
template = "Question: %s\nContext: %s\nAnswer as JSON."
print(llm_query(template % ("who?", context[:100])))
print(b"%d-%s" % (5, b"x"), "%s %s" % ("a", ("b",)), "%r" % (None,))
