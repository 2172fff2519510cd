"""Ties a child process to its parent: where the parent dies, even by `kill -9`, Linux kills the child at once.

`tied` puts this file in front of a command; run as a script, it asks the kernel for that and becomes the command.
Elsewhere than on Linux a child outlives a parent that was killed without a chance to stop it.
"""

import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def tied(command: Sequence[str]) -> list[str]:
    """Return `command` as to be started by this process. Start it from a thread that lives as long as the child may.

    The kernel watches the thread that forked, not the process: a child started from a pool's thread dies with it.
    """
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def _become(parent: int, command: list[str]) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("its parent died before it began")
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"cannot run {command[0]}: {error}")


if __name__ == "__main__":
    _become(int(sys.argv[1]), sys.argv[2:])
