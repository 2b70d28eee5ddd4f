// Uses a page as a person would, and writes what came of it into the document. browser_test.py puts this after the page,
// with `expected` before it.
"use strict";
const results = [];
const report = document.body.appendChild(document.createElement("pre"));
report.id = "checks";

function check(name, passed, seen) {
  results.push((passed ? "ok    " : "FAILED") + " " + name + (passed ? "" : ": " + seen));
  report.textContent = results.join("\n") + "\n";
}

const active = () => (document.activeElement.node ? document.activeElement.node.path : document.activeElement.tagName);
const shown = (node) => Boolean(node.item && node.item.firstChild.offsetParent);
const press = (key, target = document.activeElement) =>
  target.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));

function run() {
  const root = nodeAt(""), child = nodeAt(expected.module), leaf = nodeAt(expected.array);
  check("the first tree is open", isOpen(root) && shown(child), child.path);
  if (isOpen(child)) close(child);
  check("a closed Module hides what is in it", !leaf.item || !shown(leaf), leaf.path);
  child.item.firstChild.click();
  check("a click opens it", isOpen(child) && shown(leaf), leaf.path);

  focusOn(root);
  press("ArrowDown");
  check("arrow down goes to the next row", active() === root.children[0].path, active());
  press("ArrowUp");
  press("ArrowLeft");
  check("arrow left closes", !isOpen(root) && !shown(child), active());
  press("ArrowRight");
  check("arrow right opens", isOpen(root) && shown(child), active());

  press("/");
  check("a slash goes to the search box", document.activeElement === searchBox, active());
  close(child);
  searchBox.value = expected.search;
  searchBox.dispatchEvent(new Event("input", {bubbles: true}));
  const hidden = nodes.filter((n) => n.item && !n.item.classList.contains("kept"));
  check("a search says how much it found", /^\d+ found$/.test(document.getElementById("found").textContent) && matches.length > 0,
        document.getElementById("found").textContent);
  check("a search shows what it found", matches.includes(leaf) && shown(leaf), matches.map((n) => n.path));
  check("a search hides the rest", hidden.length > 0 && hidden.every((n) => !shown(n)), hidden.length);
  press("Enter");
  check("enter goes to the first match", active() === matches[0].path && matches[0].path !== "INPUT", active());

  focusOn(leaf);
  press("Enter");
  const canvas = leaf.inside && leaf.inside.querySelector("canvas");
  check("enter on an array shows its picture", Boolean(canvas && canvas.offsetParent), leaf.path);
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const colors = new Set();
  for (let i = 0; i < pixels.length; i += 4) colors.add(pixels.slice(i, i + 4).join());
  check("the picture has many colours", colors.size > 10, colors.size);
  const box = canvas.getBoundingClientRect();
  canvas.dispatchEvent(new MouseEvent("mousemove", {clientX: box.left + box.width - 1, clientY: box.top + box.height - 1}));
  const read = leaf.inside.querySelector("output").textContent;
  check("pointing at a cell reads it", /^\[\d+(, \d+)*\] = -?[\d.]/.test(read), read);
  canvas.focus();
  press("ArrowLeft", canvas);
  check("arrows read cells, too", leaf.inside.querySelector("output").textContent !== read, read);

  press("Escape", canvas);
  check("escape leaves the picture", active() === leaf.path, active());
  searchBox.focus();
  press("Escape");
  check("escape ends the search", searchBox.value === "" && !document.querySelector(".filtered"), searchBox.value);

  if (expected.shared) {
    const link = nodeAt(expected.shared).item.querySelector("a");
    link.click();
    check("a shared reference leads to where the object is", active() === expected.shared_with, active());
    focusOn(nodeAt(expected.shared));
    press("Enter");
    check("so does enter", active() === expected.shared_with, active());
    const broken = nodeAt(expected.not_finite);
    open(broken);
    const dot = broken.inside.querySelector("canvas").getContext("2d").getImageData(...expected.not_finite_cell, 1, 1).data;
    check("a value that is not finite stands out", dot[0] === 255 && dot[1] === 0 && dot[2] === 190, [...dot]);
    const facets = nodeAt(expected.facets);
    open(facets);
    const {width, height} = facets.inside.querySelector("canvas");
    check("leading axes are panels", width === 3 * 7 - 1 && height === 2 * 9 - 1, [width, height]);
    check("names are text, not markup", !document.querySelector("main img, main b, h1 i"), document.querySelector("main").innerHTML.length);
    const ops = sections.filter((s) => s.heading === "Graph")[0].tree.children;
    const named = ops.find((op) => op.item && op.item.querySelector("a"));
    named.item.querySelector("a").click();
    check("an operation leads to its operands", /^%\d+$/.test(active()), active());
  }

  const before = getComputedStyle(document.body).backgroundColor;
  document.getElementById("theme").click();
  check("the switch changes dark and light", getComputedStyle(document.body).backgroundColor !== before, before);
  document.getElementById("expand").click();
  check("everything can be opened", nodes.every((n) => !n.children || isOpen(n)), nodes.length);
  document.getElementById("collapse").click();
  check("and closed again", !shown(leaf) && shown(root), leaf.path);
  check("the page asks for nothing from elsewhere", performance.getEntriesByType("resource").length === 0,
        performance.getEntriesByType("resource").map((e) => e.name));
  check("DONE", true);
}

try { run(); } catch (error) { check("the page works without errors", false, error.stack); }
