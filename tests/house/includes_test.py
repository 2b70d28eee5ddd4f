#!/usr/bin/env python3
"""Checks that every source has the headers of the standard library that it uses.

The release build compiles sources in groups, where one finds what another has included; the other presets compile each alone,
and would be the first to notice. A name of the standard library needs its header in the file itself or in a header of the
project that it includes, directly or through others.

  includes_test.py [ROOT]         check the tree at ROOT (default: this checkout); exit 1 and one line a violation
  includes_test.py --self-check   check that what is missing is noticed
"""

import pathlib
import re
import tempfile

import command

NAMES = {  # names that no other header of the standard library promises
    "algorithm": r"ranges::\w*(?:find|sort|any_of|all_of|none_of|count|copy|fill|transform|equal|max_element|min_element|reverse|"
                 r"rotate|unique|lower_bound|upper_bound|contains|nth_element|for_each|replace|mismatch)\w*|"
                 r"(?:sort|stable_sort|nth_element|clamp|min_element|max_element|any_of|all_of|none_of|count_if|find_if|"
                 r"fill_n|copy_n|transform|remove_if|lower_bound|upper_bound|rotate|reverse)\b(?=\()",
    "array": r"array\b(?=\s*[<{(])",
    "atomic": r"atomic\b",
    "charconv": r"(?:from|to)_chars\b",
    "chrono": r"chrono::",
    "cmath": r"(?:sqrt|exp|log|pow|fabs|isfinite|isnan|tanh|erf|floor|ceil|round|cos|sin)\b(?=\()",
    "condition_variable": r"condition_variable\b",
    "cstring": r"mem(?:cpy|cmp|set|move)\b",
    "deque": r"deque\b",
    "exception": r"(?:current_exception|rethrow_exception|exception_ptr)\b",
    "filesystem": r"filesystem\b",
    "fstream": r"[io]?fstream\b",
    "functional": r"function\b(?=<)|greater\b|hash\b(?=<)",
    "limits": r"numeric_limits\b",
    "list": r"list\b",
    "map": r"(?:multi)?map\b",
    "memory": r"(?:shared_ptr|unique_ptr|weak_ptr|make_shared|make_unique)\b",
    "mutex": r"(?:mutex|lock_guard|unique_lock|scoped_lock|call_once)\b",
    "numeric": r"(?:accumulate|iota|exclusive_scan|inclusive_scan|partial_sum|reduce|gcd|lcm)\b(?=\()",
    "optional": r"(?:optional|nullopt)\b",
    "regex": r"regex\b",
    "set": r"set\b",
    "span": r"span\b",
    "sstream": r"[io]?stringstream\b",
    "string": r"(?:string|to_string|stoi|stod)\b",
    "string_view": r"string_view\b",
    "system_error": r"(?:system_error|error_code|generic_category)\b",
    "thread": r"j?thread\b|this_thread\b",
    "tuple": r"(?:tuple|tie|make_tuple)\b",
    "unordered_map": r"unordered_map\b",
    "unordered_set": r"unordered_set\b",
    "variant": r"(?:variant|visit|holds_alternative|get_if)\b",
    "vector": r"vector\b",
}
PROVIDED = {  # headers that promise what another declares
    "string": {"string_view"}, "map": set(), "functional": set(), "sstream": {"string", "string_view"}, "fstream": {"string"},
    "filesystem": {"string", "system_error"}, "regex": {"string"}, "ranges": {"span"},
}
NAME = {header: re.compile(r"\bstd::" + f"(?:{pattern})") for header, pattern in NAMES.items()}
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', re.M)
NO_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)


class Tree:
    def __init__(self, root):
        self.roots = [root / "lib", root / "tests", root / "apps", root]
        self.known = {}   # the standard headers that a file includes, itself or through the project's

    def find(self, header, beside):
        return next((p for p in (beside / header, *(r / header for r in self.roots)) if p.is_file()), None)

    def headers(self, path):
        if path not in self.known:
            found = self.known[path] = set()   # before the others: a header may lead back here
            for quoted, angled in INCLUDE.findall(path.read_text(errors="replace")):
                inner = self.find(quoted, path.parent) if quoted else None
                found |= {angled} | PROVIDED.get(angled, set()) if angled else self.headers(inner) if inner else set()
        return self.known[path]

    def missing(self, path):
        code = re.sub(NO_CODE, '""', path.read_text(errors="replace").replace("#include", "//"))
        has = self.headers(path)
        for header, pattern in NAME.items():
            if header not in has and (match := pattern.search(code)):
                yield header, match.group(0)


def check(root):
    """Returns (violations, number of files read)."""
    tree = Tree(root)
    errors, count = [], 0
    for folder in ("lib", "apps", "tests"):
        for path in sorted(p for p in (root / folder).rglob("*") if p.suffix in (".cpp", ".h")):
            count += 1
            errors += [f"{path.relative_to(root)}: {name} needs #include <{header}>" for header, name in tree.missing(path)]
    return errors, count


def self_check():
    def errors_of(text):
        with tempfile.TemporaryDirectory() as name:
            (pathlib.Path(name) / "lib/room").mkdir(parents=True)
            (pathlib.Path(name) / "lib/room/own.h").write_text("#include <vector>\n")
            (pathlib.Path(name) / "lib/room/a.cpp").write_text(text)
            return check(pathlib.Path(name))[0]

    wrong = []
    if errors := errors_of('#include "room/own.h"\nstd::vector<int> v;  // std::map\nconst char* s = "std::set";\n'):
        wrong.append(f"what is there is not found: {errors}")
    for text in ("std::ranges::find(a, b);", "std::optional<int> x;", "auto x = std::array{1, 2};", "const std::lock_guard l(m);"):
        if not errors_of('#include "room/own.h"\n' + text):
            wrong.append(f"'{text}' was not noticed")
    return wrong, "what is missing is noticed"


if __name__ == "__main__":
    command.run(check, self_check, "include what they use of the standard library")
