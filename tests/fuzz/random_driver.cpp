// Owns: feeding random bytes to the interpreter where there is no libFuzzer.
// Must not know: what they mean.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "interpreter.h"
#include "trace.h"

namespace {

constexpr const char* kUsage =
    "usage: pool_random [options]\n"
    "Does random operations on pools until a bound is reached, and aborts with a trace if a pool "
    "misbehaves.\n"
    "\n"
    "  --seconds S      bounds; 10 seconds unless one is given\n"
    "  --operations N\n"
    "  --inputs N\n"
    "  --seed N         input number i is made from N + i, so a failed one comes again with --inputs 1\n"
    "  --length BYTES   of an input; 4096\n"
    "  --machine real   only inputs for this machine; or 'played': one of four nodes that refuses things;\n"
    "                   or 'watched': pools that watch all of their blocks for misuse\n"
    "  --replay FILE    does what the file says, once; libFuzzer writes such files\n";

struct Wanted {
    double seconds = 0;
    std::uint64_t operations = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t inputs = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t seed = 1;
    std::size_t length = 4096;
    std::string machine;
    std::string replay;
};

bool read(int count, char** words, Wanted& wanted) {
    bool bounded = false;
    for (int i = 1; i + 1 < count; i += 2) {
        const std::string option = words[i];
        const char* value = words[i + 1];
        if (option == "--seconds")
            wanted.seconds = std::atof(value), bounded = true;
        else if (option == "--operations")
            wanted.operations = std::strtoull(value, nullptr, 10), bounded = true;
        else if (option == "--inputs")
            wanted.inputs = std::strtoull(value, nullptr, 10), bounded = true;
        else if (option == "--seed")
            wanted.seed = std::strtoull(value, nullptr, 10);
        else if (option == "--length")
            wanted.length = std::strtoull(value, nullptr, 10);
        else if (option == "--machine" && (value == std::string("real") || value == std::string("played") ||
                                           value == std::string("watched")))
            wanted.machine = value;
        else if (option == "--replay")
            wanted.replay = value;
        else
            return false;
    }
    wanted.length = std::max<std::size_t>(wanted.length, 1);
    if (!bounded) wanted.seconds = 10;
    if (wanted.seconds <= 0) wanted.seconds = std::numeric_limits<double>::infinity();
    return count % 2 == 1;
}

}  // namespace

int main(int count, char** words) {
    Wanted wanted;
    if (!read(count, words, wanted)) {
        std::fputs(kUsage, stderr);
        return 2;
    }
    if (!wanted.replay.empty()) {
        std::ifstream file(wanted.replay, std::ios::binary);
        if (!file) {
            std::fprintf(stderr, "pool_random: '%s' cannot be read\n", wanted.replay.c_str());
            return 2;
        }
        const std::vector<char> text{std::istreambuf_iterator<char>(file), {}};
        const std::vector<std::uint8_t> input(text.begin(), text.end());
        numapool::fuzz::interpret(input, wanted.replay);
        std::printf("%llu operations\n",
                    static_cast<unsigned long long>(numapool::fuzz::trace().operations()));
        return 0;
    }
    using Clock = std::chrono::steady_clock;
    const auto began = Clock::now();
    const auto passed = [&] { return std::chrono::duration<double>(Clock::now() - began).count(); };
    std::vector<std::uint8_t> input(wanted.length);
    std::uint64_t inputs = 0;
    const auto& operations = numapool::fuzz::trace();
    while (inputs < wanted.inputs && operations.operations() < wanted.operations &&
           passed() < wanted.seconds) {
        const std::uint64_t seed = wanted.seed + inputs++;
        std::mt19937_64 random(seed);
        for (std::uint8_t& byte : input) byte = static_cast<std::uint8_t>(random() >> 56);
        std::string origin =
            "--inputs 1 --length " + std::to_string(wanted.length) + " --seed " + std::to_string(seed);
        if (!wanted.machine.empty()) {
            input.front() = wanted.machine == "played"    ? numapool::fuzz::kPlayedMachine
                            : wanted.machine == "watched" ? numapool::fuzz::kWatchedMachine
                                                          : 0;
            origin += " --machine " + wanted.machine;
        }
        numapool::fuzz::interpret(input, origin);
    }
    const double seconds = passed();
    const auto done = static_cast<double>(operations.operations());
    std::printf("%.0f operations in %llu inputs from seed %llu, %.1f s, %.0f a second\n", done,
                static_cast<unsigned long long>(inputs), static_cast<unsigned long long>(wanted.seed),
                seconds, done / seconds);
    for (const auto& [what, times] : operations.reached())
        std::printf("    %-28s %llu\n", what.c_str(), static_cast<unsigned long long>(times));
    return 0;
}
