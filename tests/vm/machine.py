"""Owns: what a file of tests/vm/machines says: nodes, distances, what is set up, promised and run.

Must not know: QEMU, or how a guest is built.
"""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import tomllib

MACHINES = Path(__file__).parent / "machines"
PYTHON_PROGRAMS = ("python3", "numapool")  # what needs the interpreter and the installed package


class MachineError(Exception):
    """A machine file says what cannot be."""


@dataclass(frozen=True)
class Node:
    """A NUMA node; `absent_cpus` are those that could be plugged in later and never are."""

    memory_mb: int = 0
    cpus: int = 0
    absent_cpus: int = 0
    initiator: int | None = None  # with HMAT: the node whose CPUs are nearest

    @property
    def online(self) -> bool:
        return self.memory_mb > 0 or self.cpus > 0


@dataclass(frozen=True)
class Link:
    """With HMAT: what firmware tells of the way from a node's CPUs to a node's memory."""

    initiator: int
    target: int
    latency_ns: int
    bandwidth_mb: int  # MiB a second


@dataclass(frozen=True)
class Run:
    """One program that the guest runs."""

    program: str
    arguments: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    name: str = ""  # the program's unless said
    refuse_policies: bool = False  # under guest/refuse_policies
    cpuset_mems: str = ""  # in a cgroup of its own, which may use these nodes


@dataclass(frozen=True)
class Machine:
    """One emulated machine."""

    name: str
    purpose: str
    nodes: list[Node]
    runs: list[Run]
    distances: list[list[int]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)  # HMAT
    kernel: list[str] = field(default_factory=list)  # parameters
    setup: list[str] = field(default_factory=list)  # the guest's shell runs them first
    promises: dict[str, str] = field(default_factory=dict)  # what these files of the guest say then
    afterwards: list[str] = field(default_factory=list)  # must succeed after the runs
    numa_balancing: bool = False
    in_test: bool = False
    timeout_seconds: int = 600  # many times what it takes: the host may be busy

    @property
    def wants_python(self) -> bool:
        return any(run.program in PYTHON_PROGRAMS for run in self.runs)

    @property
    def memory_mb(self) -> int:
        return sum(node.memory_mb for node in self.nodes)


def _made(kind: type[Any], table: dict[str, Any], where: str) -> Any:
    """Return a `kind` of a table's values; refuse names that it does not have."""
    known = [known.name for known in fields(kind)]
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise MachineError(f"{where} says '{unknown[0]}', which is unknown; known are: {', '.join(known)}")
    try:
        return kind(**table)
    except TypeError as error:
        raise MachineError(f"{where} lacks a value: {error}") from error


def read_machine(path: Path) -> Machine:
    """Read a machine file; raise MachineError if it is not one."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise MachineError(f"{path}: {error}") from error
    for name, kind in (("nodes", Node), ("links", Link), ("runs", Run)):
        rows = table.get(name, [])
        table[name] = [_made(kind, row, f"{path}: {name}[{i}]") for i, row in enumerate(rows)]
    machine: Machine = _made(Machine, {**table, "name": path.stem}, str(path))
    count = len(machine.nodes)
    if not machine.nodes or not machine.nodes[0].cpus:
        raise MachineError(f"{path}: the first node has no CPU; a machine boots from the first node's")
    if not machine.runs:
        raise MachineError(f"{path}: runs nothing; give at least one [[runs]]")
    if machine.distances and [len(row) for row in machine.distances] != [count] * count:
        raise MachineError(f"{path}: distances are not {count} rows of {count}, one for each node")
    cpus = sum(node.cpus + node.absent_cpus for node in machine.nodes)
    if cpus <= 8 and any(node.absent_cpus for node in machine.nodes):
        # Up to eight, Linux addresses APICs by flat masks, and QEMU's search for one ends at the first gap.
        raise MachineError(
            f"{path}: {cpus} CPUs, absent ones among them; QEMU wants more than 8 to allow gaps"
        )
    for link in machine.links:
        if not (0 <= link.initiator < count and 0 <= link.target < count):
            raise MachineError(f"{path}: {link} names a node that is not one of the {count}")
    return machine


def find_machines(names: list[str], in_test: bool) -> list[Machine]:
    """Return the machines of these names, or all; only those of `make test` if `in_test`."""
    paths = {path.stem: path for path in sorted(MACHINES.glob("*.toml"))}
    for name in names:
        if name not in paths:
            raise MachineError(f"there is no machine '{name}'; the machines are: {', '.join(paths)}")
    machines = [read_machine(paths[name]) for name in names or paths]
    chosen = [machine for machine in machines if machine.in_test or not in_test]
    if not chosen:
        raise MachineError(f"of {', '.join(names or paths)} none says 'in_test = true'; leave out --in-test")
    return chosen
