// The page: brings networks, microphone, files, pictures and words together.

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const FILE_STEP_S = 1; // of a file that is heard at once; then the page may draw
const CLIP_FRAMES = 2; // times the longest clip of training: a file without a word that is no longer is one clip

/** One line that says what is wrong and what to do; null: nothing is. */
function tell(line) {
  byId("alert").textContent = line ?? "";
  byId("alert").hidden = !line;
}

const missing = () =>
  typeof WebAssembly === "undefined" ? "This browser runs no WebAssembly: use one of 2023 or newer, or allow it for this file."
  : typeof DecompressionStream === "undefined" ? "This browser is too old to unpack the networks: use one of 2023 or newer."
  : null;

/** Networks on one stream of sound, a microphone or a file: what each hears goes to cards, list and picture. */
class Hearing {
  constructor(page, source, rateHz, isShown) {
    Object.assign(this, { page, source, rateHz, isShown });
    this.listeners = page.networks.map((network) => network.newListener(rateHz));
    this.found = 0;
  }

  /** samples: Float32Array. */
  push(samples) {
    this.listeners.forEach((listener, at) => this.take(at, listener.push(samples)));
  }

  finish() {
    this.listeners.forEach((listener, at) => this.take(at, listener.finish()));
  }

  take(at, frames) {
    for (const frame of frames) {
      if (this.isShown && at === 0) {
        this.page.picture.push(frame);
        this.page.meters.push(frame);
      }
      if (this.isShown && frame.logits) this.page.cards[at].live(frame.logits);
      if (frame.event?.word) this.word(at, frame.event.word);
    }
  }

  word(at, word) {
    this.found++;
    if (this.isShown) this.page.picture.mark(at, word, word.label ?? (word.isOverlong ? "too long" : "none"));
    this.page.word(at, word, this);
  }
}

class Page {
  constructor(networks) {
    const descriptions = networks.map(({ description }) => description);
    Object.assign(this, { networks, descriptions, all: [], lost: 0, live: null });
    this.cards = descriptions.map((description, at) => new Card(description, at, networks.length === 1));
    byId("networks").append(...this.cards.map(({ root }) => root));
    byId("networks").classList.toggle("two", networks.length > 1);
    this.picture = new RollingPicture(byId("picture"), descriptions);
    this.meters = new Meters(byId, descriptions[0]);
    this.words = new WordList(byId("words"), descriptions, new Player(byId("player")), () => this.showKept());
    this.microphone = new Microphone({
      block: (samples, lost) => this.hear(samples, lost),
      trouble: tell,
      gone: (line) => { this.showListening(false); tell(line); },
    }, data.file);
    this.listen();
    this.keep();
    this.files();
    this.draw();
  }

  // ---- the microphone

  listen() {
    byId("listen").addEventListener("click", () => this.toggle());
    document.addEventListener("keydown", (event) => {
      const isTyped = event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.closest("input, select");
      if (event.key.toLowerCase() === "l" && !isTyped && !byId("listen").disabled) this.toggle();
    });
    byId("devices").addEventListener("change", () => this.microphone.isOpen && this.start());
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.showDevices());
    this.showDevices();
  }

  toggle() {
    if (!this.microphone.isOpen) return this.start();
    this.microphone.stop();
    tell(null);
    return this.showListening(false);
  }

  async start() {
    this.microphone.stop();
    tell(null);
    byId("listen").disabled = true;
    this.live = null;
    try {
      const rateHz = await this.microphone.start(byId("devices").value);
      this.begin(rateHz);
    } catch (error) {
      tell(error.message);
    }
    byId("listen").disabled = false;
    this.showListening(this.microphone.isOpen);
  }

  begin(rateHz) {
    const own = [...new Set(this.descriptions.map(({ rate_hz: to }) => to))].filter((to) => to !== rateHz);
    byId("rate").textContent = `${whole(rateHz)} Hz${own.length ? `, resampled to ${own.map(whole).join(" and ")} Hz` : ""}`;
    this.picture.reset();
    this.meters.reset();
    this.lost = 0;
    this.live = this.recorded = new Hearing(this, "microphone", rateHz, true);
    this.showDevices();
  }

  /** Blocks that come before begin() are of a stream that nobody hears yet. */
  hear(samples, lost) {
    if (!this.live) return;
    if (lost) tell(`${whole((this.lost += lost))} samples were lost: close other programs that keep the computer busy.`);
    this.meters.hear(samples);
    this.live.push(samples);
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
    this.all.push({ network: name, source: hearing.source, ...word });
    this.cards[at].word(word);
    this.words.add(at, word, hearing.source, hearing);
    byId("none-yet").hidden = true;
    byId("save").disabled = !this.recorded;
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

  // ---- files

  files() {
    const [input, drop] = [byId("files"), byId("drop")];
    byId("choose").addEventListener("click", () => input.click());
    input.addEventListener("change", () => this.hearFiles([...input.files]).then(() => { input.value = ""; }));
    document.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
    document.addEventListener("dragleave", (event) => event.relatedTarget || drop.classList.remove("over"));
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      if (!byId("choose").disabled) this.hearFiles([...event.dataTransfer.files]);
    });
  }

  /** One after another. */
  async hearFiles(files) {
    const notes = byId("file-notes");
    notes.replaceChildren();
    byId("choose").disabled = true;
    for (const file of files) {
      const line = await this.hearFile(file).catch((error) => element("span", { class: "failed" }, error.message));
      notes.append(element("li", {}, `${file.name}: `, line));
    }
    byId("choose").disabled = false;
  }

  /** Like a microphone, with a pause behind it; a clip without a pause before it may be no word, but is one as a whole. */
  async hearFile(file) {
    const { sampleRateHz, samples } = readWav(new Uint8Array(await file.arrayBuffer()));
    const isShown = !this.live;
    if (isShown) this.picture.reset();
    const hearing = new Hearing(this, file.name, sampleRateHz, isShown);
    const step = FILE_STEP_S * sampleRateHz;
    for (let at = 0; at < samples.length; at += step) {
      hearing.push(samples.subarray(at, at + step));
      await new Promise((resolve) => setTimeout(resolve));
    }
    hearing.push(new Float32Array(Math.ceil(this.pauseS() * sampleRateHz)));
    hearing.finish();
    if (isShown) this.meters.reset();
    const count = hearing.found || this.hearClip(hearing, sampleRateHz, samples);
    return count ? `${count} word${count === 1 ? "" : "s"}` : "no word in it";
  }

  /** Long enough to end a word, for each network. */
  pauseS() {
    return Math.max(...this.descriptions.map(({ hangover_frames: frames, hop, window, rate_hz: rateHz }) => ((frames + 3) * hop + window) / rateHz));
  }

  /** The whole file as one word, if it is short. */
  hearClip(hearing, sampleRateHz, samples) {
    this.networks.forEach((network, at) => {
      const { rate_hz: rateHz, longest_frames: longest, hop, window } = network.description;
      const resampler = new Resampler(sampleRateHz, rateHz);
      const clip = [resampler.push(samples), resampler.flush()].map(toInt16);
      const word = samples.length / sampleRateHz <= (CLIP_FRAMES * longest * hop + window) / rateHz && network.clip(joined(clip));
      if (word) this.word(at, word, hearing);
      hearing.found += word ? 1 : 0;
    });
    return hearing.found;
  }

  /** All that moves is drawn here, when the browser draws. */
  draw() {
    this.picture.draw();
    this.meters.draw();
    for (const card of this.cards) card.draw();
    requestAnimationFrame(() => this.draw());
  }
}

// ---- opening

/** What the golden sounds say: [text, isGood] of a network. */
function checkText(network, isOne) {
  const { clips, events, problem } = network.check();
  const name = isOne ? "" : `${network.description.name}: `;
  if (problem) return [`✗ ${name}this browser does not compute what the device computes: ${problem}`, false];
  const numbers = network.description.float ? "every number as PyTorch computed it, to the rounding of floats" : "every number as numpy computed it";
  return [`✓ ${name}${clips} golden clips and ${events} events in a stream: ${numbers}.`, true];
}

function showTexts() {
  document.title = data.title;
  byId("version").textContent = `${data.version}. This page was made by`;
  byId("command").textContent = data.command;
  byId("vocabulary").textContent = [...new Set(data.networks.flatMap(({ labels, none }) => labels.filter((_, at) => !none.includes(at))))].join(", ");
  byId("legend").textContent = `Sound in ${data.networks[0].bands} bands: the darker, the louder. Features, only within a word: `
    + "blue is above the average of training, orange below.";
}

async function openPage() {
  showTexts();
  const lacking = missing();
  if (lacking) throw new Error(lacking);
  const pack = await openPack(byId("pack").textContent);
  const module = await WebAssembly.compile(bytesAt(pack, data.wasm));
  const networks = data.networks.map((description) => openNetwork(description, module, pack));
  const page = new Page(networks);
  const checks = networks.map((network) => checkText(network, networks.length === 1));
  byId("status").replaceChildren(...checks.map(([text, isGood]) => element("li", { class: isGood ? "done" : "failed" }, text)));
  const isGood = checks.every(([, each]) => each);
  for (const id of ["listen", "choose"]) byId(id).disabled = !isGood;
  if (!isGood) tell("Listening is off: what you would hear is not what the device does. Try another browser, and tell the project.");
  // For the console and for tests. words: of every network, all so far, with label, nearest, margin, share, logits, start
  // and end (samples at rateHz since Listen); heard: Int16Array, what the first network got since Listen.
  window.fsdd = {
    networks,
    words: page.all,
    get heard() { return page.recorded?.listeners[0].recording() ?? new Int16Array(0); },
    get lost() { return page.lost; },
  };
}

openPage().catch((error) => {
  byId("status").replaceChildren();
  tell(error instanceof WebAssembly.CompileError ? `This browser compiles no WebAssembly here: ${error.message}` : error.message);
});
