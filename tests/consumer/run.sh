#!/usr/bin/env bash
# Builds and runs a stranger's program against numapool, as one of them would:
#   run.sh <source dir> <build dir> package|pkgconfig|fetch
# The library must be built already. Everything is written below <build dir>/consumer/<way>.
set -euo pipefail

if [ $# -ne 3 ]; then
    echo "run.sh: got $# arguments; usage: run.sh <source dir> <build dir> package|pkgconfig|fetch" >&2
    exit 2
fi
source_dir=$(cd "$1" && pwd)
build_dir=$(cd "$2" && pwd)
way=$3
cmake=${CMAKE:-cmake}
consumer=$source_dir/tests/consumer
work=$build_dir/consumer/$way
prefix=$work/prefix

rm -rf "$prefix"
mkdir -p "$work"

install_numapool() {
    "$cmake" --install "$build_dir" --prefix "$prefix" >"$work/install.log"
}

# The shared library may export numapool's own names only: anything else could clash with the program's.
check_exports() {
    local library=$1 strangers
    strangers=$(nm -D --defined-only "$library" | awk '{ print $NF }' | c++filt |
        grep -Ev '^((non-)?virtual thunk to |construction vtable for |(vtable|VTT|typeinfo|typeinfo name) for )?numapool::' |
        grep -Ev '^numapool_' || true)
    if [ -n "$strangers" ]; then
        echo "$library exports names outside namespace numapool (see cmake/exports.map):" >&2
        echo "$strangers" >&2
        return 1
    fi
}

case $way in
package)
    install_numapool
    check_exports "$(echo "$prefix"/lib*/libnumapool.so)"
    rm -rf "$work/build"
    "$cmake" -S "$consumer/package" -B "$work/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix"
    "$cmake" --build "$work/build"
    for program in consumer_numapool consumer_shared consumer_static; do
        "$work/build/$program"
    done
    ;;
pkgconfig)
    install_numapool
    export PKG_CONFIG_PATH=$prefix/lib/pkgconfig:$prefix/lib64/pkgconfig
    rm -f "$work"/consumer_*
    make -C "$work" -f "$consumer/pkgconfig/Makefile" SOURCE="$consumer/main.cpp"
    "$work/consumer_shared"
    "$work/consumer_static"
    ;;
fetch)
    "$cmake" -S "$consumer/fetch" -B "$work/build" -G Ninja -DFETCHCONTENT_SOURCE_DIR_NUMAPOOL="$source_dir"
    "$cmake" --build "$work/build"
    "$work/build/consumer_fetch"
    ;;
*)
    echo "run.sh: '$way' is no way to use numapool: choose package, pkgconfig or fetch" >&2
    exit 2
    ;;
esac
