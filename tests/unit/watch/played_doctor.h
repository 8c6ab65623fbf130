// Owns: a diagnosis of a played machine: made-up files, made-up nodes, system calls that can be refused.
// Must not know: what is tested of it.
#pragma once

#include <cstdlib>
#include <string>

#include "numapool/diagnosis.h"
#include "numapool/topology.h"

#include "fakes/fake_system_calls.h"
#include "fakes/made_up_files.h"
#include "os/virtual_memory.h"
#include "topology/cpu_binding.h"
#include "watch/diagnosis.h"

namespace numapool::watch {

using fakes::Call;
using fakes::FakeSystemCalls;

inline constexpr std::size_t kGiB = std::size_t{1} << 30;

/// A machine that limits nothing: two nodes of 8 GiB, whose CPUs are all those that this thread has, so that
/// binding to them can really be tried.
class PlayedDoctor {
public:
    PlayedDoctor() {
        for (const char* name :
             {"NUMAPOOL_BIND", "NUMAPOOL_HUGE_PAGES", "NUMAPOOL_MAX_BYTES", "NUMAPOOL_DISABLE"}) {
            ::unsetenv(name);
        }
        for (const int id : {0, 1}) {
            NumaNode node;
            node.id = id;
            node.cpus = topology::current_cpus();
            node.total_bytes = 8 * kGiB;
            node.free_bytes = 4 * kGiB;
            topology.nodes.push_back(node);
        }
        topology.distances = {{10, 21}, {21, 10}};
        files.write("/sys/devices/system/node/online", "0-1\n");
        files.write("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
        files.write("/proc/sys/vm/overcommit_memory", "0\n");
        set_memory("");
    }
    void set_memory(const std::string& more) const {
        files.write("/proc/meminfo", "MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\n" + more);
    }
    Diagnosis diagnose(const DiagnosisRequest& request = {}) const {
        return watch::diagnose(files.root(), topology, request);
    }
    /// The finding on `subject`; one that says so if there is none.
    Finding find(const std::string& subject, const DiagnosisRequest& request = {}) const {
        for (const Finding& finding : diagnose(request).findings) {
            if (finding.subject == subject) return finding;
        }
        return {"no finding on " + subject, FindingState::kNote, "", "", false};
    }

    Topology topology;
    fakes::MadeUpFiles files;
    FakeSystemCalls calls;
};

inline bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace numapool::watch
