#include "checkpoint/safetensors.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "checkpoint/helpers.h"

using namespace nnx;
using namespace nnx::test;

namespace {

std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span(text.data(), text.size())); }

std::string with_length(uint64_t length, const std::string& rest) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(length >> 8 * i & 0xff);
  return out + rest;
}

std::string file_of(const std::string& header, size_t data = 0) {
  return with_length(header.size(), header) + std::string(data, '\0');
}

std::string encoded(const State& state) {
  std::string out;
  const EncodedState file = encode_state(state, "test");
  for (const auto part : file.parts()) out.append(reinterpret_cast<const char*>(part.data()), part.size());
  return out;
}

State all_leaves() {
  State out;
  for (const auto& [name, state] : checkpoint_of(1).partitions)
    for (const auto& [path, leaf] : state) out.insert(path, leaf);
  return out;
}

}  // namespace

TEST_CASE("a State comes back bit for bit, with kinds, tags, metadata and the very steps of its paths") {
  const State state = all_leaves();
  const std::string file = encoded(state);
  CHECK(difference(decode_state(bytes(file), "test"), state) == "");
  CHECK(encoded(decode_state(bytes(file), "test")) == file);
  CHECK(encoded(State{}) == with_length(24, "{\"__metadata__\":{}}     "));
  CHECK(decode_state(bytes(encoded(State{})), "test").empty());
}

TEST_CASE("the bytes are those of the format's specification") {
  State state;
  state.insert({Key("b")}, {array<float>({1, 2}, {1, 2}), &Param::static_kind()});
  state.insert({Key("a")}, {scalar<int32_t>(3), &Param::static_kind()});
  const std::string header = R"({"__metadata__":{"a":"{\"kind\":\"Param\"}","b":"{\"kind\":\"Param\"}"},)"
                             R"("a":{"data_offsets":[0,4],"dtype":"I32","shape":[]},)"
                             R"("b":{"data_offsets":[4,12],"dtype":"F32","shape":[1,2]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  using namespace std::string_literals;
  CHECK(encoded(state) == with_length(padded.size(), padded) + "\x03\0\0\0\0\0\x80\x3f\0\0\0\x40"s);
}

TEST_CASE("tensors are aligned for their element types") {
  const std::string file = encoded(all_leaves());
  for (const SafeTensor& t : parse_safetensors(bytes(file), "test").tensors) {
    const auto offset = static_cast<size_t>(t.bytes.data() - reinterpret_cast<const std::byte*>(file.data()));
    CAPTURE(t.name);
    CHECK(offset % size_of(t.type.dtype) == 0);
  }
}

TEST_CASE("a hostile header is refused with a reason, before anything is made of it") {
  const auto tensor = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return fmt::format(R"({{"dtype":"{}","shape":{},"data_offsets":{}}})", dtype, shape, offsets);
  };
  const auto one = [&](const std::string& value, size_t data = 4) { return file_of("{\"w\":" + value + "}", data); };
  const std::string good = tensor("F32", "[1]", "[0,4]");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "too few"},
      {"1234567", "too few"},
      {with_length(0, ""), "'{'"},
      {with_length(100'000'001, "{}"), "at most"},
      {with_length(~uint64_t{0}, "{}"), "at most"},
      {with_length(3, "{}"), "ends inside"},
      {file_of(" {}"), "'{'"},
      {file_of("[]"), "'{'"},
      {file_of("{} x"), "JSON"},
      {file_of("{\"a\xff\":1}"), "JSON"},
      {file_of(std::string("{\"a\\u0001\":") + good + "}", 4), "not allowed"},
      {file_of("{\"" + std::string(1025, 'n') + "\":" + good + "}", 4), "not allowed"},
      {file_of("{\"w\":" + good + ",\"w\":" + good + "}", 4), "twice"},
      {file_of(R"({"__metadata__":{"a":1}})"), "string"},
      {file_of(R"({"__metadata__":[]})"), "not an object"},
      {file_of(R"({"__metadata__":{"a":"1","a":"2"}})"), "twice"},
      {file_of("{\"w\":" + std::string(50, '[')), "nested deeper"},
      {one("[]"), "nothing else"},
      {one(R"({"dtype":"F32","shape":[1]})"), "nothing else"},
      {one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1})"), "nothing else"},
      {one(R"({"dtype":"F32","shape":[1],"offsets":[0,4]})"), "data_offsets"},
      {one(tensor("F16", "[2]", "[0,4]")), "dtypes"},
      {one(tensor("f32", "[1]", "[0,4]")), "dtypes"},
      {one(tensor("F32", "1", "[0,4]")), "list of at most 8"},
      {one(tensor("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]")), "list of at most 8"},
      {one(tensor("F32", "[-1]", "[0,4]")), "unsigned"},
      {one(tensor("F32", "[1.0]", "[0,4]")), "unsigned"},
      {one(tensor("F32", "[4294967296,4294967296]", "[0,4]")), "overflows"},
      {one(tensor("F32", "[0,4294967296,4294967296]", "[0,0]"), 0), "overflows"},
      {one(tensor("F32", "[4294967296,4294967296,0]", "[0,0]"), 0), "overflows"},
      {one(tensor("F32", "[18446744073709551615]", "[0,4]")), "overflows"},
      {one(tensor("F32", "[9223372036854775807]", "[0,4]")), "overflows"},
      {one(tensor("F32", "[4611686018427387904]", "[0,0]"), 0), "overflows"},
      {one(tensor("F32", "[2]", "[0,4]")), "8 bytes"},
      {one(tensor("F32", "[1]", "[4,0]")), "end before"},
      {one(tensor("F32", "[1]", "[0,4,8]")), "two numbers"},
      {one(tensor("F32", "[1]", "[0,\"4\"]")), "unsigned"},
      {one(tensor("F32", "[1]", "[0,4.0]")), "unsigned"},
      {one(tensor("F32", "[1]", "[-4,0]")), "unsigned"},
      {one(tensor("F32", "[1]", "[18446744073709551612,18446744073709551616]")), "unsigned"},
      {one(tensor("F32", "[1]", "[4,8]"), 8), "hole"},
      {one(good, 3), "after the data"},
      {one(good, 5), "after the last tensor"},
      {file_of("{}", 1), "after the last tensor"},
      {file_of("{\"a\":" + good + ",\"b\":" + good + "}", 4), "overlap"},
      {file_of("{\"a\":" + good + ",\"b\":" + tensor("F32", "[1]", "[8,12]") + "}", 12), "hole"},
      {file_of("{\"a\":" + tensor("F32", "[2]", "[0,8]") + ",\"b\":" + tensor("F32", "[1]", "[4,8]") + "}", 8),
       "overlap"},
  };
  for (const auto& [text, why] : cases) {
    CAPTURE(text.substr(0, 200));
    const Error e = error_of([&] { parse_safetensors(bytes(text), "w.safetensors"); });
    CAPTURE(e.what());
    CHECK(e.kind() == ErrorKind::data);
    CHECK(mentions(e, "w.safetensors"));
    CHECK(mentions(e, why));
  }
}

TEST_CASE("what a State needs beyond the format is checked too") {
  const std::string good = R"("w":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]})";
  const auto with_info = [&](const std::string& info) {
    return file_of("{\"__metadata__\":{" + info + "}," + good + "}", 1);
  };
  CHECK(decode_state(bytes(with_info(R"("w":"{\"kind\":\"Param\"}")")), "f").size() == 1);
  std::string two = with_info(R"("w":"{\"kind\":\"Param\"}")");
  two.back() = 2;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {two, "neither 0 nor 1"},
      {with_info(""), "no kind"},
      {with_info(R"("w":"{}")"), "kind"},
      {with_info(R"("w":"[")"), "JSON"},
      {with_info(R"("w":"{\"kind\":7}")"), "string"},
      {with_info(R"("w":"{\"kind\":\"Param\",\"x\":1}")"), "unknown member"},
      {with_info(R"("w":"{\"kind\":\"Param\",\"path\":[\"v\"]}")"), "its path is"},
      {with_info(R"("w":"{\"kind\":\"Param\",\"path\":7}")"), "not a list"},
      {with_info(R"("w":"{\"kind\":\"Param\"}","v":"")"), "not there"},
  };
  for (const auto& [text, why] : cases) {
    const Error e = error_of([&] { decode_state(bytes(text), "f"); });
    CAPTURE(e.what());
    CHECK(e.kind() == ErrorKind::data);
    CHECK(mentions(e, why));
  }
}

TEST_CASE("a State that cannot be written is refused") {
  const auto refused = [](Path path, Array value) {
    State state;
    state.insert(std::move(path), {std::move(value), &Param::static_kind()});
    return error_of([&] { encode_state(state, "f"); }).kind() == ErrorKind::structure;
  };
  CHECK(refused({Key("a\nb")}, scalar<float>(1)));
  CHECK(refused({Key("\xff")}, scalar<float>(1)));
  CHECK(refused({Key("__metadata__")}, scalar<float>(1)));
  CHECK(refused({Key("a")}, Array()));
  State twins;
  twins.insert({Key("a"), Key("b")}, {scalar<float>(1), &Param::static_kind()});
  twins.insert({Key("a.b")}, {scalar<float>(2), &Param::static_kind()});
  CHECK(mentions(error_of([&] { encode_state(twins, "f"); }), "two paths"));
}

TEST_CASE("every cut, every changed byte of a file is an Error or a State, never worse") {
  State state;
  state.insert({Key("w")}, {array<float>({1, 2}, {2}), &Param::static_kind()});
  state.insert({Key("f")}, {array<bool>({true}, {1}), &Param::static_kind()});
  const std::string file = encoded(state);
  for (size_t i = 0; i < file.size(); ++i) {
    CHECK(error_of([&] { decode_state(bytes(file.substr(0, i)), "f"); }).kind() == ErrorKind::data);
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = file;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      const Error e = error_of([&] { decode_state(bytes(damaged), "f"); });
      CHECK((e.kind() == ErrorKind::data || std::string_view(e.what()).empty()));
    }
  }
}
