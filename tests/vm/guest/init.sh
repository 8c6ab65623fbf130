#!/bin/busybox sh
# Owns: the first process of an emulated machine: mounts, sets up, compares the machine with what its file promises,
# runs the programs, tells how each ended, switches off. What to do comes from /numapool/machine.sh.
# Must not know: any machine.
/bin/busybox mkdir -p /proc /sys /dev /tmp /run
/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp LD_LIBRARY_PATH=/lib PYTHONHOME=/python PYTHONPATH=/python/site GTEST_COLOR=no NO_COLOR=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm
mount -t tmpfs tmpfs /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t debugfs debugfs /sys/kernel/debug
dmesg -n 1 # the kernel's messages would break the programs' lines; they are told when a program fails
cd /numapool || exit

nodes=/sys/devices/system/node
wrong=0
statuses=

complain() {
    wrong=$((wrong + 1))
    echo "numapool-vm-wrong: $*"
}

setup() { # setup <shell command>
    sh -c "$1" || complain "set-up failed: $1"
}

promise() { # promise <file> <what it says, blanks squeezed>
    local said
    said=$(cat "$1" 2>&1 | tr -s ' \t\n' '   ' | sed 's/^ //; s/ $//')
    [ "$said" = "$2" ] || complain "$1 says '$said'; the machine file promises '$2'"
}

promise_memory() { # promise_memory <node> <at least MiB> <at most MiB>
    local kib
    kib=$(sed -n 's/.*MemTotal: *\([0-9]*\) kB/\1/p' $nodes/node$1/meminfo)
    if [ "$((kib / 1024))" -lt "$2" ] || [ "$((kib / 1024))" -gt "$3" ]; then
        complain "node $1 has $((kib / 1024)) MiB; the machine file promises $2 to $3"
    fi
}

listing() {
    local list node
    for list in possible online has_cpu has_memory; do
        echo "numapool-vm-machine: $list: $(cat $nodes/$list)"
    done
    for node in $(ls -d $nodes/node* | sed 's/.*node//' | sort -n); do
        echo "numapool-vm-machine: node $node: cpus '$(cat $nodes/node$node/cpulist)'," \
            "$(sed -n 's/.*MemTotal: *//p' $nodes/node$node/meminfo)," \
            "distances $(cat $nodes/node$node/distance)"
    done
}

closed() {
    echo "numapool-vm-closing: wrong $wrong, statuses$statuses"
    poweroff -f
}

[ -r /proc/pressure/memory ] || complain "there is no /proc/pressure/memory; the kernel was to have psi=1"

checked() { # ends a machine that is not what its file promises
    listing
    [ $wrong -eq 0 ] || closed
}

in_cgroup() { # in_cgroup <name> <nodes> <command...>
    local cgroup=/sys/fs/cgroup/$1 mems=$2
    shift 2
    echo +cpuset +memory >/sys/fs/cgroup/cgroup.subtree_control
    mkdir -p "$cgroup"
    echo "$mems" >"$cgroup/cpuset.mems"
    promise "$cgroup/cpuset.mems.effective" "$mems"
    NUMAPOOL_VM_CGROUP=$cgroup sh -c 'echo $$ >"$NUMAPOOL_VM_CGROUP/cgroup.procs" && exec "$@"' sh "$@"
}

run() { # run <name> <command...>
    local name=$1 began status
    shift
    echo "numapool-vm-run: $name: $*"
    dmesg -c >/dev/null
    began=$(cut -d . -f 1 /proc/uptime)
    "$@"
    status=$?
    echo "numapool-vm-run: $name ended with status $status after $(($(cut -d . -f 1 /proc/uptime) - began)) s"
    [ $status -eq 0 ] || dmesg | tail -n 40
    statuses="$statuses $name=$status"
}

afterwards() { # afterwards <shell command>
    sh -c "$1" || complain "this must be so after the runs and is not: $1"
}

. /numapool/machine.sh
closed
