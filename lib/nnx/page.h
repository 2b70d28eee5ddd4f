// The page of nnx/html.h, made from page.html by the build.
#pragma once

#include <string_view>

namespace nnx {
extern const std::string_view page_template;
}
