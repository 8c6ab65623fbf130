// Owns: whether this is a build in which everything takes many times as long.
// Must not know: what is tested.
#pragma once

namespace numapool::fakes {

/// A sanitizer is at work. Long random walks and large cases belong into plain builds; what they do is the
/// same from step to step, and a part of them shows a race or an overrun as well.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSlowRuns = true;
#else
inline constexpr bool kSlowRuns = false;
#endif

}  // namespace numapool::fakes
