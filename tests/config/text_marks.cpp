#include "config/text_marks.h"

#include <doctest/doctest.h>

#include <sstream>

#include "config/parse.h"

using namespace nnx;

namespace {

// The text of `file` from a place on.
std::string at(const std::string& file, const Origin& place) {
  std::istringstream lines(file);
  std::string line;
  for (int i = 0; i < place.line; ++i) std::getline(lines, line);
  size_t byte = 0;
  for (int column = 1; byte < line.size() && column < place.column; ++column)
    do ++byte; while (byte < line.size() && (line[byte] & 0xc0) == 0x80);
  return line.substr(byte);
}

}  // namespace

TEST_CASE("each word of a scalar is found in its file, however the scalar is written") {
  const std::vector<std::string> files{
      "call: alpha + beta(gamma)\n",
      "call:   'alpha + beta(gamma)'  # quoted\n",
      "call: \"alpha\\t+ \\u00e4 beta(gamma)\"\n",
      "call: 'alpha + '' + beta(gamma)'\n",
      "call: |\n  alpha\n  beta\n    gamma\n",
      "call: |\n\n  alpha\n\n  # note\n    beta\n  gamma\n",
      "call: >-\n  alpha\n  beta\n\n  gamma\n",
      "a:\n  call: |2-\n      alpha\n    beta\n    gamma\n",
      "call: alpha +\n  beta +\n   gamma\n",
      "call: \"alpha +\n  beta \\\n   gamma\"\n",
      "call: 'alpha +\n\n  beta\n   gamma'\n",
      "{call: alpha + beta, other: gamma}\n",
      "call: ä + alpha + \"ö\" + beta + gamma\n",
      "call: |\r\n  alpha\r\n  beta\r\n  gamma\r\n",
  };
  for (const std::string& file : files) {
    CAPTURE(file);
    const ConfigNode root = parse_yaml(file, "c.yaml");
    const ConfigNode* found = root.find("call") ? root.find("call") : root.find_path("a.call");
    REQUIRE(found);
    for (const std::string word : {"alpha", "beta", "gamma"}) {
      const size_t offset = found->text().find(word);
      if (offset == std::string::npos) continue;
      CHECK(at(file, found->origin_at(offset)).starts_with(word));
    }
  }
}

TEST_CASE("a place inside of a scalar counts characters, and lines of a block") {
  const ConfigNode root = parse_yaml("a: ä + x\nb: |\n  one\n  two three\n", "c.yaml");
  CHECK(root.find("a")->origin_at(root.find("a")->text().find('x')).text() == "c.yaml:1:8");
  CHECK(root.find("b")->origin_at(root.find("b")->text().find("three")).text() == "c.yaml:4:7");
}
