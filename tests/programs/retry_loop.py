import time
import json

class TransientError(Exception):
    pass

attempts_log = []

def flaky(prompt, fail_times, state={}):
    state[prompt] = state.get(prompt, 0) + 1
    attempts_log.append((prompt, state[prompt]))
    if state[prompt] <= fail_times:
        raise TransientError(f"{prompt} failed #{state[prompt]}")
    return llm_query(prompt)

def with_retry(fn, *args, retries=3, backoff=0.001):
    last = None
    for attempt in range(1, retries + 1):
        try:
            value = fn(*args)
        except TransientError as e:
            last = e
            time.sleep(backoff * 2 ** attempt)
        else:
            return value, attempt
    raise RuntimeError(f"gave up after {retries}") from last

print(with_retry(flaky, "one", 0))
print(with_retry(flaky, "two", 2))
try:
    with_retry(flaky, "three", 99)
except RuntimeError as e:
    print("error:", e, "| cause:", repr(e.__cause__))
print(len(attempts_log))
