#include "nnx/html.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

#include "nnx/array_sample.h"
#include "nnx/page.h"

namespace nnx {
namespace {

using nlohmann::json;

constexpr size_t page_bytes = 950'000;    // what a page may have
constexpr int64_t most_cells = 16'384;    // of one array, 128 x 128: more is not seen
constexpr int64_t fewest_cells = 64;
constexpr size_t exact_elements = 64;     // up to so many are written out as numbers
constexpr uint16_t not_finite = 0xFFFF;   // among the levels of a sample
constexpr double levels = 0xFFFE;
constexpr std::string_view title_mark = "<!--title-->", sections_mark = "/*sections*/";

const char* name_of(TreeNode::Form form) {
  switch (form) {
    case TreeNode::Form::module: return "module";
    case TreeNode::Form::container: return "container";
    case TreeNode::Form::variable: return "variable";
    case TreeNode::Form::array: return "array";
    case TreeNode::Form::fixed: return "fixed";
    case TreeNode::Form::none: return "none";
    case TreeNode::Form::shared: return "shared";
    case TreeNode::Form::program: return "program";
    case TreeNode::Form::operation: return "operation";
  }
  return "";
}

std::string base64(const std::vector<uint16_t>& words) {
  static constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<uint8_t> bytes;
  for (const uint16_t w : words) bytes.insert(bytes.end(), {static_cast<uint8_t>(w), static_cast<uint8_t>(w >> 8)});
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t n = std::min<size_t>(3, bytes.size() - i);
    const uint32_t group = static_cast<uint32_t>(bytes[i] << 16) | (n > 1 ? static_cast<uint32_t>(bytes[i + 1] << 8) : 0) |
                           (n > 2 ? bytes[i + 2] : 0);
    for (size_t d = 0; d < 4; ++d) out += d <= n ? digits[group >> (18 - 6 * d) & 63] : '=';
  }
  return out;
}

// Heights 0 to z of the bars.
std::string histogram_text(const ArraySample& s) {
  const int64_t most = std::max<int64_t>(*std::ranges::max_element(s.histogram), 1);
  std::string out;
  for (const int64_t count : s.histogram) {
    const auto height = (count * 35 + most - 1) / most;
    out += static_cast<char>(height < 10 ? '0' + height : 'a' + height - 10);
  }
  return out;
}

std::string four_digits(double value) { return fmt::format("{:.4g}", value); }

json picture(const Array& array, int64_t cells) {
  const ArraySample s = sample(array, cells);
  json out = {{"shape", std::vector<int64_t>(array.shape().begin(), array.shape().end())},
              {"steps", s.steps},
              {"histogram", histogram_text(s)},
              {"mean", four_digits(s.summary.mean)},
              {"std", four_digits(s.summary.std)},
              {"min", four_digits(s.summary.min)},
              {"max", four_digits(s.summary.max)},
              {"non_finite", s.summary.non_finite}};
  if (static_cast<size_t>(array.size()) <= exact_elements) {
    json values = json::array();
    for_each_value(array, [&](double v) { values.push_back(value_text(v, array.dtype())); });
    out["values"] = std::move(values);
    return out;
  }
  const double width = s.summary.max - s.summary.min;
  std::vector<uint16_t> words;
  for (const double v : s.values)
    words.push_back(std::isnan(v) ? not_finite
                                  : static_cast<uint16_t>(width > 0 ? std::lround((v - s.summary.min) / width * levels) : 0));
  out["low"] = s.summary.min;
  out["high"] = s.summary.max;
  out["data"] = base64(words);
  return out;
}

// The most cells an array may have, so that all of them together stay within `total`.
int64_t cells_each(std::vector<int64_t> sizes, int64_t total) {
  std::ranges::sort(sizes);
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int64_t each = total / static_cast<int64_t>(sizes.size() - i);
    if (sizes[i] > each) return std::clamp(each, fewest_cells, most_cells);
    total -= sizes[i];
  }
  return most_cells;
}

// Turns the sections into JSON, first to learn the size of everything but the pictures, then with them.
class PageWriter {
 public:
  json node(const TreeNode& n) {
    json out = {{"form", name_of(n.form)}};
    if (!n.path.empty()) out["key"] = n.path.back().to_string();
    if (const std::string name = name_text(n); !name.empty()) out["name"] = name;
    if (const std::string detail = detail_text(n); !detail.empty()) out["detail"] = detail;
    if (n.form == TreeNode::Form::shared) out["to"] = to_string(n.first_path);
    if (n.array.concrete()) {
      if (n.array.size() > 0 && cells > 0) out["array"] = picture(n.array, cells);
      if (n.array.size() > 0) sizes.push_back(n.array.size());
      out["values"] = describe_values(n.array);
    }
    if (n.array.defined()) out["shape"] = n.array.shape().to_string();
    for (const TreeNode& child : n.children) out["children"].push_back(node(child));
    return out;
  }
  static json table(const Tabulation& t) { return {{"rows", t.cells()}, {"first_number", t.first_number()}}; }

  int64_t cells = 0;            // of an array at most; 0: no pictures
  std::vector<int64_t> sizes;   // of the arrays
};

// JSON that can stand in a script element: nothing in it is taken for markup.
std::string script_text(const json& data) {
  const std::string text = data.dump(-1, ' ', true, json::error_handler_t::replace);
  std::string out;
  for (const char c : text) {
    if (c == '<') out += "\\u003c";
    else out += c;
  }
  return out;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '&') out += "&amp;";
    else if (c == '"') out += "&quot;";
    else out += c;
  }
  return out;
}

}  // namespace

std::string HtmlPage::to_string() const {
  PageWriter writer;
  const auto content = [&] {
    json sections = json::array();
    for (const Section& s : sections_) {
      json section = {{"heading", s.heading}};
      if (const auto* tree = std::get_if<TreeNode>(&s.content)) section["tree"] = writer.node(*tree);
      else section["table"] = writer.table(std::get<Tabulation>(s.content));
      sections.push_back(std::move(section));
    }
    return script_text(sections);
  };
  constexpr size_t bytes_of_picture = 220;   // without its cells
  const size_t bare = content().size() + page_template.size() + writer.sizes.size() * bytes_of_picture;
  const size_t left = bare < page_bytes ? page_bytes - bare : 0;
  writer.cells = cells_each(writer.sizes, static_cast<int64_t>(left * 3 / 8));   // 8 characters for 3 cells
  std::string page(page_template);
  page.replace(page.find(sections_mark), sections_mark.size(), content());   // first: it has no mark in it, a title might
  const std::string title = escaped(title_);
  for (size_t at = 0; (at = page.find(title_mark, at)) < page.find("<main>"); at += title.size())
    page.replace(at, title_mark.size(), title);
  return page;
}

std::string display_html(TreeNode tree, const std::string& title) {
  HtmlPage page(title);
  page.add("", std::move(tree));
  return page.to_string();
}

}  // namespace nnx
