#pragma once

#include <string_view>

/// The page without its data: they belong in the place of @data@.
inline constexpr std::string_view inspect_template = R"html(<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Inside a character model</title>
<style>
:root {
  color-scheme: light dark;
  --page: #fbfaf8; --card: #fff; --ink: #1b1c1f; --quiet: #62656c; --line: #dcdad5; --accent: #0b63c5;
  --plus: 235 120 20; --minus: 62 130 240;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #131418; --card: #1c1e23; --ink: #eceef2; --quiet: #a0a5af; --line: #363a42; --accent: #7db4ff;
    --plus: 196 84 10; --minus: 34 92 214;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1360px; padding: 24px 28px 40px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 25px; letter-spacing: -.01em; }
h2 { margin: 0 0 8px; font-size: 15px; }
p { margin: 2px 0 0; color: var(--quiet); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 1px; }
kbd { border: 1px solid var(--line); border-bottom-width: 2px; border-radius: 4px; padding: 0 5px; font: inherit;
  font-size: 13px; background: var(--card); }

#controls { display: flex; flex-wrap: wrap; gap: 8px 20px; align-items: center; margin: 16px 0 12px; }
#controls label { display: flex; gap: 7px; align-items: center; color: var(--quiet); }
select, input { font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--line);
  border-radius: 6px; padding: 3px 7px; }
input { width: 5.2em; }
#legend { margin-left: auto; display: flex; gap: 8px; align-items: center; font-variant-numeric: tabular-nums; }
#ramp { width: 150px; height: 14px; border-radius: 3px;
  background: linear-gradient(90deg, rgb(var(--minus) / .9), transparent, rgb(var(--plus) / .9)); }

#columns { display: grid; grid-template-columns: minmax(0, 1fr) 330px; gap: 16px; }
#text { height: 560px; overflow: auto; resize: vertical; white-space: pre-wrap; overflow-wrap: anywhere;
  font: 16px/1.62 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
#text span { padding: 2px 0; cursor: pointer; }
#text span[aria-selected=true] { outline: 2px solid var(--ink); outline-offset: 0; border-radius: 1px; }
#text span:focus-visible { outline: 3px solid var(--accent); }
#text .end { color: var(--quiet); opacity: .55; }
#text .unknown { text-decoration: underline wavy; }
aside { display: flex; flex-direction: column; gap: 16px; }
#before { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; color: var(--ink);
  white-space: pre; }
#next { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
#next td { padding: 2px 0; height: 27px; }
#next td:first-child { width: 4.6em; font: 15px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
#next td:last-child { width: 4.2em; text-align: right; }
#next i { display: block; height: 13px; border-radius: 3px; background: var(--quiet); opacity: .6; min-width: 1px; }
#next .came td { font-weight: 700; color: var(--accent); }
#next .came i { background: var(--accent); opacity: 1; }
#units { display: grid; grid-template-columns: repeat(auto-fill, minmax(16px, 1fr)); gap: 2px; max-height: 220px;
  overflow: auto; padding: 4px; }
#units span { aspect-ratio: 1; border-radius: 3px; cursor: pointer; box-shadow: inset 0 0 0 1px var(--line); }
#units span[aria-checked=true] { box-shadow: 0 0 0 2px var(--ink); }
#keys { margin: 10px 0 16px; }
#gates:not([hidden]) { display: grid; gap: 24px;
  grid-template-columns: minmax(0, calc(320px * var(--gates))) minmax(220px, 1fr); }
#gates p { margin-bottom: 10px; }
#plots { display: grid; gap: 10px; grid-template-columns: repeat(var(--gates), minmax(0, 1fr)); align-content: start; }
#plots svg { width: 100%; border-radius: 6px; }
#plots text { fill: var(--quiet); font-size: 11px; }
#plots .title { fill: var(--ink); font-size: 13px; font-weight: 600; }
#plots path { stroke: var(--line); fill: none; }
#plots circle { fill: var(--accent); fill-opacity: .42; cursor: pointer; }
#plots .chosen { fill: rgb(var(--plus)); fill-opacity: 1; stroke: var(--ink); stroke-width: 1.5; }
@media (max-width: 900px) {
  #columns, #gates:not([hidden]) { grid-template-columns: minmax(0, 1fr); }
  #plots { grid-template-columns: repeat(auto-fill, minmax(165px, 1fr)); }
}
</style>
<h1>Inside a character model</h1>
<p id="about"></p>
<div id="controls">
  <label>Layer <select id="layer"></select></label>
  <label>Colour by <select id="state"></select></label>
  <label>Unit <input id="unit" type="number" min="0"></label>
  <label>Order of units
    <select id="order"><option value="memory">longest memory first</option><option value="number">by number</option>
    </select></label>
  <div id="legend"><span id="least"></span><div id="ramp"></div><span id="most"></span></div>
</div>
<div id="columns">
  <div id="text" class="card" role="listbox" aria-label="The text, coloured by one unit"></div>
  <aside>
    <section class="card" aria-label="The next character">
      <h2>What comes after <span id="before"></span></h2>
      <table id="next"></table>
    </section>
    <section class="card">
      <h2 id="units-title"></h2>
      <div id="units" role="radiogroup" aria-labelledby="units-title"></div>
    </section>
  </aside>
</div>
<p id="keys">In the text and the plots <kbd>↑</kbd> <kbd>↓</kbd> go through the units, in the text <kbd>←</kbd> <kbd>→</kbd>
  <kbd>Home</kbd> <kbd>End</kbd> through the characters, <kbd>Page ↑</kbd> <kbd>Page ↓</kbd> through the lines;
  <kbd>Tab</kbd> goes on to the units, the plots and the settings above.</p>
<section id="gates" class="card">
  <div id="plots"></div>
  <div>
    <h2>Saturation of the gates</h2>
    <p>A dot is a unit: the share of the time in which its gate is below 0.1, left-saturated, and above 0.9,
      right-saturated.</p>
    <p id="meaning"></p>
    <p>A dot near the origin is a gate that is hardly ever quite shut or quite open. Choose a dot to see its unit in the
      text.</p>
  </div>
</section>
<script type="application/json" id="data">@data@</script>
<script>
"use strict";
const $ = id => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const text = [...data.text];
const names = {i: "input gate", f: "forget gate", o: "output gate", r: "reset gate", z: "update gate",
               h: "h, the output", c: "c, the memory"};
const hidden = data.layers[0].states[0].largest.length;
let layer = data.layers.length - 1, state = 0, unit = 0, order = [], here = Math.min(24, text.length - 1);

for (const {states} of data.layers)
  for (const s of states) s.values = Int8Array.from(atob(s.values), c => c.charCodeAt(0));
const values = () => data.layers[layer].states[state];
const value = (u, t) => values().values[u * text.length + t] / 127;  // of the unit's largest
const number = x => (Math.round(100 * x) / 100 + 0).toFixed(2).replace("-", "−");
const colour = v => `rgb(var(${v < 0 ? "--minus" : "--plus"}) / ${(0.9 * Math.abs(v)).toFixed(3)})`;
const percent = permille => (permille / 10).toFixed(1) + " %";

function symbol(c) {
  const code = c.codePointAt(0);
  if (c === "\n") return "↵";
  if (c === " ") return "␣";
  return code < 32 ? String.fromCodePoint(0x2400 + code) : c;
}
function spoken(c) { return {" ": "space", "\n": "end of line", "\t": "tab"}[c] ?? c; }
function piece(id) { return id === 0 ? "other" : symbol(data.vocabulary[id]); }

function element(name, attributes, parent, content = "") {
  const svg = ["svg", "circle", "path", "text", "title"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, v] of Object.entries(attributes)) made.setAttribute(key, v);
  made.textContent = content;
  parent.append(made);
  return made;
}

// The text: one option for each character, of which one can be reached with Tab.
const characters = text.map((c, t) => {
  const made = element("span", {role: "option", tabindex: -1, "aria-selected": false}, $("text"), c);
  if (c === "\n") {
    made.textContent = "↵";
    made.className = "end";
    $("text").append("\n");
  } else if (c < " " && c !== "\t") made.textContent = symbol(c);
  if (data.ids[t] === 0) made.classList.add("unknown");
  made.dataset.t = t;
  return made;
});

function show(t) {  // what there is to say of a character
  const from = Math.max(0, t - 11);
  $("before").textContent = (from ? "…" : "") + text.slice(from, t + 1).map(symbol).join("");
  const rows = [];
  for (let k = 0; k < data.likely[t].length; k += 2) rows.push([data.likely[t][k], data.likely[t][k + 1]]);
  const came = data.ids[t + 1];
  if (came !== undefined && !rows.some(([id]) => id === came)) rows.splice(-1, 1, [came, data.came[t]]);
  $("next").replaceChildren();
  for (const [id, permille] of rows) {
    const row = element("tr", id === came ? {class: "came", title: "the character that came"} : {}, $("next"));
    element("td", {}, row, piece(id) + (id === came ? " ◂" : ""));
    element("i", {style: `width: ${permille / 10}%`}, element("td", {}, row));
    element("td", {}, row, percent(permille));
  }
  $("units-title").textContent = `Layer ${layer} at “${symbol(text[t])}”: unit ${unit} is ` +
    number(value(unit, t) * values().largest[unit]);
  order.forEach((u, k) => { $("units").children[k].style.background = colour(value(u, t)); });
}

function go(t, focus = true) {
  t = Math.max(0, Math.min(text.length - 1, t));
  characters[here].tabIndex = -1;
  characters[here].setAttribute("aria-selected", false);
  here = t;
  const likely = [0, 2, 4].filter(k => k < data.likely[t].length).map(k =>
    `${spoken(data.vocabulary[data.likely[t][k]])} ${percent(data.likely[t][k + 1])}`);
  characters[t].setAttribute("aria-label", `${spoken(text[t])}, ${number(value(unit, t) * values().largest[unit])}, ` +
    `then ${likely.join(", ")}`);
  characters[t].tabIndex = 0;
  characters[t].setAttribute("aria-selected", true);
  show(t);
  if (focus) characters[t].focus();
}

function line(t, step) {  // the beginning of the next line, or that of this one or the last one
  const ends = text.flatMap((c, k) => c === "\n" ? [k + 1] : []);
  return step > 0 ? ends.find(k => k > t) ?? text.length - 1 : ends.findLast(k => k < t) ?? 0;
}

// Units by how slowly they change: the correlation of a unit with itself, one character later.
function memory(u) {
  let sum = 0, squares = 0, products = 0;
  for (let t = 0; t < text.length; ++t) {
    const v = value(u, t);
    sum += v;
    squares += v * v;
    if (t) products += v * value(u, t - 1);
  }
  const mean = sum / text.length, variance = squares / text.length - mean * mean;
  return variance < 0.03 ? -1 : (products / (text.length - 1) - mean * mean) / variance;
}

function choose(u) {
  unit = u;
  const largest = values().largest[unit];
  $("unit").value = unit;
  $("least").textContent = number(-largest);
  $("most").textContent = "+" + number(largest);
  characters.forEach((made, t) => { made.style.background = colour(value(unit, t)); });
  order.forEach((v, k) => {
    const cell = $("units").children[k];
    cell.setAttribute("aria-checked", v === unit);
    cell.tabIndex = v === unit ? 0 : -1;
  });
  for (const made of document.querySelectorAll("#plots .chosen")) made.removeAttribute("class");
  for (const made of document.querySelectorAll(`#plots circle[data-layer="${layer}"][data-unit="${unit}"]`)) {
    made.setAttribute("class", "chosen");
    made.parentNode.append(made);  // above the others
  }
  go(here, false);
}
const step = by => choose(order[(order.indexOf(unit) + by + hidden) % hidden]);

function arrange(first) {  // after another layer, state or order
  order = Array.from({length: hidden}, (_, u) => u);
  if ($("order").value === "memory") {
    const of = order.map(memory);
    order.sort((a, b) => of[b] - of[a]);
  }
  $("units").replaceChildren();
  for (const u of order)
    element("span", {role: "radio", title: `unit ${u}`, "aria-label": `unit ${u}`, "data-unit": u}, $("units"));
  choose(first ?? order[0]);
}

function plot(gate, index) {
  const svg = element("svg", {viewBox: "0 0 250 250", role: "group", tabindex: 0, "data-layer": index}, $("plots"));
  const open = gate.right.filter(x => x > 0.5).length, shut = gate.left.filter(x => x > 0.5).length;
  svg.setAttribute("aria-label", `Layer ${index}, ${names[gate.name]}: of ${hidden} units, ${shut} are left-saturated ` +
    `and ${open} right-saturated more than half of the time`);
  const x = share => 40 + 195 * share, y = share => 215 - 180 * share;
  element("text", {x: 40, y: 18, class: "title"}, svg, `Layer ${index}: ${names[gate.name]} ${gate.name}`);
  element("path", {d: `M${x(0)} ${y(1)}V${y(0)}H${x(1)}Z`}, svg);
  for (const share of [0, 0.5, 1]) {
    element("text", {x: x(share), y: 230, "text-anchor": "middle"}, svg, share);
    element("text", {x: 34, y: y(share) + 4, "text-anchor": "end"}, svg, share);
  }
  element("text", {x: x(0.5), y: 245, "text-anchor": "middle"}, svg, "share of time below 0.1");
  element("text", {transform: `translate(12 ${y(0.5)}) rotate(-90)`, "text-anchor": "middle"}, svg,
    "share of time above 0.9");
  gate.left.forEach((left, u) => {
    const right = gate.right[u];
    const dot = element("circle", {cx: x(left), cy: y(right), r: 4, "data-layer": index, "data-unit": u}, svg);
    element("title", {}, dot, `unit ${u}: below 0.1 ${percent(1000 * left)}, above 0.9 ${percent(1000 * right)}`);
  });
}

const bits = data.came.slice(0, -1).reduce((sum, permille) => sum - Math.log2(Math.max(permille, 1e-30) / 1000), 0);
$("about").textContent = `${{lstm: "LSTM", gru: "GRU", rnn: "Elman network"}[data.cell]} of ${data.layers.length} × ` +
  `${hidden} units, reading ${text.length} characters` + (text.length < 2 ? "" :
  `; it predicts each from those before it, at ${(bits / (text.length - 1)).toFixed(2)} bits a character`);
data.layers.forEach((each, k) => {
  element("option", {value: k}, $("layer"), k);
  for (const gate of each.gates) plot(gate, k);
});
$("layer").value = layer;
const gates = data.layers[0].gates;
$("gates").hidden = !gates.length;
$("gates").style.setProperty("--gates", gates.length);
$("meaning").textContent = gates.some(gate => gate.name === "f")
  ? "At the top left, a forget gate lets its unit remember; at the bottom right, its unit forgets at almost every step."
  : "At the top left, an update gate lets its unit remember; at the bottom right, its unit is new at almost every step.";
data.layers[0].states.forEach((each, k) => element("option", {value: k}, $("state"), names[each.name]));
$("unit").max = hidden - 1;

$("layer").onchange = () => { layer = +$("layer").value; arrange(); };
$("state").onchange = () => { state = +$("state").value; arrange(unit); };
$("order").onchange = () => arrange(unit);
$("unit").onchange = () => choose(Math.max(0, Math.min(hidden - 1, Math.trunc(+$("unit").value) || 0)));
$("text").onmouseover = event => { if (event.target.dataset.t) show(+event.target.dataset.t); };
$("text").onmouseleave = () => show(here);
$("text").onclick = event => { if (event.target.dataset.t) go(+event.target.dataset.t); };
$("units").onclick = event => {
  if (event.target.dataset.unit) choose(+event.target.dataset.unit);
};
function choose_in(of, u) {
  if (layer === of) return choose(u);
  $("layer").value = layer = of;
  arrange(u);
}
$("plots").onclick = event => {
  const {layer: of, unit: u} = event.target.dataset;
  if (u) choose_in(+of, +u);
};

function keys(id, actions) {
  $(id).addEventListener("keydown", event => {
    const action = actions[event.key];
    if (!action || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    action(event.target);
  });
}
keys("text", {ArrowUp: () => step(-1), ArrowDown: () => step(1), ArrowLeft: () => go(here - 1),
  ArrowRight: () => go(here + 1), Home: () => go(0), End: () => go(text.length - 1),
  PageUp: () => go(line(here, -1)), PageDown: () => go(line(here, 1))});
const stepped = by => svg => {
  choose_in(+svg.dataset.layer, unit);
  step(by);
};
keys("plots", {ArrowUp: stepped(-1), ArrowDown: stepped(1)});
const focused = by => () => { step(by); $("units").children[order.indexOf(unit)].focus(); };
keys("units", {ArrowUp: focused(-1), ArrowLeft: focused(-1), ArrowDown: focused(1), ArrowRight: focused(1)});

arrange();
</script>
</html>
)html";
