"""Run-ahead: loops of sub-calls run as fast as a batch, and do what they would do one call after another.

In front of a statement that may ask the host, a *scout* goes through the code that follows, ahead of it (`Scout`). It
sees the code's own variables and objects, and changes none of them (`memory.py`). A call that it comes to is put into
a *plan* (`plan.py`), and asked as soon as it is certain. The answer is not known yet: what the code makes of it is
known by its kind only (`kinds.py`, `unknown.py`), and the scout goes on to the next item. Where something hangs on an
answer that could make the code go on differently, the scout stops. Then the code runs, exactly as it is written, and
where it asks, it finds its calls under way (`ahead.py`).

Covered: a call is asked ahead only if the code makes it unless a call before it fails; never more calls than the run
has left; what a failed call makes superfluous is cancelled. No method of a class of the code's own is called, and
nothing that a cell can see is written to, called or kept.
Not counted, because nothing can be said of them: an exception for want of memory, stack or time, and numbers of more
than 300 digits.
"""

from rlm_graph.repl.run_ahead.ahead import RunAhead
from rlm_graph.repl.run_ahead.sites import HOOK

__all__ = ["HOOK", "RunAhead"]
