// Streams of sound on their way through the networks: a microphone's, or a file's.

const FILE_STEP_S = 1; // of a file that is heard at once; then the page may draw

/** Networks on one stream of sound, a microphone or a file: what each hears goes to cards, list and picture. */
class Hearing {
  constructor(page, source, rateHz, isShown) {
    Object.assign(this, { page, source, rateHz, isShown });
    this.listeners = page.networks.map((network) => network.newListener(rateHz));
    this.found = page.networks.map(() => 0);
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
    this.found[at]++;
    if (this.isShown) this.page.picture.mark(at, word, word.label ?? (word.isOverlong ? "too long" : "none"));
    this.page.word(at, word, this);
  }
}

/** WAV files, dropped or chosen. */
class Files {
  constructor(page) {
    this.page = page;
    const [input, drop] = [byId("files"), byId("drop")];
    byId("choose").addEventListener("click", () => input.click());
    input.addEventListener("change", () => this.hear([...input.files]).then(() => { input.value = ""; }));
    document.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
    document.addEventListener("dragleave", (event) => event.relatedTarget || drop.classList.remove("over"));
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      if (!byId("choose").disabled) this.hear([...event.dataTransfer.files]);
    });
  }

  /** One after another. */
  async hear(files) {
    const notes = byId("file-notes");
    notes.replaceChildren();
    byId("choose").disabled = true;
    for (const file of files) {
      const line = await this.hearFile(file).catch((error) => element("span", { class: "failed" }, error.message));
      notes.append(element("li", {}, `${file.name}: `, line));
    }
    byId("choose").disabled = false;
  }

  /** Like a microphone, with a pause behind it; a clip without a pause before it may be one word as a whole. */
  async hearFile(file) {
    const { sampleRateHz, samples } = readWav(new Uint8Array(await file.arrayBuffer()));
    const { page } = this;
    const isShown = !page.live;
    if (isShown) page.picture.reset();
    const hearing = new Hearing(page, file.name, sampleRateHz, isShown);
    const step = FILE_STEP_S * sampleRateHz;
    for (let at = 0; at < samples.length; at += step) {
      hearing.push(samples.subarray(at, at + step));
      await new Promise((resolve) => setTimeout(resolve));
    }
    hearing.push(new Float32Array(Math.ceil(this.pauseS() * sampleRateHz)));
    hearing.finish();
    if (isShown) page.meters.reset();
    if (!hearing.found.some(Boolean)) this.hearClip(hearing, sampleRateHz, samples);
    const count = Math.max(...hearing.found);
    return count ? `${count} word${count === 1 ? "" : "s"}` : "no word in it";
  }

  /** Long enough to end a word, for each network. */
  pauseS() {
    return Math.max(...this.page.descriptions.map(({ hangover_frames: frames, hop, window, rate_hz: rateHz }) =>
      ((frames + 3) * hop + window) / rateHz));
  }

  /** The whole file as one word, if it is no longer than the network listens: as fsdd-predict hears a file. */
  hearClip(hearing, sampleRateHz, samples) {
    this.page.networks.forEach((network, at) => {
      const { rate_hz: rateHz, longest_frames: longest, hop, window } = network.description;
      const resampler = new Resampler(sampleRateHz, rateHz);
      const clip = joinArrays(Int16Array, [resampler.push(samples), resampler.flush()].map(toInt16));
      const word = clip.length <= window + (longest - 1) * hop && network.clip(clip);
      if (word) this.page.word(at, word, hearing);
      if (word) hearing.found[at]++;
    });
  }
}
