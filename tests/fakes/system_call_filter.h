// Owns: a seccomp filter by which a process refuses system calls to itself, for the rest of its life and for
// what it starts. Must not know: which calls, or why.
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <vector>

#ifndef __x86_64__
#error "calls by another ABI are recognised on x86-64 only"
#endif

namespace numapool::fakes {

struct RefusedCall {
    long number;
    int error;
};

/// Answers each of the calls with its error from now on, and calls by another ABI, whose numbers differ, with
/// EPERM. An errno, 0 for success: then each of them was tried, with no sensible arguments, and refused.
inline int refuse_system_calls(std::span<const RefusedCall> calls) {
    constexpr auto kAnswer = static_cast<unsigned short>(BPF_RET | BPF_K);
    constexpr auto kLoad = static_cast<unsigned short>(BPF_LD | BPF_W | BPF_ABS);
    constexpr auto kIfEqual = static_cast<unsigned short>(BPF_JMP | BPF_JEQ | BPF_K);
    const auto refuse = [](int error) -> sock_filter {
        return BPF_STMT(kAnswer, SECCOMP_RET_ERRNO | static_cast<unsigned>(error));
    };
    std::vector<sock_filter> filter = {
        BPF_STMT(kLoad, offsetof(seccomp_data, arch)),
        BPF_JUMP(kIfEqual, AUDIT_ARCH_X86_64, 1, 0),
        refuse(EPERM),
        BPF_STMT(kLoad, offsetof(seccomp_data, nr)),
    };
    for (const RefusedCall& call : calls) {
        filter.push_back(BPF_JUMP(kIfEqual, static_cast<unsigned>(call.number), 0, 1));
        filter.push_back(refuse(call.error));
    }
    filter.push_back(BPF_STMT(kAnswer, SECCOMP_RET_ALLOW));
    const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return errno;
    // A filter that refuses nothing would prove nothing.
    for (const RefusedCall& call : calls) {
        errno = 0;
        if (::syscall(call.number, 0, 0, 0, 0, 0, 0) != -1 || errno != call.error) return ENOTSUP;
    }
    return 0;
}

}  // namespace numapool::fakes
