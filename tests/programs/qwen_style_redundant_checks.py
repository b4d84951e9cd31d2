# check the context first
print(type(context))
if type(context) == str:
    data = context
elif type(context) == list:
    data = "\n".join(context)
else:
    data = str(context)
result = []
lines = data.split('\n')
for i in range(0, len(lines)):
    line = lines[i]
    if line == "" or line == None:
        continue
    if "User:" in line and "Instance:" in line:
        try:
            user = line.split("User:")[1].split("||")[0].strip()
            inst = line.split("Instance:")[1].strip()
            result.append({"idx": i, "user": user, "inst": inst})
        except Exception as e:
            print("error on line", i, str(e))
            pass
print("total: " + str(len(result)))
print("first: " + str(result[0]))
counts = dict()
for r in result:
    key = r["inst"].replace("What is the ", "").split(" of ")[0]
    if key not in counts.keys():
        counts[key] = 1
    else:
        counts[key] = counts[key] + 1
for key in sorted(counts.keys()):
    print(key + ": " + str(counts[key]))
