// Owns: `refuse_policies PROGRAM [ARGUMENT...]`, which runs a program without the system calls of memory
// policies, as under Docker's default profile where CAP_SYS_NICE is missing.
// Must not know: the program.
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "fakes/system_call_filter.h"

namespace {

constexpr numapool::fakes::RefusedCall kRefused[] = {
    {SYS_mbind, EPERM},         {SYS_set_mempolicy, EPERM},
    {SYS_get_mempolicy, EPERM}, {SYS_move_pages, EPERM},
    {SYS_migrate_pages, EPERM}, {450, EPERM},  // set_mempolicy_home_node, which older headers lack
};

[[noreturn]] void give_up(const char* what, int error) {
    std::fprintf(stderr, "refuse_policies: %s failed: %s\n", what, std::strerror(error));
    std::exit(126);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr,
                     "refuse_policies: no program was named; give refuse_policies PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    if (const int error = numapool::fakes::refuse_system_calls(kRefused); error != 0)
        give_up("a seccomp filter", error);
    ::execvp(argv[1], argv + 1);
    give_up(argv[1], errno);
}
