from collections import Counter
import statistics
def ask_many(prompt, n=5):
    return llm_query_batched([f"[sample {i}] {prompt}" for i in range(n)])
votes = ask_many("Which? " + context[:100])
print(Counter(votes).most_common(1)[0])
numbers = [int("".join(filter(str.isdigit, v))) for v in votes]
print(numbers, statistics.mode(numbers), len(set(numbers)) == 1)
def vote(answers, *, normalize=str.lower, minimum=0.5):
    tally = Counter(map(normalize, answers))
    best, n = tally.most_common(1)[0]
    return (best, n / len(answers)) if n / len(answers) > minimum else (None, 0)
print(vote(["Yes", "yes", "no"]), vote(["a", "b"]), vote(["X"] * 3, normalize=lambda s: s))
