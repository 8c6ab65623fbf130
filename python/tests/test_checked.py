"""Owns tests of buffers that are watched for misuse; each runs in a process of its own, which may end by it."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys

import pytest

# What C code with a bug does: writes and reads by address.
HEADER = """
import ctypes
import numpy as np
import numapool

def poke(array, offset, value=1):
    ctypes.c_char.from_address(array.ctypes.data + offset).value = bytes([value])

pool = numapool.MemoryPool()
"""


def run(tmp_path: pathlib.Path, code: str, check: str) -> subprocess.CompletedProcess[str]:
    program = tmp_path / "program.py"
    program.write_text(HEADER + code)
    environment = {**os.environ, "NUMAPOOL_CHECK": check}
    return subprocess.run(
        [sys.executable, program], env=environment, capture_output=True, text=True, timeout=110, check=False
    )


def ended_by_misuse(done: subprocess.CompletedProcess[str]) -> bool:
    return done.returncode in (-signal.SIGSEGV, -signal.SIGABRT)


@pytest.mark.parametrize("bytes_", [100, 4096, 70_000, 3_000_000])
@pytest.mark.parametrize("beyond", [0, 4095])
def test_f25_an_overrun_names_the_line_that_asked(tmp_path: pathlib.Path, bytes_: int, beyond: int) -> None:
    code = f"""
def make():
    return pool.get_buffer({bytes_}, np.uint8)

array = make()
poke(array, {bytes_ + beyond})
pool.return_buffer(array)
del array
"""
    done = run(tmp_path, code, "1")
    assert ended_by_misuse(done), done
    assert f"{beyond + 1} bytes behind the end of a block of {bytes_} bytes" in done.stderr
    assert "program.py:12 in make" in done.stderr


def test_f24_use_after_return_names_both_lines(tmp_path: pathlib.Path) -> None:
    code = """
array = pool.get_buffer(1000)
address = array.ctypes.data
pool.return_buffer(array)
del array
pool.get_statistics()  # looks whether anything still refers to what was returned
ctypes.c_char.from_address(address + 8).value = b"x"
"""
    done = run(tmp_path, code, "1")
    assert done.returncode == -signal.SIGSEGV, done
    assert "use after return" in done.stderr and "at byte 8 of a block of 8000 bytes" in done.stderr
    assert "it was handed out by thread" in done.stderr and "program.py:11 in <module>" in done.stderr
    assert "it was returned by thread" in done.stderr and "program.py:15 in <module>" in done.stderr


def test_f24_a_sample_is_told_of_and_the_program_goes_on(tmp_path: pathlib.Path) -> None:
    code = """
import time
end = time.monotonic() + 60
while pool.get_statistics()["fenced_allocations"] == 0 and time.monotonic() < end:
    array = pool.get_buffer(512)
    pool.return_buffer(array)
    time.sleep(0.001)
fenced = pool.get_statistics()["fenced_allocations"]
poke(array, 4096)
address = array.ctypes.data
del array
pool.get_statistics()
ctypes.c_char.from_address(address).value = b"x"
print(fenced, pool.get_statistics()["misuses"], np.all(pool.zeros(512) == 0))
"""
    done = run(tmp_path, code, "")
    assert done.returncode == 0, done
    assert done.stdout == "1 2 True\n", done
    assert done.stderr.count("numapool: ") == 2


def test_f24_f25_nothing_is_watched_if_nothing_is_asked_for(tmp_path: pathlib.Path) -> None:
    code = """
import time
end = time.monotonic() + 2
while time.monotonic() < end:
    pool.return_buffer(pool.get_buffer(512))
print(pool.get_statistics()["fenced_allocations"])
"""
    assert run(tmp_path, code, "0").stdout == "0\n"


def test_a_wrong_value_is_refused(tmp_path: pathlib.Path) -> None:
    done = run(tmp_path, "", "yes")
    assert done.returncode == 1
    assert 'NUMAPOOL_CHECK is "yes"; 0 or 1 are possible' in done.stderr


CORE = """
import gc, pickle, threading
arrays = []
for length in (1, 100, 5000, 300_000, 3_000_000):
    for order in "CF":
        array = pool.get_buffer((length, 1), np.float32, order=order, zeroed=True)
        assert not array.any()
        array[:] = length
        arrays.append(array)
for array in arrays:
    assert (array == array.shape[0]).all()
    view = array[::2]
    pool.return_buffer(view)
    assert (view == array.shape[0]).all(), "a view keeps the bytes"
    del view
del array
arrays.clear()
gc.collect()
pool.get_statistics()
twice = pool.get_buffer(10)
pool.return_buffer(twice)
for bad in (twice, np.zeros(3)):
    try:
        pool.return_buffer(bad)
    except numapool.PoolError:
        continue
    raise AssertionError("a wrong return passed")
del twice, bad

def work():
    for i in range(300):
        a = pool.get_buffer(1 + i * 7)
        a[:] = i
        b = pickle.loads(pickle.dumps(a))
        assert (a == b).all()
        if i % 3:
            pool.return_buffer(a)

threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
with pool.buffer(1000) as scratch:
    scratch[:] = 1
del scratch
figures = pool.get_statistics()
assert figures["live_buffers"] == 0, figures
assert figures["misuses"] == 0
assert figures["live_bytes"] + figures["pending_bytes"] + figures["idle_bytes"] == figures["memory_usage_bytes"]
kept = pool.get_buffer(10)
pool.close()
kept[:] = 2
print(figures["fenced_allocations"] == figures["total_allocations"])
"""


@pytest.mark.parametrize("check", ["0", "", "1"])
def test_right_use_is_the_same_whatever_is_watched(tmp_path: pathlib.Path, check: str) -> None:
    done = run(tmp_path, CORE, check)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{check == '1'}\n"
    assert done.stderr == ""


def test_a_subinterpreter_that_was_there_once_changes_nothing(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("_xxsubinterpreters", reason="this Python makes subinterpreters another way")
    code = """
import _xxsubinterpreters

_xxsubinterpreters.destroy(_xxsubinterpreters.create())  # Python no longer tells who has its lock
array = pool.get_buffer(8 << 20, np.uint8, zeroed=True)  # without the lock
poke(array, array.nbytes)
"""
    done = run(tmp_path, code, "1")
    assert done.returncode == -signal.SIGSEGV, done
    assert "access out of bounds" in done.stderr
    assert "Fatal Python error" not in done.stderr
