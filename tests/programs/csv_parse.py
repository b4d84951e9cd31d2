import csv
import io

rows = [["date", "user", "question"]]
for line in context.splitlines():
    if line.startswith("Date: "):
        parts = [p.split(": ", 1)[1] for p in line.split(" || ")]
        rows.append(parts)
buf = io.StringIO()
writer = csv.writer(buf, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
writer.writerows(rows)
text = buf.getvalue()
print(len(text), text.splitlines()[1])

reader = csv.DictReader(io.StringIO(text))
print(reader.fieldnames)
users = [int(r["user"]) for r in reader]
print(len(users), min(users), max(users))

out = io.StringIO()
w = csv.DictWriter(out, fieldnames=["a", "b"], delimiter=";", extrasaction="ignore", lineterminator="\n")
w.writeheader()
w.writerow({"a": 'say "hi"', "b": "x;y", "c": "dropped"})
print(out.getvalue())
print(list(csv.reader(['1,"two, three",4', "'5',6,7"])))
print(next(csv.reader(["a\tb\tc"], delimiter="\t")))
