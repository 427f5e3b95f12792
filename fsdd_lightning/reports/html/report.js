
// What the page does beyond showing: sort and filter tables, tell of dots, choose trials and budgets.
// Everything is in the page already, but for curves and confusions, which are drawn here from #data.
// Texts are only ever set as text, never as markup.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const data = JSON.parse(document.getElementById("data").textContent);
const table = document.getElementById("trials");
const dots = [...document.querySelectorAll("use[data-trial]")];
const dotOf = new Map(dots.map((dot) => [Number(dot.dataset.trial), dot]));
const tip = document.getElementById("tip");
const detail = document.getElementById("detail");
const rowOf = (trial) => document.getElementById(`trial-${trial}`);
// There the page stays where the finger is: what is chosen is told right below the chart.
const onPhone = matchMedia("(max-width: 899px)");

function element(name, attributes = {}, ...children) {
  const made = name.startsWith("svg:") ? document.createElementNS(SVG, name.slice(4)) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// ---- sorting

function sortKey(row, column) {
  const cell = row.cells[column];
  if ("sort" in cell.dataset) return Number(cell.dataset.sort);
  const text = cell.textContent;
  return cell.classList.contains("number") && text && !isNaN(text) ? Number(text) : text;
}

function compare(a, b) {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1; // what is missing comes last
  return typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
}

function sortBy(head, column) {
  const body = head.closest("table").tBodies[0];
  const falling = head.getAttribute("aria-sort") === "ascending";
  for (const each of head.parentNode.cells) each.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", falling ? "descending" : "ascending");
  const keyed = [...body.rows].map((row) => [sortKey(row, column), row]);
  keyed.sort((a, b) => compare(a[0], b[0]) * (falling ? -1 : 1));
  body.append(...keyed.map(([, row]) => row));
}

for (const button of document.querySelectorAll("thead button")) {
  const head = button.parentNode;
  button.addEventListener("click", () => sortBy(head, head.cellIndex));
}

// ---- the tip at a dot

function showTip(text, x, y) {
  tip.textContent = text;
  tip.hidden = false;
  const left = Math.min(x + 14, innerWidth - tip.offsetWidth - 8);
  const below = y + 16 + tip.offsetHeight < innerHeight;
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${below ? y + 16 : y - tip.offsetHeight - 12}px`;
}

function middle(dot) {
  const box = dot.getBoundingClientRect();
  return [box.left + box.width / 2, box.top + box.height / 2];
}

// The dot that is nearest to the pointer, within a finger's width.
function nearest(svg, event) {
  let found = null;
  let least = 22 ** 2;
  for (const dot of svg.querySelectorAll(".dots use:not([hidden])")) {
    const [x, y] = middle(dot);
    const distance = (x - event.clientX) ** 2 + (y - event.clientY) ** 2;
    if (distance < least) [found, least] = [dot, distance];
  }
  return found;
}

function tellOf(dot) {
  showTip(dot.getAttribute("aria-label"), ...middle(dot));
}

// ---- choosing a trial

const nameOf = (trial) => data.trials[trial].name;

function trialNamed(name) {
  const found = data.trials.findIndex((trial) => trial.name === name || `${trial.sweep}/${trial.name}` === name);
  return found < 0 ? null : found;
}

// Its row, its dot and all that is known of it. `reveal`: bring the row into view.
function choose(trial, reveal) {
  for (const marked of document.querySelectorAll(".chosen")) marked.classList.remove("chosen");
  const row = rowOf(trial);
  row.classList.add("chosen");
  dotOf.get(trial)?.classList.add("chosen");
  drawMark(dotOf.get(trial));
  if (detail) fillDetail(trial, row);
  if (reveal) bringIntoView(row);
}

function bringIntoView(row) {
  const box = row.closest(".scroll");
  box.scrollTop += row.getBoundingClientRect().top - box.getBoundingClientRect().top - 3 * row.offsetHeight;
  if (!onPhone.matches) row.scrollIntoView({ block: "nearest" });
}

// A ring around the dot, and its interval where that is recorded.
function drawMark(dot) {
  for (const old of document.querySelectorAll(".whisker")) old.remove();
  if (!dot) return;
  const [x, y] = [dot.getAttribute("x"), dot.getAttribute("y")];
  const mark = element("svg:g", { class: "whisker" });
  if (dot.hasAttribute("transform")) mark.setAttribute("transform", dot.getAttribute("transform"));
  const { low, high } = dot.dataset;
  if (low) mark.append(element("svg:line", { x1: x, x2: x, y1: `${low}%`, y2: `${high}%` }));
  mark.append(element("svg:circle", { cx: x, cy: y, r: 9 }));
  dot.parentNode.after(mark);
}

function fillDetail(trial, row) {
  const { name, sweep, href, listen, curves, confusion } = data.trials[trial];
  const title = dotOf.get(trial)?.getAttribute("aria-label").split("\n")[0] ?? name;
  const folder = href ? element("a", { href }, `${sweep}/${name}`) : `${sweep}/${name}`;
  const heard = listen ? [" · ", element("a", { href: listen }, "hear it in the browser")] : [];
  const back = element("a", { href: "#trials" }, "its row");
  back.addEventListener("click", (event) => {
    event.preventDefault();
    row.scrollIntoView({ block: "center" });
  });
  detail.replaceChildren(
    element("h3", {}, title),
    element("p", { class: "small" }, "folder ", folder, ...heard, " · ", back),
    facts(row),
    ...(curves ? curveCharts(curves, dotOf.get(trial)) : [element("p", { class: "faint" }, "No curves at hand.")]),
    ...(confusion ? [confusionTable(...confusion)] : []),
  );
  detail.hidden = false;
}

function facts(row) {
  const heads = [...table.tHead.rows[0].cells].map((head) => head.textContent);
  const told = heads.map((head, at) => [head, row.cells[at].textContent]).filter(([, text]) => text);
  const items = told.flatMap(([head, text]) => [element("dt", {}, head), element("dd", {}, text)]);
  return element("dl", { tabindex: 0 }, ...items);
}

// ---- curves and confusion of the chosen trial

function curveCharts(curves, dot) {
  const color = [...(dot?.classList ?? [])].find((name) => /^m\d+$/.test(name)) ?? "";
  return ["loss", "accuracy"].flatMap((kind) => {
    const own = ["train", "val"].filter((part) => curves[`${part}/${kind}`]);
    if (!own.length) return [];
    const drawn = Object.fromEntries(own.map((part) => [part, curves[`${part}/${kind}`]]));
    return [element("h4", {}, `${kind}: training dashed, validation solid`), curveChart(kind, drawn, color)];
  });
}

function curveChart(kind, drawn, color) {
  const unit = kind === "accuracy" ? 100 / data.scale : 1 / data.scale;
  const epochs = Object.values(drawn).flatMap(([steps]) => steps);
  const values = Object.values(drawn).flatMap(([, heights]) => heights);
  const [first, last] = [Math.min(...epochs), Math.max(...epochs)];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (epoch) => (100 * (epoch - first)) / (last - first || 1);
  const y = (value) => 100 - (100 * (value - low)) / (high - low || 1);
  const stretched = { viewBox: "0 0 100 100", preserveAspectRatio: "none", width: "100%", height: "100%" };
  const inner = element("svg:svg", stretched);
  for (const [part, [steps, heights]] of Object.entries(drawn)) {
    const points = steps.map((epoch, at) => `${x(epoch).toFixed(2)},${y(heights[at]).toFixed(2)}`).join(" ");
    inner.append(element("svg:polyline", { class: `curve ${color} of-${part}`, points }));
  }
  const ends = [low, high].map((value) => (value * unit).toFixed(2));
  const label = `${kind} over epochs ${first} to ${last}, from ${ends[0]} to ${ends[1]}`;
  const svg = element("svg:svg", { role: "img", "aria-label": label });
  const grid = element("svg:g", { class: "grid" });
  for (const [height, value] of [["0%", high], ["100%", low]]) {
    const text = (value * unit).toFixed(kind === "loss" ? 2 : 1);
    grid.append(element("svg:line", { x1: 0, x2: "100%", y1: height, y2: height }));
    grid.append(element("svg:text", { x: 0, y: height, dx: -6, dy: ".32em", "text-anchor": "end" }, text));
  }
  grid.append(element("svg:text", { x: 0, y: "100%", dy: "1.5em" }, `epoch ${first}`));
  grid.append(element("svg:text", { x: "100%", y: "100%", dy: "1.5em", "text-anchor": "end" }, last));
  svg.append(grid, inner);
  return element("div", { class: "plot" }, svg);
}

function confusionTable(classes, counts) {
  const labels = data.labels[classes];
  const head = element("tr", {}, element("th", { class: "faint" }, "said \\ heard"));
  for (const label of labels) head.append(element("th", { class: "number", scope: "col" }, label));
  const rows = counts.map((row, at) => {
    const total = row.reduce((sum, count) => sum + count, 0) || 1;
    const cells = row.map((count) =>
      element("td", { class: `number h${count ? Math.round((10 * count) / total) : 0}` }, count || ""),
    );
    return element("tr", {}, element("th", { scope: "row" }, labels[at]), ...cells);
  });
  const made = element("table", { class: "still" }, element("thead", {}, head), element("tbody", {}, ...rows));
  const caption = element("h4", {}, "test clips: what was said, what was heard");
  return element("div", { class: "small-cells" }, caption, element("div", { class: "scroll", tabindex: 0 }, made));
}

// ---- filters

const filter = document.getElementById("filter");
const search = filter?.querySelector("input");

// A choice for every column of few values; the modes have theirs in the legend.
function addGroups() {
  const heads = [...table.tHead.rows[0].cells];
  const rows = [...table.tBodies[0].rows];
  const valuesOf = (at) => [...new Set(rows.map((row) => row.cells[at].textContent))];
  const found = heads.map((head, at) => [head.textContent, at, valuesOf(at)]);
  const isGroup = (name, values) => values.length > 1 && values.length <= 12 && !/%|drop|bytes|run/.test(name);
  const few = found.filter(([name, , values]) => isGroup(name, values));
  for (const [name, at, values] of few.slice(0, 6)) {
    values.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    const options = values.map((value) => element("option", { value: `=${value}` }, value || "(none)"));
    const select = element("select", { "data-column": at }, element("option", { value: "" }, "all"), ...options);
    filter.querySelector(".groups").append(element("label", {}, `${name} `, select));
  }
}

function applyFilter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const picks = [...filter.querySelectorAll("select")].filter((select) => select.value);
  const chips = [...document.querySelectorAll("[data-mode][aria-pressed=false]")];
  const off = new Set(chips.map((chip) => chip.dataset.mode));
  let count = 0;
  data.trials.forEach((trial, at) => {
    const row = rowOf(at);
    const text = `${row.textContent} ${trial.name}`.toLowerCase();
    const dot = dotOf.get(at);
    const shown =
      words.every((word) => text.includes(word)) &&
      picks.every((select) => `=${row.cells[select.dataset.column].textContent}` === select.value) &&
      !(dot && [...dot.classList].some((name) => off.has(name)));
    row.hidden = !shown;
    if (dot) dot.toggleAttribute("hidden", !shown);
    count += shown;
  });
  filter.querySelector(".shown").textContent = `${count} of ${data.trials.length} trials`;
  for (const update of pickers) update();
}

function toggleMode(chip) {
  const pressed = chip.getAttribute("aria-pressed") !== "true";
  for (const same of document.querySelectorAll(`[data-mode="${chip.dataset.mode}"]`)) {
    same.setAttribute("aria-pressed", pressed);
  }
  applyFilter();
}

// ---- the picker: a budget chooses by validation accuracy

const pickers = [];

function addPicker(box) {
  const svg = document.getElementById(box.dataset.chart);
  const [low, high] = [Number(svg.dataset.low), Number(svg.dataset.high)];
  const [range, output, sentence] = ["input", "output", "p"].map((name) => box.querySelector(name));
  Object.assign(range, { min: low, max: high, value: high });
  const line = element("svg:line", { y1: 0, y2: "100%" });
  const shade = element("svg:rect", { y: 0, height: "100%" });
  const limit = element("svg:g", { class: "limit", visibility: "hidden" }, shade, line);
  svg.querySelector(".dots").after(limit);
  limit.style.pointerEvents = "none";

  const update = () => {
    const unlimited = Number(range.value) >= high - 1e-9;
    const bytes = unlimited ? Infinity : Math.round(2 ** range.value);
    const at = (100 * (range.value - low)) / (high - low);
    limit.setAttribute("visibility", unlimited ? "hidden" : "visible");
    for (const name of ["x1", "x2"]) line.setAttribute(name, `${at}%`);
    shade.setAttribute("x", `${at}%`);
    shade.setAttribute("width", `${100 - at}%`);
    output.textContent = unlimited ? "any size" : `${(bytes / 1024).toFixed(1)} KB`;
    const best = bestWithin(svg, bytes);
    sentence.textContent =
      best === null ? "No trial that is shown fits." : `Chosen by validation accuracy: ${told(best)}`;
    return best;
  };
  const pick = () => {
    const best = update();
    if (best !== null) choose(best, false);
  };
  range.addEventListener("input", pick);
  for (const chip of box.querySelectorAll("[data-bytes]")) {
    chip.addEventListener("click", () => {
      range.value = chip.dataset.bytes ? Math.log2(Number(chip.dataset.bytes)) : high;
      pick();
    });
  }
  box.hidden = false;
  pickers.push(update);
  return update();
}

function bestWithin(svg, bytes) {
  const fitting = [...svg.querySelectorAll("use[data-trial]:not([hidden])")]
    .map((dot) => Number(dot.dataset.trial))
    .filter((trial) => "rank" in data.trials[trial] && data.trials[trial].bytes <= bytes);
  fitting.sort((a, b) => data.trials[a].rank - data.trials[b].rank);
  return fitting[0] ?? null;
}

const told = (trial) => dotOf.get(trial).getAttribute("aria-label").split("\n").slice(0, 4).join("; ");

// ---- dots answer to pointers and keys

// One dot of a chart is in the order of the Tab key; arrows lead to the others, from left to right.
function addKeys(svg) {
  const marks = [...svg.querySelectorAll(".dots use")];
  const left = (dot) => parseFloat(dot.getAttribute("x"));
  if (svg.querySelector("use[data-trial]")) marks.sort((a, b) => left(a) - left(b));
  svg.setAttribute("role", "group");
  marks.forEach((dot, at) => {
    dot.setAttribute("aria-label", dot.firstElementChild.textContent);
    dot.firstElementChild.remove(); // the browser's own tip would cover this one
    dot.setAttribute("role", "trial" in dot.dataset ? "button" : "img");
    dot.setAttribute("tabindex", at ? -1 : 0);
  });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") tip.hidden = true;
    if ((event.key === "Enter" || event.key === " ") && event.target.dataset.trial) {
      event.preventDefault();
      go(Number(event.target.dataset.trial));
    }
    if (!step) return;
    event.preventDefault();
    const visible = marks.filter((dot) => !dot.hasAttribute("hidden"));
    const next = visible[visible.indexOf(event.target) + step];
    if (!next) return;
    event.target.setAttribute("tabindex", -1);
    next.setAttribute("tabindex", 0);
    next.focus();
  });
  svg.addEventListener("focusin", (event) => event.target.matches("use") && tellOf(event.target));
  svg.addEventListener("focusout", () => (tip.hidden = true));
}

function addPointer(svg) {
  svg.parentNode.addEventListener("pointermove", (event) => {
    const dot = nearest(svg, event);
    if (dot) tellOf(dot);
    else tip.hidden = true;
  });
  svg.parentNode.addEventListener("pointerleave", () => (tip.hidden = true));
  svg.parentNode.addEventListener("click", (event) => {
    const dot = nearest(svg, event);
    if (dot?.dataset.trial) go(Number(dot.dataset.trial));
  });
}

// A choice is in the address, so that it can be shared: #trial=NAME, or #trial=SWEEP/NAME where sweeps share names.
function go(trial) {
  const { name, sweep } = data.trials[trial];
  const unique = data.trials.filter((each) => each.name === name).length === 1;
  history.replaceState(null, "", `#trial=${encodeURIComponent(unique ? name : `${sweep}/${name}`)}`);
  choose(trial, true);
}

function followAddress() {
  const wanted = /^#trial=(.*)$/.exec(location.hash);
  let trial = null;
  try {
    trial = wanted && trialNamed(decodeURIComponent(wanted[1]));
  } catch {} // half an escape in a hand-made address names nothing
  if (trial !== null) choose(trial, true);
  return trial !== null;
}

for (const svg of document.querySelectorAll(".plot > svg")) {
  addKeys(svg);
  addPointer(svg);
}
table?.tBodies[0].addEventListener("click", (event) => {
  if (!event.target.closest("a")) go(Number(event.target.closest("tr").id.slice("trial-".length)));
});
if (filter) {
  addGroups();
  filter.hidden = false;
  filter.addEventListener("input", applyFilter);
  filter.addEventListener("submit", (event) => event.preventDefault());
  filter.addEventListener("reset", () => {
    for (const chip of document.querySelectorAll("[data-mode]")) chip.setAttribute("aria-pressed", true);
    setTimeout(applyFilter);
  });
  for (const chip of document.querySelectorAll("[data-mode]")) chip.addEventListener("click", () => toggleMode(chip));
  const [first] = [...document.querySelectorAll(".picker")].map(addPicker);
  if (!followAddress() && first !== undefined && first !== null) choose(first, false);
} else {
  followAddress();
}
addEventListener("hashchange", followAddress);
