#!/usr/bin/env python3
"""Checks that #include follows the order of the house.

lib/CMakeLists.txt lists the rooms bottom up, `nnx_room(<name> ROOMS <below>...)`. Then
  - a room names only rooms listed above its own line (so there is no cycle), and every folder of lib/ is a room;
  - a file of lib/<room> includes "<room>/..." or "<below>/...", with <below> named by the room, directly or through
    another room it names;
  - dnnl is included by lib/kernels alone, and heavy libraries by no header of lib/;
  - apps/ may include every room, and nothing else with quotes except its own files.

  layers_test.py [ROOT]         check the tree at ROOT (default: this checkout); exit 1 and one line a violation
  layers_test.py --self-check   check that each rule catches a tree that breaks it
"""

import pathlib
import re
import tempfile

import command

SOURCES = {".h", ".hpp", ".cpp", ".inc"}
HEAVY = ("fmt/", "nlohmann/", "yaml-cpp/", "spdlog/", "CLI/")
LIGHT = ("nlohmann/json_fwd.hpp",)   # forward declarations, made for headers
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def read_rooms(cmake_file, errors):
    """Maps each room to itself and all rooms it may include, in the order of the file."""
    text = re.sub(r"#.*", "", cmake_file.read_text())
    reach = {}
    for arguments in re.findall(r"nnx_room\(([^)]*)\)", text):
        name, *words = arguments.split()
        reach[name] = {name}
        section = None
        for word in words:
            if word in ("ROOMS", "PUBLIC", "PRIVATE"):
                section = word
            elif section == "ROOMS" and (word not in reach or word == name):
                errors.append(f"{cmake_file.name}: {name} names {word}, which is not a room above it")
            elif section == "ROOMS":
                reach[name] |= reach[word]
    if not reach:
        errors.append(f"{cmake_file}: no nnx_room(...) found")
    return reach


def includes(path):
    """Yields (line number, quoted include or None, angled include or None)."""
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


def sources(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in SOURCES)


def check_room_file(path, where, room, reach, errors):
    for number, quoted, angled in includes(path):
        header = quoted or angled
        first = header.split("/")[0] if "/" in header else None
        if "dnnl" in header and room != "kernels":
            errors.append(f"{where}:{number}: only lib/kernels may include {header}")
        if path.suffix in (".h", ".hpp") and header.startswith(HEAVY) and header not in LIGHT:
            errors.append(f"{where}:{number}: {header} belongs in a .cpp file")
        if angled and first in reach and (path.parents[1] / angled).exists():
            errors.append(f"{where}:{number}: a room is included with quotes: {header}")
        if quoted and first not in reach and "dnnl" not in quoted:
            errors.append(f"{where}:{number}: {header} does not start with the name of a room")
        if quoted and first in reach and first not in reach[room]:
            errors.append(f"{where}:{number}: {room} may not include {first} ({header})")


def check_app_file(path, where, app, reach, errors):
    for number, quoted, angled in includes(path):
        if "dnnl" in (quoted or angled):
            errors.append(f"{where}:{number}: only lib/kernels may include {quoted or angled}")
        if quoted and quoted.split("/")[0] not in reach and not any((d / quoted).exists() for d in (app, path.parent)):
            errors.append(f"{where}:{number}: {quoted} is neither a room's header nor a file of the program")


def check(root):
    """Returns (violations, number of files read)."""
    errors = []
    reach = read_rooms(root / "lib" / "CMakeLists.txt", errors)
    count = 0
    for folder in sorted(p for p in (root / "lib").iterdir() if p.is_dir()):
        if folder.name not in reach:
            errors.append(f"lib/{folder.name}: no nnx_room line in lib/CMakeLists.txt")
            continue
        for path in sources(folder):
            count += 1
            check_room_file(path, path.relative_to(root), folder.name, reach, errors)
    for app in sorted(p for p in (root / "apps").glob("*") if p.is_dir()):
        for path in sources(app):
            count += 1
            check_app_file(path, path.relative_to(root), app, reach, errors)
    return errors, count


CLEAN = {
    "lib/CMakeLists.txt": "nnx_room(base)\nnnx_room(graph ROOMS base)\nnnx_room(kernels ROOMS graph)\n"
                          "nnx_room(config ROOMS base PRIVATE yaml-cpp)\n",
    "lib/base/a.h": "#include <string>\n",
    "lib/graph/g.cpp": '#include "base/a.h"\n#include "graph/g.h"\n#include <fmt/format.h>\n',
    "lib/graph/g.h": "",
    "lib/kernels/k.cpp": '#include <dnnl.hpp>\n#include "base/a.h"\n',
    "lib/config/c.cpp": "",
    "apps/tool/main.cpp": '#include "kernels/k.h"\n#include "own.h"\n',
    "apps/tool/own.h": "",
}
BROKEN = {
    "upwards": ("lib/base/a.h", '#include "graph/g.h"\n'),
    "sideways": ("lib/config/c.cpp", '  # include "graph/g.h"\n'),
    "dnnl outside kernels": ("lib/graph/g.cpp", "#include <dnnl.hpp>\n"),
    "dnnl in a program": ("apps/tool/main.cpp", '#include "oneapi/dnnl/dnnl.hpp"\n'),
    "no room": ("lib/graph/g.h", '#include "a.h"\n'),
    "angled room": ("lib/base/a.h", "#include <graph/g.h>\n"),
    "heavy header": ("lib/graph/g.h", "#include <nlohmann/json.hpp>\n"),
    "stranger in a program": ("apps/tool/main.cpp", '#include "support/golden.h"\n'),
    "folder without a room": ("lib/attic/x.h", ""),
    "cycle": ("lib/CMakeLists.txt", "nnx_room(base ROOMS graph)\nnnx_room(graph ROOMS base)\n"
                                    "nnx_room(kernels ROOMS graph)\nnnx_room(config)\n"),
}


def self_check():
    def errors_of(files):
        with tempfile.TemporaryDirectory() as name:
            for path, text in files.items():
                target = pathlib.Path(name, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text)
            return check(pathlib.Path(name))[0]

    wrong = [f"the clean tree fails: {e}" for e in errors_of(CLEAN)]
    for rule, (path, text) in BROKEN.items():
        if not errors_of({**CLEAN, path: text}):
            wrong.append(f"'{rule}' was not noticed")
    return wrong, f"{len(BROKEN)} broken trees noticed, the clean one accepted"


if __name__ == "__main__":
    command.run(check, self_check, "include in the order of the house")
