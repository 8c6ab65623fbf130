// Owns: learning what each thread does, and the search through all orders of that.
// Must not know: what the threads do it for.
#include "fakes/interleavings.h"

#include <algorithm>
#include <csetjmp>
#include <map>
#include <sstream>
#include <unordered_map>
#include <utility>
#include <vector>

namespace numapool::fakes {
namespace {

constexpr std::size_t kMostStates = 20'000'000;

struct Store {
    std::uint32_t word = 0;
    std::uint64_t value = 0;
    bool release = false;
    bool fenced = false;
};

enum class Step : std::uint8_t { kEnd, kLoad, kUpdate, kFence, kWait, kBarrier, kWrong };

/// A thread that has been told so much, and what it does then: first what needs no answer, then a step.
struct Knowledge {
    std::uint32_t before = 0;            ///< what it knew before it was told
    std::uint64_t told = 0;              ///< and what that was
    std::optional<std::uint64_t> wrote;  ///< what its update made of the word, if that was told
    std::vector<Store> stores;
    bool takes_down = false;
    Step step = Step::kEnd;
    std::uint32_t word = 0;  ///< of a load or update; of a barrier, the thread it passes
    bool release = false;    ///< of an update
    const char* wrong = nullptr;
    std::map<std::uint64_t, std::uint32_t> next;  ///< by what it is told
};

/// Where played words lead while a meeting is explored.
struct Machine {
    std::vector<std::uint64_t> words;  ///< as the meeting was made, or as all its threads left them
    unsigned threads = 0;
    bool in_thread = false;
    unsigned thread = 0;
    std::vector<std::uint64_t> told;  ///< what the thread is told in this run
    std::size_t at = 0;
    Knowledge* learned = nullptr;  ///< what it does when it has been told all
    std::jmp_buf enough;

    bool told_all() const noexcept { return at == told.size(); }
    std::uint64_t step(Step step, std::uint32_t word, bool release) noexcept {
        if (!told_all()) return told[at++];
        learned->step = step;
        learned->word = word;
        learned->release = release;
        std::longjmp(enough, 1);
    }
};
Machine* machine = nullptr;

struct Thread {
    std::uint32_t knows = 0;
    bool waits = false;
    std::vector<Store> on_their_way;
};

struct State {
    std::vector<std::uint64_t> words;
    std::vector<Thread> threads;
    int taken_down_by = -1;

    std::string key() const {
        std::string result;
        const auto append = [&](const auto& value) {
            result.append(reinterpret_cast<const char*>(&value), sizeof value);
        };
        append(taken_down_by);
        for (const std::uint64_t word : words) append(word);
        for (const Thread& thread : threads) {
            append(thread.knows);
            append(thread.waits);
            append(thread.on_their_way.size());
            for (const Store& store : thread.on_their_way) {
                append(store.word), append(store.value), append(store.release), append(store.fenced);
            }
        }
        return result;
    }
};

/// A thread's step or a store's arrival, for the report.
struct Event {
    unsigned thread = 0;
    std::uint32_t knows = 0;
    std::uint64_t told = 0;
    std::optional<Store> store;
};

struct Wrong {
    std::string what;
};

class Search {
public:
    Search(unsigned threads, const std::function<Meeting&()>& make) : make_(make) {
        machine_.threads = threads;
        machine = &machine_;
    }
    Search(const Search&) = delete;
    Search& operator=(const Search&) = delete;
    ~Search() { machine = nullptr; }

    Exploration all() {
        try {
            State start;
            make();
            start.words = machine_.words;
            start.threads.resize(machine_.threads);
            for (unsigned thread = 0; thread < machine_.threads; ++thread) {
                start.threads[thread].knows = learn(thread, 0, 0);
            }
            for (unsigned thread = 0; thread < machine_.threads; ++thread) arrive(start, thread);
            found_.interleavings = from(start);
        } catch (const Wrong& wrong) {
            found_.wrong = wrong.what;
            for (const Event& event : way_) found_.way += line_of(event) + "\n";
        }
        found_.states = seen_.size();
        return found_;
    }

private:
    Meeting& make() {
        machine_.words.clear();
        return make_();
    }

    /// Runs one thread alone, told what led to `learned`, which takes what it does then.
    void run(Meeting& meeting, unsigned thread, Knowledge& learned) {
        machine_.told.clear();
        for (const Knowledge* k = &learned; k->before != 0; k = &knowledge_[k->before])
            machine_.told.push_back(k->told);
        std::reverse(machine_.told.begin(), machine_.told.end());
        machine_.at = 0;
        machine_.thread = thread;
        machine_.learned = &learned;
        machine_.in_thread = true;
        if (setjmp(machine_.enough) == 0) meeting.run(thread);
        machine_.in_thread = false;
        ++found_.runs;
    }
    std::uint32_t learn(unsigned thread, std::uint32_t before, std::uint64_t told) {
        Knowledge learned;
        learned.before = before;
        learned.told = told;
        run(make(), thread, learned);
        knowledge_.push_back(std::move(learned));
        return static_cast<std::uint32_t>(knowledge_.size() - 1);
    }

    /// What a thread does without asking, now that it was told something.
    void arrive(State& state, unsigned thread) {
        Thread& mine = state.threads[thread];
        const Knowledge& now = knowledge_[mine.knows];
        if (now.wrote) {
            state.words[knowledge_[now.before].word] = *now.wrote;
            wake_others(state, thread);
        }
        if (!now.stores.empty()) may_touch(state, thread);
        mine.on_their_way.insert(mine.on_their_way.end(), now.stores.begin(), now.stores.end());
        if (now.takes_down) {
            for (unsigned other = 0; other < state.threads.size(); ++other) {
                if (other != thread && !state.threads[other].on_their_way.empty())
                    throw Wrong{"a store of thread " + std::to_string(other) +
                                " is on its way to what was taken down"};
            }
            state.taken_down_by = static_cast<int>(thread);
        }
        if (now.step == Step::kWrong) throw Wrong{now.wrong};
        if (now.step == Step::kWait) {
            if (!make().may_wait(thread)) throw Wrong{"thread " + std::to_string(thread) + " has to wait"};
            mine.waits = true;
        }
    }
    static void may_touch(const State& state, unsigned thread) {
        if (state.taken_down_by >= 0 && state.taken_down_by != static_cast<int>(thread))
            throw Wrong{"thread " + std::to_string(thread) + " touches what was taken down"};
    }
    static void wake_others(State& state, unsigned thread) {
        for (unsigned other = 0; other < state.threads.size(); ++other) {
            if (other != thread) state.threads[other].waits = false;
        }
    }
    static void let_arrive(State& state, unsigned thread, std::size_t index) {
        std::vector<Store>& stores = state.threads[thread].on_their_way;
        state.words[stores[index].word] = stores[index].value;
        stores.erase(stores.begin() + static_cast<std::ptrdiff_t>(index));
        wake_others(state, thread);
    }
    static std::size_t as_index(std::ptrdiff_t difference) { return static_cast<std::size_t>(difference); }
    static bool may_arrive(const std::vector<Store>& stores, std::size_t index) {
        if (stores[index].release) return index == 0;
        for (std::size_t earlier = 0; earlier < index; ++earlier) {
            if (stores[earlier].word == stores[index].word) return false;
        }
        return true;
    }

    /// The answer to a thread's step.
    std::uint64_t answer(State& state, unsigned thread) {
        std::vector<Store>& stores = state.threads[thread].on_their_way;
        const Knowledge& now = knowledge_[state.threads[thread].knows];
        switch (now.step) {
            case Step::kLoad:
                may_touch(state, thread);
                for (std::size_t i = stores.size(); i-- != 0;) {
                    if (stores[i].word == now.word) return stores[i].value;
                }
                return state.words[now.word];
            case Step::kUpdate: {
                may_touch(state, thread);
                const auto due = [&] {
                    return std::find_if(stores.begin(), stores.end(), [&](const Store& store) {
                        return now.release || store.word == now.word;
                    });
                };
                for (auto store = due(); store != stores.end(); store = due())
                    let_arrive(state, thread, store->release ? 0 : as_index(store - stores.begin()));
                return state.words[now.word];
            }
            case Step::kFence:
                for (Store& store : stores) store.fenced = true;
                return 0;
            case Step::kBarrier: {
                std::vector<Store>& passed = state.threads[now.word].on_their_way;
                while (!passed.empty() && (now.word == thread || passed.front().fenced))
                    let_arrive(state, now.word, 0);
                return 0;
            }
            default:
                return 0;
        }
    }
    void step(State& state, unsigned thread) {
        const std::uint64_t told = answer(state, thread);
        way_.back().told = told;
        const std::uint32_t before = state.threads[thread].knows;
        auto known = knowledge_[before].next.find(told);
        if (known == knowledge_[before].next.end()) {
            const std::uint32_t learned = learn(thread, before, told);
            known = knowledge_[before].next.emplace(told, learned).first;
        }
        state.threads[thread].knows = known->second;
    }

    /// How many interleavings there are from here to the end, each of them gone through once.
    double from(const State& state) {
        const auto [known, is_new] = seen_.emplace(state.key(), 0.0);
        if (!is_new) return known->second;
        double& count = known->second;
        if (seen_.size() > kMostStates) throw Wrong{"too many states to go through"};
        bool all_ended = true;
        for (unsigned thread = 0; thread < state.threads.size(); ++thread) {
            const Thread& mine = state.threads[thread];
            const Knowledge& now = knowledge_[mine.knows];
            all_ended &= now.step == Step::kEnd;
            if (now.step != Step::kEnd && !mine.waits) {
                way_.push_back({thread, mine.knows, 0, std::nullopt});
                State after = state;
                step(after, thread);
                arrive(after, thread);
                count += from(after);
                way_.pop_back();
            }
            for (std::size_t i = 0; i < mine.on_their_way.size(); ++i) {
                if (!may_arrive(mine.on_their_way, i)) continue;
                way_.push_back({thread, 0, 0, mine.on_their_way[i]});
                State after = state;
                let_arrive(after, thread, i);
                count += from(after);
                way_.pop_back();
            }
        }
        if (count == 0) {
            if (!all_ended) throw Wrong{"who waits, waits for ever"};
            judge(state);
            count = 1;
        }
        return count;
    }
    void judge(const State& state) {
        Meeting& meeting = make();
        for (unsigned thread = 0; thread < state.threads.size(); ++thread) {
            Knowledge again = knowledge_[state.threads[thread].knows];
            run(meeting, thread, again);
        }
        machine_.words = state.words;
        if (std::string wrong = meeting.wrong(); !wrong.empty()) throw Wrong{std::move(wrong)};
    }

    std::string line_of(const Event& event) const {
        std::ostringstream line;
        line << std::hex;
        if (event.store) {
            line << "a store of thread " << event.thread << " arrives: word " << event.store->word << " is 0x"
                 << event.store->value;
            return line.str();
        }
        const Knowledge& now = knowledge_[event.knows];
        line << "thread " << event.thread;
        if (now.step == Step::kLoad) line << " loads 0x" << event.told << " from word " << now.word;
        if (now.step == Step::kUpdate) line << " updates word " << now.word << ", 0x" << event.told;
        if (now.step == Step::kFence) line << " passes a signal fence";
        if (now.step == Step::kWait) line << " goes on";
        if (now.step == Step::kBarrier) line << " lets its barrier pass thread " << now.word;
        return line.str();
    }

    const std::function<Meeting&()>& make_;
    Machine machine_;
    std::vector<Knowledge> knowledge_{1};  ///< the first stands for none
    std::unordered_map<std::string, double> seen_;
    std::vector<Event> way_;
    Exploration found_;
};

}  // namespace

std::string Exploration::figures() const {
    std::ostringstream line;
    line << interleavings << " interleavings, " << states << " states, " << runs << " runs of a thread";
    return line.str();
}

Exploration explore(unsigned threads, const std::function<Meeting&()>& make) {
    return Search(threads, make).all();
}

unsigned current_thread() noexcept { return machine->thread; }

void fail(const char* what) {
    machine->learned->wrong = what;
    machine->step(Step::kWrong, 0, false);
    __builtin_unreachable();
}

void take_down() {
    if (machine->told_all()) machine->learned->takes_down = true;
}

void PlayedSync::signal_fence() noexcept {
    if (machine->in_thread) machine->step(Step::kFence, 0, false);
}

void PlayedSync::yield() noexcept {
    if (machine->in_thread) machine->step(Step::kWait, 0, false);
}

bool PlayedSync::barrier() noexcept {
    if (!machine->in_thread) return true;
    machine->step(Step::kBarrier, machine->thread, false);
    for (unsigned other = 0; other < machine->threads; ++other) {
        if (other != machine->thread) machine->step(Step::kBarrier, other, false);
    }
    return true;
}

std::uint32_t PlayedSync::enroll(std::uint64_t value) noexcept {
    machine->words.push_back(value);
    return static_cast<std::uint32_t>(machine->words.size() - 1);
}

std::uint64_t PlayedSync::load_word(std::uint32_t word) noexcept {
    return machine->in_thread ? machine->step(Step::kLoad, word, false) : machine->words[word];
}

void PlayedSync::store_word(std::uint32_t word, std::uint64_t value, bool release) noexcept {
    if (!machine->in_thread) {
        machine->words[word] = value;
    } else if (machine->told_all()) {
        machine->learned->stores.push_back({word, value, release, false});
    }
}

std::uint64_t PlayedSync::begin_update(std::uint32_t word, bool release) noexcept {
    return machine->in_thread ? machine->step(Step::kUpdate, word, release) : machine->words[word];
}

void PlayedSync::end_update(std::uint32_t word, std::uint64_t value) noexcept {
    if (!machine->in_thread) {
        machine->words[word] = value;
    } else if (machine->told_all()) {
        machine->learned->wrote = value;
    }
}

}  // namespace numapool::fakes
