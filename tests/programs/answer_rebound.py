# `answer` is only a name: many programs use it for something else
answer = llm_query("What is the magic number?\n" + context)
print(f"Answer: {answer}")
# %%
answers = [answer, *llm_query_batched([context[:50], context[:60]])]
answer = {"value": answers[0], "others": answers[1:]}
print(answer["value"], len(answer["others"]), "ready" in answer)
# %%
answer = [a for a in answers if a.isdigit()]
FINAL(answer)
