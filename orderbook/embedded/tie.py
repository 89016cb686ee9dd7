"""Become a program that ends with its parent: ``tie.py SIGNAL PARENT UID GID PROGRAM ARGUMENT…``.

Run as a script between fork and exec (``preexec_fn`` is not safe beside threads). UID is ``-`` to stay who we are. On
Linux the kernel sends SIGNAL when the parent dies; elsewhere the next ``orderbook up`` finds what a killed one left.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(signal_number: str, parent: str, uid: str, gid: str, *command: str) -> None:
    """Demote, tie, and become ``command``."""
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal_number))  # after setuid, which clears it
        if os.getppid() != int(parent):
            sys.exit("the parent died first")
    os.execvp(command[0], command)  # noqa: S606 -- becoming it is the point


if __name__ == "__main__":
    main(*sys.argv[1:])
