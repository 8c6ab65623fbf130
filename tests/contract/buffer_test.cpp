// Owns: checks of Buffer, Shape and Array: ownership, sizes, indices.
// Must not know: pools beyond their face.
#include <numeric>
#include <type_traits>

#include "pool_case.h"

namespace numapool {
namespace {

class BufferTest : public testing::Test {
protected:
    std::uint64_t live() const { return pool_.get_statistics().live_buffers; }
    MemoryPool pool_{steady_options()};
};

static_assert(!std::is_copy_constructible_v<Buffer>);
static_assert(std::is_nothrow_move_constructible_v<Buffer>);
static_assert(!std::is_copy_constructible_v<Array<int>>);

TEST_F(BufferTest, OwnsItsBlockUntilItMovesOrEnds) {
    Buffer a = pool_.get_buffer(1000);
    EXPECT_EQ(a.size(), 1000U);
    EXPECT_EQ(a.bytes().size(), 1000U);
    void* block = a.data();
    Buffer b = std::move(a);
    EXPECT_EQ(b.data(), block);
    EXPECT_EQ(live(), 1U);
    Buffer c = pool_.get_buffer(2000);
    EXPECT_EQ(live(), 2U);
    c = std::move(b);
    EXPECT_EQ(live(), 1U) << "what c held came back";
    void* released = c.release();
    EXPECT_EQ(released, block);
    EXPECT_FALSE(c);
    EXPECT_EQ(live(), 1U);
    EXPECT_EQ(return_block(released), ErrorCode::kOk);
    EXPECT_EQ(live(), 0U);
    EXPECT_EQ(return_block(nullptr), ErrorCode::kOk);
}

TEST_F(BufferTest, MovingOntoItselfKeepsTheBlock) {
    Buffer a = pool_.get_buffer(1000);
    Buffer& same = a;
    a = std::move(same);
    EXPECT_TRUE(a);
    EXPECT_EQ(live(), 1U);
}

TEST_F(BufferTest, ReturnedBuffersAreEmpty) {
    Buffer a = pool_.get_buffer(1000);
    pool_.return_buffer(std::move(a));
    EXPECT_FALSE(a);
    pool_.return_buffer(std::move(a));
    EXPECT_EQ(live(), 0U);
    EXPECT_EQ(pool_.get_statistics().auto_returns, 0U);
}

TEST_F(BufferTest, ArraysHaveShapesAndIndices) {
    Array<int> array = pool_.get_array<int>({3, 4, 5});
    EXPECT_EQ(array.size(), 60U);
    std::iota(array.begin(), array.end(), 0);
    EXPECT_EQ(array(0, 0, 0), 0);
    EXPECT_EQ(array(1, 2, 3), 1 * 20 + 2 * 5 + 3);
    EXPECT_EQ(array[59], 59);
    EXPECT_EQ(array.span().back(), 59);
    Array<int> moved = std::move(array);
    EXPECT_EQ(array.size(), 0U);
    EXPECT_EQ(moved.shape(), (Shape{3, 4, 5}));
    pool_.return_array(std::move(moved));
    EXPECT_EQ(live(), 0U);
}

TEST_F(BufferTest, ArraysAreAlignedForTheirItems) {
    struct alignas(256) Wide {
        char bytes[256];
    };
    const Array<Wide> array = pool_.get_array<Wide>({3});
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.data()) % 256, 0U);
}

TEST_F(BufferTest, AnArrayNeedsABufferThatHoldsIt) {
    Buffer buffer = pool_.get_buffer(100);
    EXPECT_THROW(Array<double>(std::move(buffer), Shape{13}), ArgumentError);
    EXPECT_TRUE(buffer) << "left alone";
    const Array<double> fits(std::move(buffer), Shape{12});
    EXPECT_EQ(fits.size(), 12U);
    Buffer shifted(static_cast<char*>(nullptr) + 4, 100);
    EXPECT_THROW(Array<double>(std::move(shifted), Shape{2}), ArgumentError);
    static_cast<void>(shifted.release());
}

TEST_F(BufferTest, AnArrayOfAnotherPoolKeepsItsElements) {
    MemoryPool other(steady_options());
    Array<int> array = other.get_array<int>({10});
    array[3] = 77;
    EXPECT_THROW(pool_.return_array(std::move(array)), ArgumentError);
    ASSERT_EQ(array.size(), 10U);
    EXPECT_EQ(array[3], 77);
    other.return_array(std::move(array));
}

TEST_F(BufferTest, ZeroedArraysAreZero) {
    for (int i = 0; i < 3; ++i) {
        Array<double> array = pool_.get_array<double>({100, 100}, {.zeroed = true});
        for (const double value : array) ASSERT_EQ(value, 0.0);
        for (double& value : array) value = 1.0;
    }
}

// F02
TEST(Shapes, F02_OverflowIsToldBeforeAnythingHappens) {
    const std::size_t huge = std::size_t{1} << 33;
    EXPECT_THROW((Shape{huge, huge}.bytes(8)), ArgumentError);
    EXPECT_THROW((Shape{huge, huge, 2}.bytes(8)), ArgumentError)
        << "the last product is a small number again";
    EXPECT_THROW((Shape{std::size_t{1} << 62}.bytes(2)), ArgumentError);
    EXPECT_THROW((Shape{static_cast<std::size_t>(-3)}.bytes(1)), ArgumentError) << "F01: a negative extent";
    EXPECT_EQ((Shape{huge, huge, 0}.bytes(8)), 0U) << "an empty array overflows nothing";
    EXPECT_EQ((Shape{2, 3}.bytes(8)), 48U);
    EXPECT_EQ(Shape{}.bytes(8), 8U);
    EXPECT_THROW((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), ArgumentError);
}

// F26
TEST(ZeroOnReturn, F26_NoByteOfOneHolderReachesTheNext) {
    PoolOptions options = steady_options();
    options.zero_on_return = true;
    MemoryPool pool(options);
    for (int round = 0; round < 4; ++round) {
        std::vector<Buffer> buffers;
        for (const std::size_t bytes : kSizes) {
            buffers.push_back(pool.get_buffer(bytes));
            ASSERT_TRUE(holds(buffers.back().data(), bytes, 0)) << bytes;
            fill(buffers.back().data(), bytes, 0x5E);
        }
        const std::vector<Buffer> returned = std::move(buffers);
    }
    EXPECT_GT(pool.get_statistics().cache_hits, 0U) << "the secrets' memory was handed out again";
}

}  // namespace
}  // namespace numapool
