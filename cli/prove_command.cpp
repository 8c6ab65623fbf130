// Owns: `numapool prove`: its flags, the order of its parts and their shares of the time.
// Must not know: how anything is measured or shown.
#include "prove_command.h"

#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "numapool/log.h"

#include "deadline.h"
#include "malloc_process.h"
#include "prove_json.h"
#include "prove_report.h"
#include "prove_screen.h"

namespace numapool_cli {
namespace {

constexpr double kSeconds = 60.0;
constexpr double kQuickSeconds = 10.0;
// Of the time that is left when a part begins.
constexpr double kPagesShare = 0.2;
constexpr double kSpeedShare = 0.45;

struct Choices {
    bool json = false;
    bool quick = false;
    double seconds = 0.0;  // 0: not given
    std::vector<int> nodes;
    std::string malloc_plan;
};

/// Keeps the library's messages, which would be printed otherwise, from its making until the process ends.
class KeptMessages {
public:
    KeptMessages() {
        numapool::set_log_callback(
            [](numapool::LogLevel level, const char* message, void* user) {
                auto* const self = static_cast<KeptMessages*>(user);
                const std::lock_guard lock(self->mutex_);
                self->texts_.push_back(fmt::format("{}: {}", numapool::to_string(level), message));
            },
            this);
    }
    KeptMessages(const KeptMessages&) = delete;
    KeptMessages& operator=(const KeptMessages&) = delete;

    std::vector<std::string> texts() {
        const std::lock_guard lock(mutex_);
        return texts_;
    }

private:
    std::mutex mutex_;
    std::vector<std::string> texts_;
};

// Seen while the next part is measured.
void show(const Choices& choices, const std::string& screen) {
    if (choices.json) return;
    fmt::print("{}", screen);
    std::fflush(stdout);
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

bool prove(const Choices& choices) {
    // Never destroyed: the library's background thread may still have something to say when all is done.
    static auto* const messages = new KeptMessages;
    const auto begin = std::chrono::steady_clock::now();
    ProveReport report;
    report.quick = choices.quick;
    report.seconds_allowed = choices.seconds > 0.0 ? choices.seconds
                             : choices.quick       ? kQuickSeconds
                                                   : kSeconds;
    const Deadline deadline(report.seconds_allowed);
    const auto share = [&](double of_what_is_left) {
        return Deadline(of_what_is_left * deadline.seconds_left());
    };
    report.machine = look_at_machine(choices.nodes);
    show(choices, machine_screen(report));
    report.pages = prove_pages(report.machine, share(kPagesShare), choices.quick);
    show(choices, pages_screen(report));
    report.speed = prove_speed(report.machine, share(kSpeedShare), choices.quick);
    show(choices, speed_screen(report));
    report.reuse = prove_reuse(report.machine, deadline, choices.quick);
    show(choices, reuse_screen(report));
    report.messages = messages->texts();
    report.verdict = verdict_of(report);
    report.seconds_taken = seconds_since(begin);
    show(choices, verdict_screen(report));
    if (choices.json) fmt::print("{}", prove_json(report));
    return !report.verdict.failed;
}

}  // namespace

void add_prove_command(CLI::App& app, int& status) {
    CLI::App* const command = app.add_subcommand(
        "prove", "Show with measurements whether memory lies where it is asked for, and what that is worth");
    const auto choices = std::make_shared<Choices>();
    command->add_flag("--json", choices->json, "Print JSON, to share");
    command->add_flag("--quick", choices->quick, "A short run: small buffers, few rounds");
    command
        ->add_option("--seconds", choices->seconds,
                     fmt::format("How long it may take, about (default {:.0f}, with --quick {:.0f})",
                                 kSeconds, kQuickSeconds))
        ->check(CLI::Range(1.0, 3600.0))
        ->type_name("SECONDS");
    command->add_option("--nodes", choices->nodes, "Only these nodes, for instance 0,1")
        ->delimiter(',')
        ->check(CLI::Range(0, 1023))
        ->type_name("LIST");
    const CLI::Option* const measure =
        command->add_option("--measure-malloc", choices->malloc_plan)->group("");  // for the command itself
    command->callback([choices, measure, &status] {
        if (measure->count() > 0) {
            report_malloc(ReusePlan::from(choices->malloc_plan));
        } else {
            status = prove(*choices) ? 0 : 1;
        }
    });
}

}  // namespace numapool_cli
