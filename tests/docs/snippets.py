#!/usr/bin/env python3
"""Makes a program of the ```cpp blocks of a page, and compares what it prints with the ```text blocks.

  snippets.py extract PAGE OUT.cpp     one program of all blocks
  snippets.py check PAGE PROGRAM       runs it; a text block must be what the cpp block before it prints
  snippets.py update PAGE PROGRAM      runs it and writes what it prints into the text blocks

A block that begins with #include or using stands at the top of the program, one that begins with struct or template in
a namespace; the others are statements, and run in order. Each heading begins a new scope, so that names can be used
again.
"""

import pathlib
import re
import subprocess
import sys

MARK = "@@ block "
BLOCK = re.compile(r"^```cpp\n(?P<code>.*?)^```\n(?P<output>\n*^```text\n(?P<text>.*?)^```\n)?|^#+ [^\n]*\n", re.M | re.S)


def blocks(page):
    """Yields (kind, line of the code, code, expected output or None, span of that output)."""
    text = page.read_text()
    for m in BLOCK.finditer(text):
        if m.group("code") is None:
            yield "heading", 0, "", None, None
            continue
        code = m.group("code")
        first = next(line for line in code.splitlines() if line and not line.startswith("//"))
        kind = ("preamble" if first.startswith(("#include", "using")) else
                "declarations" if first.startswith(("struct", "template")) else "statements")
        yield kind, text.count("\n", 0, m.start("code")) + 1, code, m.group("text"), m.span("text")


def extract(page, out):
    preamble, declarations, sections = [], [], [[]]
    for number, (kind, line, code, _, _) in enumerate(blocks(page)):
        place = f'#line {line} "{page}"\n{code}'
        if kind == "heading":
            sections.append([])
        elif kind == "preamble":
            preamble.append(place)
        elif kind == "declarations":
            declarations.append(place)
        else:
            sections[-1].append(f'std::cout << "\\n{MARK}{number}\\n";\n{place}')
    sections = [s for s in sections if s]
    functions = [f"void section_{i}() {{\n" + "".join(s) + "}\n" for i, s in enumerate(sections)]
    calls = "".join(f"  section_{i}();\n" for i in range(len(sections)))
    out.write_text("#include <iostream>\n" + "".join(preamble) + "namespace {\n" + "".join(declarations) +
                   "".join(functions) + "}  // namespace\nint main() {\n" + calls + "}\n")


def outputs(program):
    done = subprocess.run([program], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{program} gave {done.returncode}:\n{done.stdout}{done.stderr}")
    parts = re.split(rf"\n{MARK}(\d+)\n", "\n" + done.stdout)
    return {int(n): text for n, text in zip(parts[1::2], parts[2::2])}


def compare(page, program, update):
    printed, text, wrong, shift = outputs(program), page.read_text(), 0, 0
    for number, (kind, line, _, expected, span) in enumerate(blocks(page)):
        if kind != "statements":
            continue
        if expected is None:
            if printed[number]:
                print(f"{page}:{line}: prints, and the page does not say what:\n{printed[number]}")
                wrong += 1
        elif expected.rstrip() != printed[number].rstrip():
            wrong += 1
            print(f"{page}:{line}: the page says\n{expected}\nbut it is\n{printed[number]}")
            new = printed[number].rstrip() + "\n"
            text = text[:span[0] + shift] + new + text[span[1] + shift:]
            shift += len(new) - (span[1] - span[0])
    if update:
        page.write_text(text)
    print(f"{len(printed)} blocks ran, {wrong} differ from the page")
    return 1 if wrong and not update else 0


def main():
    command, page, other = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    if command == "extract":
        extract(page, other)
        return 0
    return compare(page, other.absolute(), command == "update")


if __name__ == "__main__":
    sys.exit(main())
