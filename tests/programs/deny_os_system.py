# policy: deny (system)
import os
os.system("ls -la")
