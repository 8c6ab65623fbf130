// Owns: what a user must not do, and that the pool says so and changes nothing.
// Must not know: when it is done.
#pragma once

#include <cstddef>
#include <memory>

#include "pool_model.h"

namespace numapool::fuzz {

class ByteReader;

class Misuse {
public:
    explicit Misuse(PoolModel& model) noexcept : model_(model) {}

    /// A request that the model knows to be refused, if the pool is aware of nodes.
    void request(ModelPool& pool, const std::shared_ptr<ModelPool>& shared, const Wish& wish);
    /// A return that is wrong in some way, of block `index` where one is needed.
    void give(ByteReader& bytes, std::size_t index);

private:
    void foreign(ByteReader& bytes);
    void interior(ByteReader& bytes, std::size_t index);
    void to_another_pool(ByteReader& bytes, std::size_t index);
    void twice(ByteReader& bytes, std::size_t index);
    void with_its_seal(std::size_t index);
    /// Calls `act`, which must leave every figure of `pool` as it is.
    template <class Act>
    void unchanged(const ModelPool& pool, Act act);

    PoolModel& model_;
};

}  // namespace numapool::fuzz
