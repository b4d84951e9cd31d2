class EmptyPrompt(ValueError):
    pass
def safe_query(prompt, *, default="n/a", max_chars=1000, log=[]):
    try:
        if not prompt.strip():
            raise EmptyPrompt("empty prompt")
        if len(prompt) > max_chars:
            prompt = prompt[: max_chars // 2] + "\n...\n" + prompt[-max_chars // 2:]
        result = llm_query(prompt)
    except EmptyPrompt as e:
        log.append(str(e))
        return default
    except Exception as e:
        log.append(f"{type(e).__name__}: {e}")
        return default
    else:
        log.append(f"ok {len(prompt)}")
        return result
    finally:
        safe_query.calls = getattr(safe_query, "calls", 0) + 1
for p in ["", "hello", context, "Answer as JSON"]:
    print(safe_query(p)[:20].replace("\n", " "))
print(safe_query.calls)
