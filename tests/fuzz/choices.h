// Owns: reading sizes, requests and options out of bytes, the odd ones often enough.
// Must not know: what is done with them.
#pragma once

#include <cstddef>

#include "numapool/options.h"

#include "pool_model.h"

namespace numapool::fuzz {

class ByteReader;

std::size_t read_bytes(ByteReader& bytes);
/// More than 1 MiB, and up to 11 MiB.
std::size_t read_many_bytes(ByteReader& bytes);
/// At most 64 KiB more than 1 KiB.
std::size_t read_few_bytes(ByteReader& bytes);
/// How much of a block of `block_bytes` is written and checked: all of a small one, seldom all of a large
/// one.
Cover read_cover(ByteReader& bytes, std::size_t block_bytes);
Request read_request(ByteReader& bytes, const PoolModel& model);
PoolOptions read_options(ByteReader& bytes, bool decay_allowed);
/// A request that must be refused, for a pool that is aware of nodes.
Wish read_bad_wish(ByteReader& bytes);

}  // namespace numapool::fuzz
