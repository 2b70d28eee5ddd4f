#include "base/error.h"

#include <doctest/doctest.h>

#include "base/hash.h"

namespace nnx::test {

TEST_CASE("an error says where, what was expected, what came and what to do") {
  const auto text = [](ErrorParts parts) { return std::string(Error(ErrorKind::config, std::move(parts)).what()); };
  CHECK(text({.where = "a.yaml:1:2: rate", .expected = "a number in [0, 1]", .got = "1.5", .hint = "try 0.5"}) ==
        "a.yaml:1:2: rate: expected a number in [0, 1], got 1.5; try 0.5");
  CHECK(text({.message = "broken"}) == "broken");
  CHECK(text({.where = "x", .got = "3"}) == "x: got 3");
  CHECK_THROWS_WITH_AS(fail(ErrorKind::io, {.where = "f", .message = "cannot be read"}), "f: cannot be read", Error);
  CHECK_THROWS_WITH_AS(check(false, "an invariant"), "an invariant", Error);
  CHECK_NOTHROW(check(true, "an invariant"));
}

TEST_CASE("every kind has its documented exit code") {
  CHECK(exit_code(ErrorKind::usage) == 64);
  CHECK(exit_code(ErrorKind::data) == 65);
  CHECK(exit_code(ErrorKind::missing) == 66);
  for (const ErrorKind kind : {ErrorKind::internal, ErrorKind::shape, ErrorKind::structure, ErrorKind::numeric})
    CHECK(exit_code(kind) == 70);
  CHECK(exit_code(ErrorKind::cannot_create) == 73);
  CHECK(exit_code(ErrorKind::io) == 74);
  CHECK(exit_code(ErrorKind::busy) == 75);
  CHECK(exit_code(ErrorKind::config) == 78);
}

TEST_CASE("the nearest name is found, or none") {
  const std::vector<std::string> names{"learning_rate", "momentum", "nesterov"};
  CHECK(nearest("learning_rat", names) == "learning_rate");
  CHECK(nearest("momentun", names) == "momentum");
  CHECK(nearest("banana", names) == "");
  CHECK(nearest("x", {}) == "");
}

TEST_CASE("quoted input cannot break a line or flood it") {
  CHECK(in_quotes("a\n\tb\x01") == "'a\\n\\tb\\x01'");
  CHECK(in_quotes("abcdef", 3) == "'abc...'");
  CHECK(in_quotes("") == "''");
}

TEST_CASE("hashes are the same on every machine") {
  CHECK(hash_bytes("") == 0xcbf29ce484222325ull);  // FNV-1a's published vectors
  CHECK(hash_bytes("a") == 0xaf63dc4c8601ec8cull);
  CHECK(hash_bytes("foobar") == 0x85944171f73967e8ull);
  CHECK(hash_combine(1, 2) != hash_combine(2, 1));
}

}  // namespace nnx::test
