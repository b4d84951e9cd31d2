md = """
| name  | qty | price |
|-------|----:|------:|
| apple |   3 |  1.25 |
| pear  |  10 |  0.80 |

Text after.
"""
def parse_table(text):
    rows = [l.strip() for l in text.strip().splitlines() if l.strip().startswith("|")]
    header, _sep, *body = [[c.strip() for c in r.strip("|").split("|")] for r in rows]
    return [dict(zip(header, r)) for r in body]

table = parse_table(md)
print(table)
total = sum(int(r["qty"]) * float(r["price"]) for r in table)
print(f"total = {total:.2f}")

def to_markdown(rows):
    cols = list(rows[0])
    widths = {c: max(len(c), *(len(str(r[c])) for r in rows)) for c in cols}
    line = lambda r: "| " + " | ".join(str(r[c]).ljust(widths[c]) for c in cols) + " |"
    return "\n".join([line({c: c for c in cols}), "|" + "|".join("-" * (widths[c] + 2) for c in cols) + "|", *map(line, rows)])
print(to_markdown([{**r, "sum": round(int(r["qty"]) * float(r["price"]), 2)} for r in table]))
