// Hashing that is the same on every machine and every run (unlike std::hash), for plan caches and GraphDefs.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

namespace nnx {

inline constexpr uint64_t hash_seed = 0x9e3779b97f4a7c15ull;

// splitmix64's finaliser over a running hash and one word.
constexpr uint64_t hash_combine(uint64_t seed, uint64_t word) {
  uint64_t z = seed ^ (word + hash_seed + (seed << 6) + (seed >> 2));
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

// FNV-1a over bytes.
constexpr uint64_t hash_bytes(std::string_view bytes) {
  uint64_t h = 0xcbf29ce484222325ull;
  for (const char c : bytes) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return h;
}

}  // namespace nnx
