"""What the worker finds around it: an empty root directory, and namespaces with nothing in them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from rlm_graph.repl.confine.layer import Layer
from rlm_graph.repl.confine.libc import prctl, unshare

CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
PR_SET_DUMPABLE = 4


class Namespaces(Layer):
    """A network without interfaces, IPC without objects: made once, by the zygote, for all of its workers.

    No PID namespace: its first process is its init, so each worker would need one of its own, in which a signal
    without a handler does not end it. Landlock and seccomp keep it from seeing and signalling others.
    """

    name = "namespaces"
    does = "is alone in its network, System V IPC, host name and cgroup namespaces"

    def prepare(self) -> None:
        """Leave the machine's namespaces. Whoever is not root gets the right to by a user namespace.

        Root stays in its own, even where it may not do this: in another one it could not change its user.
        """
        flags = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP
        unshare(flags if os.geteuid() == 0 else flags | CLONE_NEWUSER)
        prctl(PR_SET_DUMPABLE, 1)  # a new user namespace resets it, and its files in /proc are root's from then on


class EmptyRoot(Layer):
    """A root directory that has been deleted: there is nothing in it, and nothing can be made in it."""

    name = "empty root"
    does = "has an empty directory, in which nothing can be made, as its root"

    def prepare(self) -> None:
        """Go to a directory and delete it: what remains is where this process stands, and no path leads to it."""
        here = tempfile.mkdtemp(prefix="rlm-graph-")
        try:
            os.chdir(here)
        finally:
            Path(here).rmdir()

    def apply(self) -> None:
        """Make it the root, as root may, and whoever has a user namespace of its own."""
        os.chroot(".")
