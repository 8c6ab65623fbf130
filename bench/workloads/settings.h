// Owns: how long workloads run, as the command line says, beside Google Benchmark's own flags.
// Must not know: any workload.
#pragma once

#include <chrono>
#include <cstdlib>
#include <string_view>

namespace numapool::bench {

struct Settings {
    std::chrono::milliseconds thread_time{100};  ///< of one run of threads
    int drift_steps = 400;                       ///< that are measured; half as many again go before

    /// Takes --thread_ms=N and --drift_steps=N out of the command line.
    static Settings taken_from(int& argc, char** argv) {
        Settings settings;
        int kept = 1;
        for (int i = 1; i < argc; ++i) {
            const std::string_view argument = argv[i];
            if (argument.starts_with("--thread_ms="))
                settings.thread_time = std::chrono::milliseconds(std::atoi(argv[i] + 12));
            else if (argument.starts_with("--drift_steps="))
                settings.drift_steps = std::atoi(argv[i] + 14);
            else
                argv[kept++] = argv[i];
        }
        argc = kept;
        return settings;
    }
};

}  // namespace numapool::bench
