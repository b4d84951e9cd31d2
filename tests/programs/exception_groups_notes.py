def check(records):
    errors = []
    for i, r in enumerate(records):
        try:
            float(r)
        except (TypeError, ValueError) as e:
            e.add_note(f"record {i}")
            errors.append(e)
    if errors:
        raise ExceptionGroup("bad records", errors)

try:
    check(["1", "x", None, "2"])
except ExceptionGroup as eg:
    print(eg.message, len(eg.exceptions), [type(e).__name__ for e in eg.exceptions], eg.exceptions[0].__notes__)
try:
    check(["x", None])
except* ValueError as g:
    print("values", len(g.exceptions))
except* TypeError as g:
    print("types", len(g.exceptions))
eg = ExceptionGroup("m", [ValueError(1), KeyError(2)])
print(eg.subgroup(ValueError).exceptions, eg.split(KeyError)[1].exceptions)
