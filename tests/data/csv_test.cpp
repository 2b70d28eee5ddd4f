// The csv reader: values, labels, schema, and the exact text of every refusal.
#include "data/csv.h"

#include <cmath>

#include "helpers.h"
#include "support/paths.h"

using namespace nnx;

namespace {

struct Csv {
  test::Folder folder;
  CsvOptions options{.path = "a.csv", .label = "y"};
  Dataset read(const std::string& text, const DataSchema* like = nullptr) const {
    folder.write("a.csv", text);
    return read_csv(options, folder.path, like);
  }
  std::string refusal(const std::string& text, ErrorKind kind = ErrorKind::data,
                      const DataSchema* like = nullptr) const {
    return test::error_of(kind, folder, [&] { read(text, like); });
  }
};

}  // namespace

TEST_CASE("csv: numbers, integer labels, quotes, blanks, a byte order mark and both line ends") {
  Csv csv;
  const Dataset data = csv.read(
      "\xef\xbb\xbf"
      "a, \"b\"\"c\" ,y\r\n1, -2.5e-1 ,0\n+3,\"4\",2\r\n\n");
  CHECK(data.rows == 2);
  CHECK(data.schema.feature_names == std::vector<std::string>{"a", "b\"c"});
  CHECK(data.schema.feature_shape == std::vector<int64_t>{2});
  CHECK(data.schema.classes == 3);
  CHECK(data.feature_row(0)[1] == -0.25f);
  CHECK(data.feature_row(1)[0] == 3.0f);
  CHECK(data.feature_row(1)[1] == 4.0f);
  CHECK(data.label(1) == 2);
  REQUIRE(data.sources.size() == 1);
  CHECK(data.sources[0].bytes == std::filesystem::file_size(csv.folder.path / "a.csv"));
}

TEST_CASE("csv: text labels are numbered in sorted order, and a later file follows") {
  Csv csv;
  const Dataset train = csv.read("x,y\n1,setosa\n2,iris\n3,setosa\n4,\"a,b\"\n");
  CHECK(train.schema.class_names == std::vector<std::string>{"a,b", "iris", "setosa"});
  CHECK(train.label(0) == 2);
  CHECK(train.label(1) == 1);
  CHECK(train.label(3) == 0);
  const Dataset test = csv.read("x,y\n1,iris\n", &train.schema);
  CHECK(test.label(0) == 1);
  CHECK(test.schema.classes == 3);
  CHECK(csv.refusal("x,y\n1,oak\n", ErrorKind::data, &train.schema) ==
        "a.csv:2:3: expected one of the 3 known classes, got 'oak'");
  CHECK(csv.refusal("z,y\n1,iris\n", ErrorKind::data, &train.schema) ==
        "a.csv: feature 1 differs from the training data: expected column 'x', got column 'z'");
  CHECK(csv.refusal("x,w,y\n1,1,iris\n", ErrorKind::data, &train.schema) ==
        "a.csv: feature 2 differs from the training data: expected no column, got column 'w'");
}

TEST_CASE("csv: class names may be given, and numbers may be names") {
  Csv csv;
  csv.options.class_names = {"no", "yes"};
  CHECK(csv.read("x,y\n1,yes\n").label(0) == 1);
  CHECK(csv.read("x,y\n1,1\n").schema.class_names[1] == "yes");
  CHECK(csv.refusal("x,y\n1,2\n") == "a.csv:2:3: expected a label from 0 to 1, got 2");
  csv.options.class_names = {"10", "20"};
  CHECK(csv.read("x,y\n1,20\n").label(0) == 1);
  csv.options.class_names = {"10", "10"};
  CHECK(csv.refusal("x,y\n1,10\n", ErrorKind::config) == "csv: class_names: '10' is listed twice");
}

TEST_CASE("csv: regression targets, ignored columns, shape, delimiter, no header, gzip") {
  Csv csv;
  csv.options = {
      .path = "a.csv", .label = "", .targets = {"t", "s"}, .ignore = {"id"}, .shape = {2, 1}, .delimiter = "\\t"};
  const Dataset data = csv.read(test::gzipped("id\ts\ta\tb\tt\nx1\t5\t1\t2\t9\n"));
  CHECK(data.feature_shape() == Shape{2, 1});
  CHECK(data.target_row(0)[0] == 9.0f);
  CHECK(data.target_row(0)[1] == 5.0f);
  CHECK_FALSE(data.schema.has_labels());
  csv.options = {.path = "a.csv", .label = "2", .header = false};
  CHECK(csv.read("1,2,0\n3,4,1\n").rows == 2);
}

TEST_CASE("csv: ragged rows name line, byte column and both counts") {
  Csv csv;
  CHECK(csv.refusal("a,b,y\n1,2,0\n1,22,0,7\n") == "a.csv:3:8: expected 3 fields, got 4");
  CHECK(csv.refusal("a,b,y\n1,2\n") == "a.csv:2:4: expected 3 fields, got 2");
  CHECK(csv.refusal("a,b,y\n1,2,0\n\n1,2,0\n") == "a.csv:3:1: an empty line");
}

TEST_CASE("csv: what is no finite number of f32 is refused") {
  Csv csv;
  const auto with = [&](const std::string& field) { return csv.refusal("a,y\n" + field + ",0\n"); };
  for (const char* field : {"abc", "0x1p3", "1_000", "1 2", "+-1", "--1", "+", "1e", "\"1,5\""})
    CHECK(with(field).starts_with("a.csv:2:1: column 'a': expected a number, got '"));
  CHECK(with("") == "a.csv:2:1: column 'a': expected a number, got an empty field");
  for (const char* field : {"nan", "inf", "-inf", "infinity", "1e999", "1e39", "-3.5e38"})
    CHECK(with(field) ==
          "a.csv:2:1: column 'a': expected a finite number within the range of f32, got '" + std::string(field) + "'");
  CHECK(with("2222222222222222222222222222222222222222222222").find("within the range of f32") != std::string::npos);
  CHECK(csv.read("a,y\n3.4028234e38,0\n").feature_row(0)[0] == 3.4028234e38f);
  CHECK(with("\x1b[31m") == "a.csv:2:1: column 'a': expected a number, got '\\x1b[31m'");
}

TEST_CASE("csv: labels that are none") {
  Csv csv;
  CHECK(csv.refusal("a,y\n1,0\n1,cat\n") ==
        "a.csv:3:3: expected an integer label, got 'cat'; a.csv:2:3 has an integer; labels: text, if labels are names");
  CHECK(csv.refusal("a,y\n1,-1\n") == "a.csv:2:3: expected a label from 0 to 999999, got -1");
  CHECK(csv.refusal("a,y\n1,1000000\n") == "a.csv:2:3: expected a label from 0 to 999999, got 1000000");
  CHECK(csv.refusal("a,y\n1,\n") == "a.csv:2:3: an empty label");
  csv.options.labels = LabelStyle::integer;
  CHECK(csv.refusal("a,y\n1,cat\n") == "a.csv:2:3: expected an integer label, got 'cat'");
  csv.options.labels = LabelStyle::text;
  CHECK(csv.read("a,y\n1,9\n1,10\n").schema.class_names == std::vector<std::string>{"10", "9"});
}

TEST_CASE("csv: what is not csv text is refused") {
  Csv csv;
  CHECK(csv.refusal("a,y\n\"1,0\n") == "a.csv:2:1: the quote that opens here is never closed");
  CHECK(csv.refusal("a,y\n\"1\"2,0\n") == "a.csv:2:4: text after a closing quote");
  CHECK(csv.refusal("a,y\n1\"2,0\n") == "a.csv:2:2: a quote inside an unquoted field");
  CHECK(csv.refusal("a,y\n1\r2,0\n") == "a.csv:2:2: a carriage return that ends no line");
  CHECK(csv.refusal(std::string("a,y\n1\0,0\n", 9)) == "a.csv:2:2: a NUL byte; this is not a text file");
  CHECK(csv.refusal("a,y\n1,\xc0\xaf\n") == "a.csv:2:3: not UTF-8 text");
  CHECK(csv.refusal("a,\xed\xa0\x80\n") == "a.csv:1:3: not UTF-8 text");
  CHECK(csv.refusal("\xff\xfe"
                    "a") == "a.csv:1:1: the file is UTF-16; save it as UTF-8");
  CHECK(csv.refusal("") == "a.csv: the file is empty");
  CHECK(csv.refusal("\n\n") == "a.csv: there is no row");
  CHECK(csv.refusal("a,y\n") == "a.csv: there is a header but no row");
  CHECK(csv.refusal("a,y\n" + std::string(70000, '1') + ",0\n") ==
        "a.csv:2:1: a field of more than 64 KiB; is a quote left open?");
  CHECK(csv.refusal(std::string(70000, ',') + "\n") == "a.csv:1:65537: a row of more than 65536 fields");
  std::string row = "a,y\n";
  for (int i = 0; i < 300; ++i) row += std::string(60000, '1') + ",";
  CHECK(csv.refusal(row) == "a.csv:2:16777496: a row of more than 16 MiB");
}

TEST_CASE("csv: headers and options that do not fit") {
  Csv csv;
  CHECK(csv.refusal("a,a,y\n1,2,0\n") == "a.csv:1:3: column 'a' is named twice, first as number 1");
  CHECK(csv.refusal("1,1,0\n1,2,0\n") ==
        "a.csv:1:3: column '1' is named twice, first as number 1; header: false, if the file has no header line");
  CHECK(csv.refusal("a,,y\n1,2,0\n") == "a.csv:1:3: a column without a name");
  CHECK(csv.refusal("a,label\n1,2\n", ErrorKind::config) == "a.csv: label: there is no column 'y'; did you mean 'a'?");
  csv.options.label = "digit";
  CHECK(csv.refusal("a,b,label\n1,2,0\n", ErrorKind::config) ==
        "a.csv: label: there is no column 'digit'; its columns are a, b, label");
  csv.options.label = "y";
  CHECK(csv.refusal("y\n1\n", ErrorKind::config) == "a.csv: no column is left for features");
  csv.options.shape = {3};
  CHECK(csv.refusal("a,b,y\n1,2,0\n", ErrorKind::config) ==
        "a.csv: shape: expected a shape of the 2 numbers in a row, got [3] = 3");
  csv.options.shape = {int64_t{1} << 40, int64_t{1} << 40};
  CHECK(csv.refusal("a,b,y\n1,2,0\n", ErrorKind::config).find("a shape of at most") != std::string::npos);
  csv.options.shape = {};
  csv.options.ignore = {"y"};
  CHECK(csv.refusal("a,b,y\n1,2,0\n", ErrorKind::config) == "a.csv: ignore: column 'y' is used twice");
  csv.options = {.path = "a.csv"};
  CHECK(csv.refusal("a\n", ErrorKind::config) ==
        "csv: expected either label (classification) or targets (regression), got neither");
  csv.options = {.path = "a.csv", .label = "y", .delimiter = "ab"};
  CHECK(csv.refusal("a\n", ErrorKind::config) ==
        "csv: delimiter: expected one ASCII character, not a quote or a newline, got 'ab'");
}

TEST_CASE("csv: files that cannot be read") {
  Csv csv;
  csv.folder.write("train.csv", "a,y\n1,0\n");
  csv.options.path = "trian.csv";
  CHECK(test::error_of(ErrorKind::missing, csv.folder, [&] { read_csv(csv.options, csv.folder.path); }) ==
        "trian.csv: no such file; did you mean 'train.csv'?");
  csv.options.path = "none/a.csv";
  CHECK(test::error_of(ErrorKind::missing, csv.folder, [&] { read_csv(csv.options, csv.folder.path); }) ==
        "none/a.csv: no such file");
  csv.options.path = "/usr/share/datasets/no-such-set/train.csv";
  CHECK(test::error_of(ErrorKind::missing, csv.folder, [&] { read_csv(csv.options, csv.folder.path); }) ==
        "/usr/share/datasets/no-such-set/train.csv: no such file; it comes with a Debian package: apt-get install "
        "dataset-no-such-set");
  std::filesystem::create_directory(csv.folder.path / "d");
  csv.options.path = "d";
  CHECK(test::error_of(ErrorKind::data, csv.folder, [&] { read_csv(csv.options, csv.folder.path); }) ==
        "d: expected a regular file, got a directory");
  csv.options.path = "/dev/zero";
  CHECK(test::error_of(ErrorKind::data, csv.folder, [&] { read_csv(csv.options, csv.folder.path); }) ==
        "/dev/zero: expected a regular file, got a device, pipe or socket");
  csv.options.path = std::string(300, 'a');
  CHECK(test::error_of(ErrorKind::io, csv.folder, [&] { read_csv(csv.options, csv.folder.path); }) ==
        std::string(300, 'a') + ": cannot open: File name too long");
}

TEST_CASE("csv: the digits that ship with the project") {
  const std::filesystem::path folder = std::filesystem::path(nnx::test::source_dir()) / "data";
  const Dataset train = read_csv({.path = "digits-train.csv", .label = "digit"}, folder);
  const Dataset test = read_csv({.path = "digits-test.csv", .label = "digit", .shape = {8, 8, 1}}, folder);
  CHECK(train.rows == 1442);
  CHECK(test.rows == 355);
  CHECK(train.schema.classes == 10);
  CHECK(train.schema.feature_names[9] == "pixel_1_1");
  CHECK(test.feature_shape() == Shape{8, 8, 1});
  // The first row of the source is a zero whose pixels sum to 294.
  float sum = 0, total = 0;
  for (const float pixel : train.feature_row(0)) sum += pixel;
  CHECK(sum == 294.0f);
  CHECK(train.label(0) == 0);
  for (const Dataset* part : {&train, &test})
    for (int64_t i = 0; i < part->rows * 64; ++i) total += part->features->as<float>()[i];
  CHECK(total == 561718.0f);  // of all 1797 images: load_digits().data.sum()
}
