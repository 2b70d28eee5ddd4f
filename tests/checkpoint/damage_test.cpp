// Whatever happens to the bytes of a checkpoint is noticed, the file is named, and an older one is taken.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "checkpoint/helpers.h"
#include "checkpoint/manifest.h"
#include "checkpoint/posix_file.h"

using namespace nnx;
using namespace nnx::test;

namespace {

// Two checkpoints, steps 1 and 2, and a way to damage the newer one.
struct Damaged {
  TemporaryDirectory run;
  CheckpointStore store{run.path, "id"};
  CheckpointStore reader{run.path, "id", {.read_only = true}};
  fs::path newer = store.directory_of(2);
  Damaged() {
    store.save(checkpoint_of(1));
    store.save(checkpoint_of(2, 1.5f));
  }

  // That reading fails naming `file`.
  void expect_refused(const std::string& file) {
    const Error e = error_of([&] { reader.read(2); });
    CHECK(e.kind() == ErrorKind::data);
    CHECK(mentions(e, (newer / file).string()));
  }

  // And that the older one is taken with a note that names it.
  void expect_older(const std::string& file) {
    std::vector<std::string> notes;
    CHECK(reader.newest(notes)->step == 1);
    REQUIRE(notes.size() == 1);
    CHECK(notes[0].find((newer / file).string()) != std::string::npos);
  }
};

// A manifest that says `from` as `to`, with its own CRC made right again.
std::string forged(const std::string& manifest, const std::string& from, const std::string& to) {
  std::string body = manifest.substr(0, manifest.rfind("\"crc32\""));
  const size_t at = body.find(from);
  REQUIRE(at != std::string::npos);
  body.replace(at, from.size(), to);
  return fmt::format("{}\"crc32\":\"{:08x}\"\n}}\n", body, crc32_of(body));
}

}  // namespace

TEST_CASE("the CRC is the one of zlib, gzip and PNG") { CHECK(crc32_of("123456789") == 0xcbf43926u); }

TEST_CASE("every byte of a checkpoint, changed, is detected; the older one is taken") {
  Damaged d;
  std::vector<std::string> notes;
  CHECK(d.reader.newest(notes)->step == 2);
  size_t flips = 0;
  for (const std::string& file : names_in(d.newer)) {
    const std::string good = contents(d.newer / file);
    for (size_t i = 0; i < good.size(); ++i) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << (i * 5 + 3) % 8));
      overwrite(d.newer / file, bad);
      CAPTURE(file);
      CAPTURE(i);
      d.expect_older(file);
      ++flips;
    }
    overwrite(d.newer / file, good);
  }
  CHECK(difference(d.store.read(2), checkpoint_of(2, 1.5f)) == "");
  MESSAGE(flips, " bytes");
}

TEST_CASE("every truncation, and bytes added, are detected") {
  Damaged d;
  for (const std::string& file : names_in(d.newer)) {
    CAPTURE(file);
    const std::string good = contents(d.newer / file);
    for (size_t length = 0; length < good.size(); ++length) {
      overwrite(d.newer / file, good.substr(0, length));
      CAPTURE(length);
      d.expect_refused(file);
    }
    for (const std::string& added : {std::string(1, '\0'), std::string("\n"), std::string(4096, ' ')}) {
      overwrite(d.newer / file, good + added);
      d.expect_refused(file);
    }
    overwrite(d.newer / file, good);
  }
}

TEST_CASE("swapped, missing, extra, linked and special files are refused") {
  Damaged d;
  for (const std::string& file : names_in(d.newer)) {
    CAPTURE(file);
    const fs::path path = d.newer / file, kept = d.run.path / "kept";
    fs::rename(path, kept);
    d.expect_refused(file);
    d.expect_older(file);
    fs::create_symlink(kept, path);
    d.expect_refused(file);
    fs::remove(path);
    fs::create_directory(path);
    d.expect_refused(file);
    fs::remove(path);
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    d.expect_refused(file);
    fs::remove(path);
    fs::copy(d.store.directory_of(1) / file, path);  // the same file of another step
    if (contents(path) != contents(kept)) d.expect_refused(file);
    fs::remove(path);
    fs::rename(kept, path);
  }
  for (const std::string extra : {"more.safetensors", "notes.txt", ".hidden"}) {
    overwrite(d.newer / extra, "x");
    const Error e = error_of([&] { d.store.read(2); });
    CHECK(mentions(e, "not part of the checkpoint"));
    CHECK(mentions(e, extra));
    fs::remove(d.newer / extra);
  }
  CHECK(d.store.read(2).step == 2);
}

TEST_CASE("newest renames each damaged one, notes it, and is an error when none is left, also the next time") {
  Damaged d;
  overwrite(d.newer / "params.safetensors", "x");
  std::vector<std::string> notes;
  CHECK(d.store.newest(notes)->step == 1);
  REQUIRE(notes.size() == 1);
  CHECK(notes[0].find("step-00000002/params.safetensors: expected") != std::string::npos);
  CHECK(notes[0].find("renamed to .bad.step-00000002") != std::string::npos);
  CHECK(names_in(d.run.path / "checkpoints") == std::vector<std::string>{".bad.step-00000002", "step-00000001"});
  d.store.save(checkpoint_of(2));
  overwrite(d.newer / "graphdef.json", "x");
  overwrite(d.store.directory_of(1) / "rng.safetensors", "x");
  for (int again = 0; again < 2; ++again) {
    const Error e = error_of([&] { d.store.newest(notes); });
    CHECK(e.kind() == ErrorKind::data);
    CHECK(mentions(e, "none of them is whole"));
  }
  CHECK(names_in(d.run.path / "checkpoints") ==
        std::vector<std::string>{".bad.step-00000001", ".bad.step-00000002", ".bad.step-00000002.1"});
  CHECK(notes.size() == 3);
}

TEST_CASE("links and files in the place of a checkpoint are set aside") {
  Damaged d;
  fs::create_directory_symlink(d.newer, d.store.directory_of(3));
  overwrite(d.store.directory_of(4), "x");
  fs::create_directory(d.store.directory_of(5));
  std::vector<std::string> notes;
  CHECK(d.store.newest(notes)->step == 2);
  CHECK(notes.size() == 3);
}

TEST_CASE("a checkpoint of a newer format is an error that is no damage: it stays, and nothing older is taken") {
  Damaged d;
  const std::string manifest = contents(d.newer / manifest_name);
  overwrite(d.newer / manifest_name, forged(manifest, "\"format_version\":1", "\"format_version\":2"));
  std::vector<std::string> notes;
  const Error e = error_of([&] { d.store.newest(notes); });
  CHECK(exit_code(e.kind()) == 65);
  CHECK(mentions(e, "format_version"));
  CHECK(notes.empty());
  CHECK(d.store.steps() == std::vector<int64_t>{1, 2});
}

TEST_CASE("a forged manifest cannot name files elsewhere, twice, or of a wrong size") {
  Damaged d;
  const std::string manifest = contents(d.newer / manifest_name);
  const std::vector<std::pair<std::string, std::string>> forgeries = {
      {"\"params.safetensors\"", "\"../step-00000001/params.safetensors\""},
      {"\"params.safetensors\"", "\"/etc/passwd\""},
      {"\"params.safetensors\"", "\"rng.safetensors\""},
      {"\"params.safetensors\"", "\"MANIFEST.json\""},
      {"\"params.safetensors\"", "\"Params.safetensors\""},
      {"\"params.safetensors\"", "7"},
      {"\"size\":", "\"size\":9"},
      {"\"size\":", "\"size\":-"},
      {"\"crc32\":\"", "\"crc32\":\"0"},
      {"\"files\":[", "\"files\":[7,"},
      {"\"step\":2", "\"step\":3"},
      {"\"step\":2", "\"step\":2.0"},
      {"\"step\":2", "\"step\":2,\"step\":2"},
      {"\"run_id\":\"id\"", "\"run_id\":\"other\""},
      {"\"format_version\":1", "\"format_version\":0"},
      {"\"progress\":", "\"progress2\":"},
  };
  for (const auto& [from, to] : forgeries) {
    CAPTURE(to);
    overwrite(d.newer / manifest_name, forged(manifest, from, to));
    const Error e = error_of([&] { d.store.read(2); });
    CAPTURE(e.what());
    CHECK(e.kind() == ErrorKind::data);
    CHECK(mentions(e, "step-00000002"));
  }
}

TEST_CASE("a checkpoint with right CRCs but weights that are not finite is refused") {
  Damaged d;
  const fs::path file = d.newer / "params.safetensors";
  const std::string good = contents(file);
  std::string bad = good;
  const std::string nan("\0\0\xc0\x7f", 4);
  bad.replace(bad.size() - 7, 4, nan);  // the last float: three booleans follow it
  overwrite(file, bad);
  const std::string manifest = contents(d.newer / manifest_name);
  overwrite(d.newer / manifest_name,
            forged(manifest, fmt::format("{:08x}", crc32_of(good)), fmt::format("{:08x}", crc32_of(bad))));
  const Error e = error_of([&] { d.store.read(2); });
  CHECK(e.kind() == ErrorKind::data);
  CHECK(mentions(e, "not finite"));
}
