"""Becomes another program that ends when its starter ends.

Run by path, so that nothing of ours is imported:
`python -I -S launch.py STARTER SIGNAL USER PROGRAM ARGUMENTS…`
STARTER is the process id that must still be our parent, SIGNAL the number that the kernel sends us when the
starter is gone, however it went (Linux; elsewhere only a graceful stop ends us). USER is a login name to
become, or `-`.

A launcher and not a `preexec_fn`: running Python between fork and exec can hang a starter that has threads.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_SET_NAME = 15
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


def prctl(option: int, first: int = 0, second: int = 0) -> bool:
    return bool(ctypes.CDLL(None).prctl(option, first, second, 0, 0) == 0)


def be_called(name: str) -> None:
    """The name that `ps` and `top` show, at most 15 bytes of it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_NAME, ctypes.c_char_p(name.encode()), 0, 0, 0)


def become(login: str) -> None:
    """Drop root. PostgreSQL refuses to run as root, yet our folders may lie where only root may look
    (`/root`).

    So one capability stays: overriding file permissions. The alternative, opening other people's folders to
    everybody, would outlive us.
    """
    import pwd

    user = pwd.getpwnam(login)
    os.setgroups([])
    os.setgid(user.pw_gid)
    linux = sys.platform == "linux"
    if linux:
        prctl(PR_SET_KEEPCAPS, 1)
    os.setuid(user.pw_uid)
    if linux:
        bit = 1 << CAP_DAC_OVERRIDE
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        # (effective, permitted, inheritable) for the lower 32 capabilities, then for the upper ones.
        sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
        if ctypes.CDLL(None).capset(header, sets) == 0:
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE)


def tell_when_the_starter_ends(starter: int, *, death_signal: int) -> None:
    """Have the kernel send us a signal when the process with this id, our parent, is gone. It keeps to that across exec."""
    if sys.platform == "linux":
        prctl(PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != starter:
        sys.exit(1)  # the starter died before we could ask to be told


def main() -> None:
    starter, death_signal, login, *program = sys.argv[1:]
    if login != "-":
        become(login)
    tell_when_the_starter_ends(int(starter), death_signal=int(death_signal))  # a change of user would clear it
    os.execv(program[0], program)  # noqa: S606  # becoming that program is the purpose


if __name__ == "__main__":
    main()
