# policy: deny (shutil)
import shutil
shutil.copy("/etc/hostname", "/tmp/x")
