"""Runs a program where the kernel says that it knows no Landlock: `python3 without_landlock.py PROGRAM ARGUMENT…`."""

import ctypes
import os
import sys

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 22, 38, 2
LOAD, AT_LEAST, GREATER, RETURN = 0x20, 0x35, 0x25, 0x06
ALLOW, NO_SUCH_CALL = 0x7FFF0000, 0x00050000 | 38


class Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("k", ctypes.c_uint)]


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("first", ctypes.POINTER(Instruction))]


# landlock_create_ruleset, landlock_add_rule and landlock_restrict_self are 444 to 446 everywhere.
program = (Instruction * 5)(
    (LOAD, 0, 0, 0),
    (AT_LEAST, 0, 2, 444),
    (GREATER, 1, 0, 446),
    (RETURN, 0, 0, NO_SUCH_CALL),
    (RETURN, 0, 0, ALLOW),
)
libc = ctypes.CDLL(None, use_errno=True)
for step in (
    (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
    (PR_SET_SECCOMP, MODE_FILTER, ctypes.byref(Filter(5, program)), 0, 0),
):
    if libc.prctl(*step) != 0:
        sys.exit(f"prctl {step[0]}: {os.strerror(ctypes.get_errno())}")
os.execv(sys.argv[1], sys.argv[1:])
