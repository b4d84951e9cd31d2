# policy: deny (compile)
tree = compile("1 + 1", "<string>", "eval")
print(tree)
