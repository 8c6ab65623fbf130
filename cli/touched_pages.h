// Owns: touching the pages of memory and looking them up.
// Must not know: who the memory belongs to.
#pragma once

#include <cstddef>
#include <span>

#include "numapool/page_map.h"

namespace numapool_cli {

using Block = std::span<std::byte>;

/// Writes a byte to each page that a block has part in.
void touch_pages(std::span<const Block> blocks);

/// Looks up, once each, all pages that the blocks have part in.
numapool::PageMap look_up_pages(std::span<const Block> blocks);
/// The same, without the pages that a block shares with others.
numapool::PageMap look_up_whole_pages(std::span<const Block> blocks);

/// Adds the counts of `part` to those of `sum`.
void add_pages(numapool::PageMap& sum, const numapool::PageMap& part);
/// The pages that lie on one of `nodes`.
std::uint64_t pages_on(const numapool::PageMap& map, std::span<const int> nodes);

}  // namespace numapool_cli
