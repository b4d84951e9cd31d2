# policy: deny (signal)
import signal
signal.alarm(10)
