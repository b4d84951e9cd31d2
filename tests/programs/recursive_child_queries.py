def solve(question, text, depth=0, max_depth=2):
    """Divide and conquer with rlm_query at the leaves."""
    indent = "  " * depth
    if len(text) < 15_000 or depth == max_depth:
        r = rlm_query(f"{question}\n\n{text}", None)
        print(f"{indent}leaf {len(text)} -> {r}")
        return r
    cut = text.rfind("\n", 0, len(text) // 2)
    left, right = (solve(question, part, depth + 1, max_depth) for part in (text[:cut], text[cut:]))
    best = [x for x in (left, right) if not x.startswith("summary")]
    print(f"{indent}node -> {best or 'none'}")
    return best[0] if best else "summary(none)"
print(solve("Find the magic number.", context))
