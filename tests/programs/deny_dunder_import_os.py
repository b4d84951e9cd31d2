# policy: deny (system|os)
__import__("os").system("id")
