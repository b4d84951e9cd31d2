# policy: deny (tempfile)
import tempfile
with tempfile.NamedTemporaryFile("w") as f:
    f.write(context)
