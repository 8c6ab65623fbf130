// Owns: the first look at the machine.
// Must not know: what threads make of it later.
#include "topology/launch.h"

#include "base/made_once.h"
#include "topology/discovery.h"
#include "topology/node_files.h"

namespace numapool::topology {
namespace {

Launch look() {
    Launch launch;
    if (os::get_thread_policy(launch.policy) != 0) launch.policy = {};
    bool this_machine = false;
    launch.machine = discover("", &this_machine);
    if (!this_machine) return launch;
    for (const NumaNode& node : launch.machine.nodes) {
        if (auto cpus = read_node_cpus("", node.id)) launch.all_cpus[node.id] = std::move(*cpus);
    }
    return launch;
}

constinit base::MadeOnce<Launch> launch;

}  // namespace

const Launch& system_launch() {
    return *launch.get([] { return new Launch(look()); });
}

void lock_launch() noexcept { launch.lock(); }
void unlock_launch() noexcept { launch.unlock(); }

}  // namespace numapool::topology
