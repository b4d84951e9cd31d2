# policy: deny (modules)
import sys
print(sys.modules["os"])
