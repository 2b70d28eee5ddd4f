// The list of readers as a config sees it.
#include "data/builtin.h"

#include "config/parse.h"
#include "helpers.h"

using namespace nnx;

TEST_CASE("readers: every entry is documented, with help for each field") {
  CHECK(dataset_readers().components().size() == 3);
  for (const ComponentDoc& doc : dataset_readers().components()) {
    CHECK_FALSE(doc.help.empty());
    for (const FieldDoc& field : doc.fields) CHECK_MESSAGE(!field.help.empty(), doc.name << "." << field.name);
  }
}

TEST_CASE("readers: a config names one, and its errors name the config") {
  const test::Folder folder;
  folder.write("a.csv", "x,y\n1,cat\n2,dog\n");
  const auto build = [&](const std::string& text) {
    Diagnostics diagnostics;
    return dataset_readers().build(parse_yaml(text, "c.yaml"), diagnostics, folder.path, nullptr);
  };
  const Dataset data = build("{type: csv, path: a.csv, label: y, labels: text}");
  CHECK(data.rows == 2);
  CHECK(data.schema.class_names == std::vector<std::string>{"cat", "dog"});
  const auto refusal = [&](ErrorKind kind, const std::string& text) {
    return test::error_of(kind, folder, [&] { build(text); });
  };
  CHECK(refusal(ErrorKind::config, "{type: csv, path: a.csv, label: z}").find("c.yaml:1:") != std::string::npos);
  CHECK(refusal(ErrorKind::config, "{type: csv, path: a.csv, label: z}").find("label: there is no column 'z'") !=
        std::string::npos);
  CHECK(refusal(ErrorKind::missing, "{type: csv, path: b.csv, label: y}")
            .find("b.csv: no such file; did you mean 'a.csv'?") != std::string::npos);
  CHECK(refusal(ErrorKind::config, "{type: csv, label: y}").find("path") != std::string::npos);
  CHECK(refusal(ErrorKind::config, "{type: cvs, path: a.csv}").find("csv") != std::string::npos);
}
