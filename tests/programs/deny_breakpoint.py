# policy: deny (breakpoint)
x = len(context)
breakpoint()
