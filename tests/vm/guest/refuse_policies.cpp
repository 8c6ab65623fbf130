// Owns: a seccomp filter that refuses the system calls of memory policies, as Docker's default profile does
// where CAP_SYS_NICE is missing: `refuse_policies PROGRAM [ARGUMENT...]` runs a program under it.
// Must not know: the program.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <vector>

#ifndef __x86_64__
#error "the filter holds the system call numbers of x86-64: build vm_programs there"
#endif

namespace {

constexpr long kRefused[] = {
    SYS_mbind, SYS_set_mempolicy, SYS_get_mempolicy, SYS_move_pages, SYS_migrate_pages,
    450,  // set_mempolicy_home_node, which older headers lack
};

/// Answers EPERM to the refused calls, and to calls by another ABI, whose numbers differ.
std::vector<sock_filter> refusing_filter() {
    constexpr auto kRefuse = static_cast<unsigned short>(BPF_RET | BPF_K);
    constexpr auto kLoad = static_cast<unsigned short>(BPF_LD | BPF_W | BPF_ABS);
    constexpr auto kIfEqual = static_cast<unsigned short>(BPF_JMP | BPF_JEQ | BPF_K);
    const sock_filter refuse = BPF_STMT(kRefuse, SECCOMP_RET_ERRNO | EPERM);
    const sock_filter allow = BPF_STMT(kRefuse, SECCOMP_RET_ALLOW);
    std::vector<sock_filter> filter = {
        BPF_STMT(kLoad, offsetof(seccomp_data, arch)),
        BPF_JUMP(kIfEqual, AUDIT_ARCH_X86_64, 1, 0),
        refuse,
        BPF_STMT(kLoad, offsetof(seccomp_data, nr)),
    };
    for (const long number : kRefused) {
        filter.push_back(BPF_JUMP(kIfEqual, static_cast<unsigned>(number), 0, 1));
        filter.push_back(refuse);
    }
    filter.push_back(allow);
    return filter;
}

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "refuse_policies: %s failed: %s\n", what, std::strerror(errno));
    std::exit(126);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr,
                     "refuse_policies: no program was named; give refuse_policies PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    std::vector<sock_filter> filter = refusing_filter();
    const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up("prctl(PR_SET_NO_NEW_PRIVS)");
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) give_up("prctl(PR_SET_SECCOMP)");
    // A filter that refuses nothing would prove nothing.
    for (const long number : kRefused) {
        if (::syscall(number, 0, 0, 0, 0, 0, 0) != -1 || errno != EPERM) {
            std::fprintf(stderr, "refuse_policies: system call %ld was not refused with EPERM\n", number);
            return 126;
        }
    }
    ::execvp(argv[1], argv + 1);
    give_up(argv[1]);
}
