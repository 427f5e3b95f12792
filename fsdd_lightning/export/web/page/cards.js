// A card for each network: what it heard, its logits as bars, and what is known of it.

const MOST_BARS = 12; // labels that stand in their own order; of more, the best ten
const BEST_BARS = 10;
const LEAST_REACH = 4; // of the bars' scale, in nats

/** A new element; texts are only ever set as text, never as markup. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const whole = (number) => Math.round(number).toLocaleString("en");
const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)}\u00a0%`;
const unit = (value) => minus(value.toFixed(1).replace(/^-0\.0$/, "0.0"));
const sure = (share) => (share > 0.999 ? ">\u00a099.9\u00a0%" : percent(share, share > 0.99 ? 1 : 0));

/** A word of listener.js in words: {text, note, sizes}; description: of its network. */
function wordText({ label, nearest, isOverlong, margin, share }, description) {
  const { labels, none, logit_step: step, least_margin: least } = description;
  if (isOverlong) return { text: "too long to be a word", note: "Pause before and behind a word.", sizes: "" };
  const needed = least ? ` (at least ${unit(least * step)})` : "";
  const sizes = `margin ${unit(margin * step)}${needed}, probability ${sure(share)}`;
  if (label !== null) return { text: label, note: "", sizes };
  const isClass = none.includes(labels.indexOf(nearest));
  return { text: "none of these", note: `${isClass ? "heard as" : "nearest:"} ${nearest}`, sizes };
}

/** Bars of logits around zero. */
class Bars {
  constructor({ labels, logit_step: step }) {
    [this.labels, this.step, this.reach] = [labels, step, LEAST_REACH];
    this.isSorted = labels.length > MOST_BARS;
    const count = this.isSorted ? BEST_BARS : labels.length;
    this.rows = Array.from({ length: count }, (_, at) => this.row(labels[at]));
    this.root = element("div", { class: "bars", role: "img", "aria-label": "Logits: nothing yet" });
    this.root.append(...this.rows.flatMap(({ parts }) => parts));
  }

  row(label) {
    const [name, number] = [element("span", { class: "name" }, label), element("span", { class: "number" }, "–")];
    const fill = element("i");
    return { name, fill, number, parts: [name, element("span", { class: "track" }, fill), number] };
  }

  /** logits: of all labels; isFinal: of a word that ended, for screen readers. */
  show(logits, isFinal) {
    const values = Array.from(logits, (logit) => logit * this.step);
    const order = values.map((_, at) => at).sort((a, b) => values[b] - values[a] || a - b);
    this.reach = Math.max(this.reach, ...values.map(Math.abs));
    const shown = this.isSorted ? order.slice(0, BEST_BARS) : values.map((_, at) => at);
    shown.forEach((label, at) => this.fill(this.rows[at], label, values[label], label === order[0]));
    const best = order.slice(0, 3).map((at) => `${this.labels[at]} ${unit(values[at])}`);
    if (isFinal) this.root.setAttribute("aria-label", `Logits, the largest ones: ${best.join(", ")}`);
  }

  fill({ name, fill, number }, label, value, isBest) {
    name.textContent = this.labels[label];
    number.textContent = unit(value);
    const share = (50 * value) / this.reach;
    fill.style.left = `${50 + Math.min(share, 0)}%`;
    fill.style.width = `${Math.abs(share)}%`;
    for (const part of [name, fill, number]) part.classList.toggle("best", isBest);
  }
}

class Card {
  /** at: the network's number on the page; isOne: it is alone. */
  constructor(description, at, isOne) {
    this.description = description;
    this.bars = new Bars(description);
    this.label = element("p", { class: "label" }, "–");
    this.note = element("p", { class: "small faint" }, "nothing heard yet");
    const name = element("h2", { id: `network-${at}-name` }, description.name);
    if (!isOne) name.prepend(element("span", { class: "badge" }, "AB"[at]), " ");
    const heard = element("div", { class: "heard" }, name, bytesLine(description), this.label, this.note);
    const attributes = { class: "card", id: `network-${at}`, "aria-labelledby": name.id };
    const inside = element("div", { class: "inside" }, heard, this.bars.root, facts(description));
    this.root = element("article", attributes, inside);
  }

  /** Of the word that is being spoken; drawn with the next picture. */
  live(logits) {
    this.logits = logits;
  }

  draw() {
    if (this.logits) this.bars.show(this.logits, false);
    this.logits = null;
  }

  word(word) {
    const { text, note, sizes } = wordText(word, this.description);
    this.label.textContent = text;
    const isPhrase = word.label === null || text.length > 10;
    this.label.className = `label ${isPhrase ? "phrase" : text.length > 3 ? "long" : ""}`;
    this.label.classList.toggle("none", word.label === null);
    this.note.textContent = [note, sizes].filter(Boolean).join("; ");
    this.logits = null;
    if (word.logits.length) this.bars.show(word.logits, true);
  }
}

function bytesLine({ flash_bytes: flash, ram_bytes: ram }) {
  const part = (number, of) => element("span", {}, element("b", {}, whole(number)), ` bytes of ${of}`);
  return element("p", { class: "bytes" }, part(flash, "flash"), part(ram, "RAM"));
}

/** What is known of a network before it hears anything. */
function facts({ mode, size, instructions, rate_hz: rateHz, hop, expected, experiment, recordings, command }) {
  const [layers, cells] = size.split("x");
  const network = `${mode}, ${layers} layer${layers === "1" ? "" : "s"} of ${cells}`;
  const told = { network, "a frame": instructions && frameText(instructions, rateHz / hop), experiment, recordings };
  const items = Object.entries(told).filter(([, text]) => text);
  const list = element("dl");
  list.append(...items.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]));
  const closed = matchMedia("(max-width: 640px)").matches ? {} : { open: "" }; // on a phone the next network is near
  return element("details", { class: "facts", ...closed }, element("summary", {}, "Size, accuracy, origin"), list,
    ...(expected.length ? [expectedTable(expected)] : []),
    element("p", { class: "small faint" }, "Probabilities hold for voices that it knows: of yours it may be too sure."),
    element("p", { class: "small faint" }, "Trained by"), element("pre", { tabindex: 0 }, command));
}

function frameText({ core, frame }, framesPerSecond) {
  const millions = ((frame * framesPerSecond) / 1e6).toPrecision(3);
  return `about ${whole(frame)} instructions on a ${core}, ${millions} million a second`;
}

/** Accuracy, by whose voice it is. */
function expectedTable(expected) {
  const head = ["Accuracy on", "right", "95 % interval"].map((text, at) =>
    element("th", { scope: "col", class: at ? "number" : "" }, text));
  const rows = expected.map(({ who, accuracy, ci95, clips, people, worst }) => {
    const from = [`${whole(clips)} clips${people > 1 ? ` of ${people} people` : ""}`];
    if (worst) from.push(`worst: ${worst[0]}, ${percent(worst[1])}`);
    const whose = element("th", { scope: "row" }, `${who} `, element("span", { class: "faint" }, from.join("; ")));
    const cells = [percent(accuracy), ci95 ? `${(100 * ci95[0]).toFixed(1)} to ${percent(ci95[1])}` : "–"];
    return element("tr", {}, whose, ...cells.map((text) => element("td", { class: "number" }, text)));
  });
  const body = element("tbody", {}, ...rows);
  const table = element("table", {}, element("thead", {}, element("tr", {}, ...head)), body);
  return element("div", { class: "scroll", tabindex: 0 }, table);
}
