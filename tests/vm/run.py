"""Boots the machines of tests/vm/machines and runs the project's tests in them: emulated, with real Linux kernels.

Usage: .venv/bin/python tests/vm/run.py [--list] [--jobs N] [--in-test] [MACHINE...]

Owns: the command's options and what it prints. The consoles stay in build/vm/<machine>.log.
"""

import argparse
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from boot import Outcome, boot, find_kernel, find_qemu, qemu_command
from initramfs import PROJECT, base_archive, with_python, write_initramfs
from machine import Machine, MachineError, find_machines

BUILD = PROJECT / "build/vm"
TAIL = 60  # lines of a failed machine's console that are shown


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run tests in emulated machines with many NUMA nodes.")
    parser.add_argument("machines", nargs="*", metavar="MACHINE", help="all unless named")
    parser.add_argument("--list", action="store_true", help="list the machines and end")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="machines at a time (default 2)")
    parser.add_argument("--in-test", action="store_true", help="only those that 'make test' runs")
    arguments = parser.parse_args()
    if arguments.jobs < 1:
        parser.error(f"--jobs is {arguments.jobs}; at least 1 machine runs at a time")
    return arguments


def _list(machines: list[Machine]) -> None:
    for machine in machines:
        mark = "make test" if machine.in_test else ""
        print(f"{machine.name:16} {len(machine.nodes)} nodes  {mark:10} {machine.purpose}")


def _prepare(machines: list[Machine]) -> list[tuple[Machine, list[str]]]:
    """Write what the guests boot from; return each machine with the command that emulates it."""
    find_qemu()
    kernel = find_kernel(PROJECT)
    BUILD.mkdir(parents=True, exist_ok=True)
    base = base_archive()
    full = with_python(base) if any(machine.wants_python for machine in machines) else base
    commands = []
    for machine in machines:
        initramfs = BUILD / f"{machine.name}.cpio"
        write_initramfs(machine, full if machine.wants_python else base, initramfs)
        commands.append((machine, qemu_command(machine, kernel, initramfs)))
    return commands


def _log(machine: Machine) -> Path:
    return BUILD / f"{machine.name}.log"


def _tell(outcome: Outcome) -> None:
    result = "FAILED" if outcome.failure else "passed"
    print(f"tests/vm: {outcome.machine.name:16} {result} in {outcome.seconds:.0f} s", flush=True)
    for note in outcome.notes:
        print(f"    {note}")
    if outcome.failure:
        log = _log(outcome.machine)
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        print("\n".join(f"    | {line.rstrip()}" for line in lines[-TAIL:]))
        print(f"    {outcome.failure}; the whole console is in {log.relative_to(PROJECT)}", flush=True)


def _boot_all(commands: list[tuple[Machine, list[str]]], jobs: int) -> int:
    """Boot the machines, telling each outcome as it comes; return how many passed."""
    passed = 0
    stopping = threading.Event()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            boots = [
                pool.submit(boot, machine, command, _log(machine), stopping) for machine, command in commands
            ]
            for done in as_completed(boots):
                _tell(done.result())
                passed += not done.result().failure
        finally:  # after ^C no emulator stays behind
            stopping.set()
            pool.shutdown(cancel_futures=True)
    return passed


def main() -> int:
    """Run the command; return its exit status."""
    arguments = _arguments()
    began = time.monotonic()
    try:
        machines = find_machines(arguments.machines, arguments.in_test)
        if arguments.list:
            _list(machines)
            return 0
        commands = _prepare(machines)
    except MachineError as error:
        print(f"tests/vm: {error}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    passed = _boot_all(commands, arguments.jobs)
    seconds = time.monotonic() - began
    print(f"tests/vm: {passed} of {len(machines)} machines passed in {seconds:.0f} s")
    return 0 if machines and passed == len(machines) else 1


if __name__ == "__main__":
    sys.exit(main())
