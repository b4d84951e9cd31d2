# policy: deny (open)
results = {"a": 1}
with open("results.json", "w") as f:
    f.write(str(results))
