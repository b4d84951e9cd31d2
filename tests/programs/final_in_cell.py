import re
m = re.search(r"magic number for the city of (\w+) is (\d+)", context)
city, number = m.groups()
print(city, number)
# %%
check = llm_query(f"What is the magic number? Text: {m.group(0)}")
print("sub-model says", check)
# %%
if check == number:
    FINAL(f"The magic number for {city} is {number}.")
print("not reached")
