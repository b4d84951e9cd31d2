# policy: deny (await)
async def ask(prompt):
    return llm_query(prompt)
async def main():
    return [await ask(p) for p in ["a", "b"]]
