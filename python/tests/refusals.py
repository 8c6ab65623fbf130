"""Owns having the kernel refuse system calls to a new process, as a container's profile does."""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from collections.abc import Callable
from typing import Any

import pytest

CALLS = {
    "x86_64": {"mbind": 237, "set_mempolicy": 238, "get_mempolicy": 239, "move_pages": 279},
    "aarch64": {"mbind": 235, "get_mempolicy": 236, "set_mempolicy": 237, "move_pages": 239},
}


def number_of(call: str) -> int:
    """Return a system call's number here; skip the test where it is not known."""
    numbers = CALLS.get(platform.machine())
    if numbers is None:
        pytest.skip(f"the calls' numbers on {platform.machine()} are not known here")
    return numbers[call]


def refusing(*calls: str, error: int = errno.EPERM) -> Callable[[], None]:
    """Return a subprocess's `preexec_fn` after which these calls fail; it raises where that cannot be had."""
    load, equal, give = 0x20, 0x15, 0x06  # of BPF
    program = struct.pack("HBBI", load, 0, 0, 0)
    for call in calls:
        program += struct.pack("HBBI", equal, 0, 1, number_of(call))
        program += struct.pack("HBBI", give, 0, 0, 0x50000 | error)
    program += struct.pack("HBBI", give, 0, 0, 0x7FFF0000)
    kept = ctypes.create_string_buffer(program, len(program))
    filter_ = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(kept))
    libc = ctypes.CDLL(None, use_errno=True)

    def prepare(_kept: Any = kept) -> None:
        no_new_privileges, seccomp, filter_mode = 38, 22, 2
        libc.prctl(no_new_privileges, 1, 0, 0, 0)
        if libc.prctl(seccomp, filter_mode, filter_, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "no system call filter")

    return prepare
