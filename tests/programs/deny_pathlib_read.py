# policy: deny (read_text)
from pathlib import Path
text = Path("/etc/hostname").read_text()
print(text)
