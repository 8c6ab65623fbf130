// Owns: a folder that looks like a machine's /sys and /proc, made for a test and removed after it.
// Must not know: what the code under test reads of it.
#pragma once

#include <string>

#include "fakes/made_up_files.h"

namespace numapool::topology {

class MadeUpMachine : public fakes::MadeUpFiles {
public:
    /// CPUs 0 to count - 1, all online.
    void add_cpus(int count) const;
    /// `cpus` as in "0-3"; `distances` to all nodes in their order. 4 KiB of every 8 KiB are free.
    void add_node(int id, const std::string& cpus, const std::string& distances, long total_kib) const;
    /// As /sys/devices/system/node/online tells; after all nodes.
    void set_online_nodes(const std::string& nodes) const;
};

/// Has hwloc look below `root` while it lives.
class HwlocLooksBelow {
public:
    explicit HwlocLooksBelow(const std::string& root);
    HwlocLooksBelow(const HwlocLooksBelow&) = delete;
    HwlocLooksBelow& operator=(const HwlocLooksBelow&) = delete;
    ~HwlocLooksBelow();
};

}  // namespace numapool::topology
