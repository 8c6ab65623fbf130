"""Owns: QEMU: the command that emulates a machine, one boot of it, and what its console said.

Must not know: what a guest's programs test.
"""

import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from machine import Machine, MachineError

QEMU = "qemu-system-x86_64"
TAG = "numapool-vm"  # how lines that are meant for us begin
PARAMETERS = (
    *("console=ttyS0", "quiet", "psi=1", "panic=-1", "rdinit=/init"),
    # On a busy host the emulated clocks tick late; the kernel would take that for broken hardware, or for a hang.
    *("no_timer_check", "nowatchdog", "rcupdate.rcu_cpu_stall_suppress=1"),
)


@dataclass
class Outcome:
    """How one boot went."""

    machine: Machine
    seconds: float
    failure: str = ""  # empty: passed
    notes: list[str] = field(default_factory=list)  # what the guest wants shown


def find_kernel(project: Path) -> Path:
    """Return the kernel to boot: NUMAPOOL_VM_KERNEL, or the one that tools/fetch_kernel fetched."""
    named = os.environ.get("NUMAPOOL_VM_KERNEL")
    if named:
        if not Path(named).is_file():
            raise MachineError(f"NUMAPOOL_VM_KERNEL is '{named}', which is no file; name a vmlinuz")
        return Path(named)
    fetched = sorted((project / "build/vm/kernel").glob("boot/vmlinuz-*"))
    if not fetched:
        raise MachineError(
            "there is no kernel in build/vm/kernel: run 'tools/setup vm', or set NUMAPOOL_VM_KERNEL to a vmlinuz that "
            "has NUMA, PSI and a serial console built in"
        )
    return fetched[-1]


def find_qemu() -> str:
    """Return the emulator's path."""
    found = shutil.which(QEMU)
    if found is None:
        raise MachineError(f"there is no {QEMU}: run 'tools/setup vm', or install qemu-system-x86")
    return found


def _node_arguments(machine: Machine) -> list[str]:
    arguments: list[str] = []
    socket = 0
    plugged: list[str] = []  # all but the first, where some stay absent
    absent = sum(node.absent_cpus for node in machine.nodes)
    for i, node in enumerate(machine.nodes):
        description = f"node,nodeid={i}"
        if node.memory_mb:
            arguments += ["-object", f"memory-backend-ram,id=m{i},size={node.memory_mb}M"]
            description += f",memdev=m{i}"
        if machine.links:
            description += f",initiator={i if node.initiator is None else node.initiator}"
        arguments += ["-numa", description]
        for cpu in range(node.cpus + node.absent_cpus):
            arguments += ["-numa", f"cpu,node-id={i},socket-id={socket}"]
            if absent and socket > 0 and cpu < node.cpus:
                plugged += ["-device", f"max-x86_64-cpu,socket-id={socket},core-id=0,thread-id=0"]
            socket += 1
    present = 1 if absent else socket
    return ["-smp", f"{present},maxcpus={socket},sockets={socket},cores=1,threads=1", *arguments, *plugged]


def _distance_arguments(machine: Machine) -> list[str]:
    arguments: list[str] = []
    for i, row in enumerate(machine.distances):
        for j, distance in enumerate(row):
            arguments += ["-numa", f"dist,src={i},dst={j},val={distance}"]
    for link in machine.links:
        way = f"hmat-lb,initiator={link.initiator},target={link.target},hierarchy=memory"
        arguments += ["-numa", f"{way},data-type=access-latency,latency={link.latency_ns}"]
        arguments += ["-numa", f"{way},data-type=access-bandwidth,bandwidth={link.bandwidth_mb}M"]
    return arguments


def qemu_command(machine: Machine, kernel: Path, initramfs: Path) -> list[str]:
    """Return the command that emulates the machine. Emulation only: a machine need not be able to virtualise."""
    balancing = "numa_balancing=" + ("enable" if machine.numa_balancing else "disable")
    return [
        *(find_qemu(), "-accel", "tcg,thread=multi", "-cpu", "max", "-nodefaults", "-no-user-config"),
        *("-display", "none", "-serial", "stdio", "-no-reboot"),
        *("-machine", "pc,hmat=on" if machine.links else "pc", "-m", f"{machine.memory_mb}M"),
        *_node_arguments(machine),
        *_distance_arguments(machine),
        *("-kernel", str(kernel), "-initrd", str(initramfs)),
        *("-append", " ".join([*PARAMETERS, balancing, *machine.kernel])),
    ]


def _judge(machine: Machine, lines: Sequence[str]) -> str:
    """Return what failed according to the guest's console, or nothing."""
    wrong = [line.removeprefix(f"{TAG}-wrong: ") for line in lines if line.startswith(f"{TAG}-wrong: ")]
    if wrong:
        return "; ".join(wrong)
    closing = [line for line in lines if line.startswith(f"{TAG}-closing: ")]
    if not closing:
        return "the guest ended without its closing line"
    statuses = re.findall(r" (\S+)=(\d+)", closing[-1])
    failed = [f"{name} ended with status {status}" for name, status in statuses if status != "0"]
    if failed:
        return "; ".join(failed)
    if len(statuses) != len(machine.runs):
        return f"{len(statuses)} of {len(machine.runs)} programs ran"
    return ""


def boot(machine: Machine, command: list[str], log: Path, stopping: threading.Event) -> Outcome:
    """Emulate the machine until it switches itself off, its time is over, or all are to stop."""
    began = time.monotonic()
    ended = ""
    with log.open("wb") as console:
        console.write((" ".join(command) + "\n").encode())
        console.flush()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT
        )
        while process.poll() is None and not ended:
            if stopping.wait(0.1):
                ended = "stopped"
            elif time.monotonic() - began > machine.timeout_seconds:
                ended = f"not done after its {machine.timeout_seconds} s"
        process.kill()
        status = process.wait()
        if status != 0 and not ended:
            ended = f"{QEMU} ended with status {status}"
    seconds = time.monotonic() - began
    lines = [line.rstrip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    notes = [line.removeprefix(f"{TAG}:").strip() for line in lines if line.startswith(f"{TAG}:")]
    return Outcome(machine, seconds, ended or _judge(machine, lines), notes)
