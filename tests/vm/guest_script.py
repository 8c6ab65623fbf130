"""Owns: what the guest of a machine is told to do: /numapool/machine.sh, in the words of guest/init.sh.

Must not know: how the guest is built or booted.
"""

import shlex

from machine import Machine, Run

NODES = "/sys/devices/system/node"


def _as_list(numbers: list[int]) -> str:
    """Write numbers as the kernel does: 0-2,5."""
    parts: list[str] = []
    first = 0
    for i, number in enumerate(numbers):
        if i == len(numbers) - 1 or numbers[i + 1] != number + 1:
            parts.append(str(number) if first == i else f"{numbers[first]}-{number}")
            first = i + 1
    return ",".join(parts)


def _promises(machine: Machine) -> list[str]:
    """Return the lines that compare the guest's nodes with the machine file."""
    numbered = list(enumerate(machine.nodes))
    online = [i for i, node in numbered if node.online]
    said = {
        f"{NODES}/online": _as_list(online),
        f"{NODES}/has_cpu": _as_list([i for i, node in numbered if node.cpus]),
        f"{NODES}/has_memory": _as_list([i for i, node in numbered if node.memory_mb]),
        "/proc/sys/kernel/numa_balancing": str(int(machine.numa_balancing)),
    }
    first_cpu = 0
    for i in online:
        cpus = machine.nodes[i].cpus
        said[f"{NODES}/node{i}/cpulist"] = _as_list(list(range(first_cpu, first_cpu + cpus)))
        first_cpu += cpus
        if machine.distances:
            said[f"{NODES}/node{i}/distance"] = " ".join(str(machine.distances[i][j]) for j in online)
    said |= machine.promises
    lines = [shlex.join(["promise", file, value]) for file, value in said.items()]
    for i in online:
        # The kernel keeps some for itself, mostly the first and the last node's.
        megabytes = machine.nodes[i].memory_mb
        lines.append(f"promise_memory {i} {max(0, megabytes * 3 // 4 - 32)} {megabytes}")
    return lines


def _run_line(run: Run) -> str:
    command = [f"/bin/{run.program}", *run.arguments]  # death tests start their program by this path
    if run.refuse_policies:
        command = ["refuse_policies", *command]
    # Tests of exact figures want no sample among their blocks; stress runs as users do.
    environment = run.environment if run.program == "stress" else {"NUMAPOOL_CHECK": "0", **run.environment}
    if environment:
        command = ["env", *(f"{name}={value}" for name, value in environment.items()), *command]
    name = run.name or run.program
    if run.cpuset_mems:
        command = ["in_cgroup", name, run.cpuset_mems, *command]
    return shlex.join(["run", name, *command])


def guest_script(machine: Machine) -> str:
    """Return the text of /numapool/machine.sh."""
    lines = [shlex.join(["setup", command]) for command in machine.setup]
    lines += _promises(machine)
    lines.append("checked")
    lines += [_run_line(run) for run in machine.runs]
    lines += [shlex.join(["afterwards", command]) for command in machine.afterwards]
    return "\n".join(lines) + "\n"
