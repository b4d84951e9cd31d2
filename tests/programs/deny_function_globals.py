# policy: deny (__globals__)
print(sorted(llm_query.__globals__)[:5])
