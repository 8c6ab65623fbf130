// Owns: checks of two copies of the library in one process, as a program and its plug-in may bring them.
// Must not know: the library, which it reaches through its plug-ins alone.
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "one_copy.h"

namespace {

constexpr std::size_t kSizes[] = {100, 5000, 300'000, std::size_t{3} << 20};

const OneCopy& load(const char* path, int scope) {
    void* library = ::dlopen(path, RTLD_NOW | scope);
    if (library == nullptr) throw std::runtime_error(::dlerror());
    using Face = const OneCopy* (*)();
    return *reinterpret_cast<Face>(::dlsym(library, "one_copy"))();
}

/// The file that an address of code lies in.
std::string file_of(const void* code) {
    Dl_info info{};
    return ::dladdr(code, &info) != 0 ? info.dli_fname : "";
}

void use(const OneCopy& copy, void* pool, int value) {
    for (int i = 0; i < 300; ++i) {
        std::vector<void*> held;
        for (const std::size_t bytes : kSizes) {
            held.push_back(copy.get(pool, bytes));
            ASSERT_NE(held.back(), nullptr);
            std::memset(held.back(), value, 64);
        }
        for (void* block : held) {
            EXPECT_EQ(static_cast<char*>(block)[63], value) << "someone else had the same block";
            EXPECT_EQ(copy.give(pool, block), 0);
        }
    }
}

struct Pair {
    const char* name;
    const char* one;
    const char* other;
    int scope;
};

class TwoCopies : public testing::TestWithParam<Pair> {};
INSTANTIATE_TEST_SUITE_P(Each, TwoCopies,
                         testing::Values(Pair{"SharedAndStatic", COPY_SHARED, COPY_STATIC, RTLD_LOCAL},
                                         Pair{"TwoShared", COPY_SHARED, COPY_SECOND, RTLD_LOCAL},
                                         Pair{"SharedAndStaticGlobal", COPY_SHARED, COPY_STATIC,
                                              RTLD_GLOBAL}),
                         [](const auto& tested) { return std::string(tested.param.name); });

// F59
TEST_P(TwoCopies, F59_WorkSideBySideAndTakeNothingOfEachOther) {
    const OneCopy& one = load(GetParam().one, GetParam().scope);
    const OneCopy& other = load(GetParam().other, GetParam().scope);
    ASSERT_NE(file_of(one.code()), file_of(other.code())) << "these are one copy";
    void* const mine = one.make_pool();
    void* const theirs = other.make_pool();
    for (const std::size_t bytes : kSizes) {
        void* const of_mine = one.get(mine, bytes);
        void* const of_theirs = other.get(theirs, bytes);
        EXPECT_EQ(one.give(mine, of_theirs), one.foreign) << bytes;
        EXPECT_EQ(one.give_to_any(of_theirs), one.foreign);
        EXPECT_EQ(other.give(theirs, of_mine), other.foreign);
        EXPECT_EQ(other.give_to_any(of_mine), other.foreign);
        EXPECT_EQ(one.live(mine), 1U);
        EXPECT_EQ(other.live(theirs), 1U);
        EXPECT_EQ(one.give(mine, of_mine), 0);
        EXPECT_EQ(other.give(theirs, of_theirs), 0);
    }
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; ++t) {
        threads.emplace_back([&] { use(one, mine, 1); });
        threads.emplace_back([&] { use(other, theirs, 2); });
        threads.emplace_back([&] {  // both have something to do when this thread ends
            use(one, mine, 3);
            use(other, theirs, 4);
        });
    }
    for (std::thread& thread : threads) thread.join();
    const pid_t child = ::fork();  // both have handlers for it
    if (child == 0) {
        ::alarm(60);
        use(one, mine, 5);
        use(other, theirs, 6);
        ::_exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(one.live(mine), 0U);
    EXPECT_EQ(other.live(theirs), 0U);
    one.end_pool(mine);
    use(other, theirs, 7);
    other.end_pool(theirs);
}

void share_one_scope() {
    const OneCopy& one = load(COPY_SHARED, RTLD_GLOBAL);
    const OneCopy& other = load(COPY_SECOND, RTLD_GLOBAL);
    EXPECT_EQ(file_of(one.code()), file_of(other.code()));
    void* const pool = one.make_pool();
    void* const block = other.get(pool, 5000);
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(other.give(pool, block), 0);
    use(one, pool, 1);
    use(other, pool, 2);
    other.end_pool(pool);
}

// F59: where both are in the program's global scope, the dynamic linker gives both plug-ins the first one's
// functions, so there is one library.
TEST(TwoCopies, F59_InOneScopeTheFirstServesBoth) {
#if defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "AddressSanitizer calls two definitions of one name an error";
#endif
    const pid_t child = ::fork();  // what is loaded for all stays so
    if (child == 0) {
        share_one_scope();
        ::_exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

}  // namespace
