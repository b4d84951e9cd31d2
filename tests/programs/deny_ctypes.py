# policy: deny (ctypes)
import ctypes
libc = ctypes.CDLL(None)
