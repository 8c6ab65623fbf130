"""Owns the lines that have the system refuse calls in a process of its own, as a container's profile does."""

from __future__ import annotations

import platform

MOVE_PAGES, GET_MEMPOLICY, SET_MEMPOLICY = (
    (239, 236, 237) if platform.machine() == "aarch64" else (279, 239, 238)
)


def refusing(*calls: int) -> str:
    """Python code after which these system calls fail with EPERM; it exits with 77 where that cannot be had."""
    return f"""
import ctypes, struct, sys
_calls = {list(calls)!r}
_program = [struct.pack("HBBI", 0x20, 0, 0, 0)]  # load the call's number
for _number in _calls:
    _program.append(struct.pack("HBBI", 0x15, 0, 1, _number))  # another one: skip the refusal
    _program.append(struct.pack("HBBI", 0x06, 0, 0, 0x50000 | 1))  # EPERM
_program.append(struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000))  # allowed
_filter = ctypes.create_string_buffer(b"".join(_program))
_libc = ctypes.CDLL(None, use_errno=True)
_argument = struct.pack("HxxxxxxQ", len(_program), ctypes.addressof(_filter))
if _libc.prctl(38, 1, 0, 0, 0) != 0 or _libc.prctl(22, 2, _argument, 0, 0) != 0:
    sys.exit(77)
"""
