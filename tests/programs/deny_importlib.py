# policy: deny (importlib)
import importlib
mod = importlib.import_module("os")
