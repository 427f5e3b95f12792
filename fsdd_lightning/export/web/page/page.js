// The page: brings networks, microphone, files, pictures and words together.

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const LOST_MS = 10000; // how long lost samples are told of
const CALM = matchMedia("(prefers-reduced-motion: reduce)");
const CALM_MS = 500;
const SILENT_MS = 3000; // without any sound until that is told
const SILENT = "The microphone gives no sound at all: unmute it in the system's settings, or choose another one.";

/** One line that says what is wrong and what to do; null: nothing is. */
function tell(line) {
  byId("alert").textContent = line ?? "";
  byId("alert").hidden = !line;
}

const missing = () =>
  typeof WebAssembly === "undefined" ? "This browser runs no WebAssembly: allow it, or use a browser of 2023 or newer."
  : typeof DecompressionStream === "undefined" ? "This browser is too old for this page: use one of 2023 or newer."
  : null;

class Page {
  constructor(networks) {
    const descriptions = networks.map(({ description }) => description);
    Object.assign(this, { networks, descriptions, all: [], lost: 0, live: null });
    this.cards = descriptions.map((description, at) => new Card(description, at, networks.length === 1));
    byId("networks").append(...this.cards.map(({ root }) => root));
    byId("networks").classList.toggle("two", networks.length > 1);
    this.picture = new RollingPicture(byId("picture"), descriptions);
    this.meters = new Meters(byId, descriptions[0]);
    this.player = new Player(byId("player"));
    this.words = new WordList(byId("words"), descriptions, this.player, () => this.showKept());
    this.microphone = new Microphone({
      block: (samples, lost) => this.hear(samples, lost),
      trouble: tell,
      gone: (line) => { this.showListening(false); tell(line); },
    }, data.file);
    this.listen();
    this.keep();
    this.files = new Files(this);
    this.draw();
  }

  // ---- the microphone

  listen() {
    byId("listen").addEventListener("click", () => this.toggle());
    document.addEventListener("keydown", (event) => {
      const isOther = event.ctrlKey || event.metaKey || event.altKey || event.repeat;
      const isTyped = isOther || event.target.closest("input, select");
      if (event.key.toLowerCase() === "l" && !isTyped && !byId("listen").disabled) this.toggle();
    });
    byId("devices").addEventListener("change", () => this.microphone.isOpen && !this.isStarting && this.start());
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.showDevices());
    this.showDevices();
  }

  toggle() {
    if (this.isStarting) return null;
    if (!this.microphone.isOpen) return this.start();
    this.microphone.stop();
    tell(null);
    return this.showListening(false);
  }

  async start() {
    this.microphone.stop();
    tell(null);
    this.isStarting = true;
    this.live = null;
    try {
      const rateHz = await this.microphone.start(byId("devices").value);
      this.begin(rateHz);
    } catch (error) {
      tell(error.message);
    }
    this.isStarting = false;
    this.showListening(this.microphone.isOpen);
  }

  begin(rateHz) {
    const own = [...new Set(this.descriptions.map(({ rate_hz: to }) => to))].filter((to) => to !== rateHz);
    const resampled = own.length ? `, resampled to ${own.map(whole).join(" and ")} Hz` : "";
    byId("rate").textContent = `${whole(rateHz)} Hz${resampled}`;
    this.picture.reset();
    this.meters.reset();
    [this.lost, this.isAwake] = [0, false];
    setTimeout(() => this.live && !this.isAwake && tell(this.microphone.isRunning ? SILENT : PAUSED), SILENT_MS);
    this.live = this.recorded = new Hearing(this, "microphone", rateHz, true);
    byId("save").disabled = false;
    this.showDevices();
  }

  /** From the first sound on: before it a microphone that is being opened gives zeros, which are nobody's quiet. */
  hear(samples, lost) {
    if (!this.live || this.player.isPlaying) return; // what it plays itself is nobody's word
    const wasAwake = this.isAwake;
    if (!wasAwake) this.wake(samples);
    if (!this.isAwake) return;
    if (lost && wasAwake) this.tellLost(lost);
    this.meters.hear(samples);
    this.live.push(samples);
  }

  wake(samples) {
    this.isAwake = samples.some((sample) => sample !== 0);
    if (this.isAwake && byId("alert").textContent === SILENT) tell(null);
  }

  tellLost(lost) {
    const line = `${whole((this.lost += lost))} samples were lost: close other programs that keep the computer busy.`;
    tell(line);
    setTimeout(() => byId("alert").textContent === line && tell(null), LOST_MS);
  }

  showListening(isOn) {
    const button = byId("listen");
    button.setAttribute("aria-pressed", isOn);
    button.textContent = isOn ? "Stop listening" : "Listen";
    if (isOn) return;
    this.live = null;
    this.meters.reset();
  }

  async showDevices() {
    const select = byId("devices");
    const before = select.value;
    const devices = await Microphone.devices().catch(() => []);
    const known = devices.filter(({ deviceId }) => deviceId !== "default");
    select.replaceChildren(element("option", { value: "" }, "the browser's choice"),
      ...known.map(({ deviceId, label }) => element("option", { value: deviceId }, label)));
    if (known.some(({ deviceId }) => deviceId === before)) select.value = before;
  }

  // ---- words

  word(at, word, hearing) {
    const { name } = this.descriptions[at];
    const { samples, ...told } = word; // the list keeps the sound of the last ones
    this.all.push({ network: name, source: hearing.source, ...told });
    this.cards[at].word(word);
    this.words.add(at, word, hearing.source, hearing);
    byId("none-yet").hidden = true;
    this.announce(`${this.networks.length > 1 ? `${name} heard ` : ""}${wordText(word, this.descriptions[at]).text}`);
  }

  /** Two networks' words come at once: one announcement. */
  announce(text) {
    if (!this.news) queueMicrotask(() => {
      byId("announce").textContent = this.news.join("; ");
      this.news = null;
    });
    (this.news ??= []).push(text);
  }

  // ---- what is kept

  keep() {
    byId("speaker").addEventListener("input", () => this.showKept());
    byId("download").addEventListener("click", () => {
      const zip = writeZip(this.words.recordings(fitSpeaker(byId("speaker").value)));
      downloadFile(zip, "application/zip", `recordings_${this.words.chosen[0].take}.zip`);
    });
    byId("save").addEventListener("click", () => {
      const [listener] = this.recorded.listeners;
      downloadFile(writeWav(listener.recording(), this.descriptions[0].rate_hz), "audio/wav", "heard.wav");
    });
  }

  showKept() {
    const [count, speaker] = [this.words.chosen.length, fitSpeaker(byId("speaker").value)];
    byId("download").disabled = !count || !speaker;
    byId("download").textContent = `Download ${count} recording${count === 1 ? "" : "s"}`;
    byId("speaker").setAttribute("aria-invalid", !speaker);
  }

  /** All that moves is drawn here, when the browser draws; seldom for who wants little motion. */
  draw() {
    for (const each of [this.picture, this.meters, ...this.cards]) each.draw();
    const next = () => requestAnimationFrame(() => this.draw());
    if (CALM.matches) setTimeout(next, CALM_MS);
    else next();
  }
}

// ---- opening

/** What the golden sounds say: [text, isGood] of a network. */
function checkText(network, isOne) {
  const { clips, events, problem } = network.check();
  const name = isOne ? "" : `${network.description.name}: `;
  if (problem) return [`✗ ${name}this browser does not compute what the device computes: ${problem}`, false];
  const numbers = network.description.float ? "every number as PyTorch computed it, to the rounding of floats"
    : "every number as numpy computed it";
  const sounds = `${clips} golden clip${clips === 1 ? "" : "s"} and ${events} events in a stream`;
  return [`✓ ${name}${sounds}: ${numbers}.`, true];
}

function showTexts() {
  document.title = data.title;
  byId("version").textContent = `${data.version}. This page was made by`;
  byId("command").textContent = data.command;
  byId("train-on").textContent = data.networks[0].train_on;
  const words = data.networks.flatMap(({ labels, none }) => labels.filter((_, at) => !none.includes(at)));
  byId("vocabulary").textContent = [...new Set(words)].join(", ");
  byId("legend").textContent = "Features are made only within a word: blue is above the average, orange below.";
}

async function openPage() {
  showTexts();
  const lacking = missing();
  if (lacking) throw new Error(lacking);
  const pack = await openPack(byId("pack").textContent);
  const module = await WebAssembly.compile(bytesAt(pack, data.wasm));
  const networks = data.networks.map((description) => new Network(description, module, pack));
  const page = new Page(networks);
  const checks = networks.map((network) => checkText(network, networks.length === 1));
  byId("status").replaceChildren(
    ...checks.map(([text, isGood]) => element("li", { class: isGood ? "done" : "failed" }, text)));
  const isGood = checks.every(([, each]) => each);
  for (const id of ["listen", "choose"]) byId(id).disabled = !isGood;
  if (!isGood) tell("Listening is off: what you would hear is not what the device does. Try another browser.");
  // For the console and for tests. words: of every network, all so far, with label, nearest, margin, share, logits,
  // start and end (samples at rateHz since Listen); heard: Int16Array, what the first network got since Listen.
  window.fsdd = {
    networks,
    words: page.all,
    get heard() { return page.recorded?.listeners[0].recording() ?? new Int16Array(0); },
    get lost() { return page.lost; },
  };
}

openPage().catch((error) => {
  byId("status").replaceChildren();
  tell(error.name === "CompileError" ? `This browser compiles no WebAssembly here: ${error.message}` : error.message);
});
