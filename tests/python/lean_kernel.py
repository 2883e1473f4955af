"""Run a program on a kernel that lacks what macOS and old kernels lack: `lean_kernel.py -- PROGRAM ARGUMENT…`.

A filter of system calls answers as such a kernel does. Without a program it only says, by its exit code, whether it works.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

# openat, openat2, renameat2, prctl, prlimit64, setrlimit, fcntl
NUMBERS = {
    "x86_64": (257, 437, 316, 157, 302, 160, 72),
    "aarch64": (56, 437, 276, 167, 261, 164, 25),
}
LOAD, EQUAL, HAS, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, ERROR = 0x7FFF0000, 0x00050000
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2

TMPFILE, NOREPLACE, DEATH_SIGNAL, DATA = 0x400000, 1, 1, 2
ASK_RANGE, TAKE_RANGE = 36, 37


def argument(number):
    """Where the lower half of an argument of the call is."""
    return 16 + 8 * number


def refuse(call, error, *tests):
    """Refuse a call where all tests hold: (how, what, argument)."""
    # Each test that does not hold goes to the end of this piece.
    size = 1 + 2 * len(tests)
    piece = [(EQUAL, 0, size, call)]
    for at, (how, what, where) in enumerate(tests):
        left = size - 2 * (at + 1)
        piece += [(LOAD, 0, 0, argument(where)), (how, 0, left, what)]
    return [(LOAD, 0, 0, 0), *piece, (RETURN, 0, 0, ERROR | error)]


def lean():
    """Have this process, and what it becomes, on such a kernel."""
    openat, openat2, renameat2, prctl, prlimit, setrlimit, fcntl = NUMBERS[platform.machine()]
    code = [
        *refuse(openat, errno.EOPNOTSUPP, (HAS, TMPFILE, 2)),
        *refuse(openat2, errno.ENOSYS),
        *refuse(renameat2, errno.EINVAL, (HAS, NOREPLACE, 4)),
        *refuse(prctl, errno.EINVAL, (EQUAL, DEATH_SIGNAL, 0)),
        # Asking for the limit is no setting it.
        *refuse(prlimit, errno.EINVAL, (EQUAL, DATA, 1), (HAS, 0xFFFFFFFF, 2)),
        *refuse(setrlimit, errno.EINVAL, (EQUAL, DATA, 0)),
        *(part for way in [ASK_RANGE, TAKE_RANGE] for part in refuse(fcntl, errno.EINVAL, (EQUAL, way, 1))),
        (RETURN, 0, 0, ALLOW),
    ]
    text = b"".join(struct.pack("HBBI", *one) for one in code)
    buffer = ctypes.create_string_buffer(text, len(text))
    program = struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    for option in [(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, FILTER, program, 0, 0)]:
        if libc.prctl(*option) != 0:
            sys.exit(f"no such filter: {os.strerror(ctypes.get_errno())}")


lean()
if sys.argv[1:]:
    os.execv(sys.argv[2], sys.argv[2:])
