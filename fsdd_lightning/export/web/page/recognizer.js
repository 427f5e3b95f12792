// The firmware's C as WebAssembly, export/web/fsdd_web.c: 16-bit samples in, frames and words out. What is computed
// here, bit for bit what a device computes, the page only shows.

const EVENT_KINDS = [null, "begins", "ends"];
const MOST_BANDS = 64; // of fsdd_front_end_config.h
const HEARD_WORDS = 10; // int32 of fsdd_heard before its levels
const IMAGE = { inputs: 1, classes: 4, window: 16, bands: 19 }; // which 32-bit number of an image it is
const CHUNK_SAMPLES = 4096;

/** One network on one stream. */
class Recognizer {
  /** module: WebAssembly.Module; image: Uint8Array, of export/web/image.py. */
  constructor(module, image) {
    this.wasm = new WebAssembly.Instance(module).exports;
    const numbers = new Int32Array(image.slice(0, 4 * (IMAGE.bands + 1)).buffer);
    this.channels = numbers[IMAGE.inputs];
    this.classes = numbers[IMAGE.classes];
    this.window = numbers[IMAGE.window];
    this.bands = numbers[IMAGE.bands];
    const place = this.room(image.length);
    new Uint8Array(this.wasm.memory.buffer).set(image, place);
    this.chunk = this.room(2 * CHUNK_SAMPLES);
    if (!this.wasm.open(place)) throw new Error("there is no memory for this network");
    this.heard = this.wasm.heard();
  }

  /** The address of so many bytes. */
  room(bytes) {
    const place = this.wasm.room(bytes);
    if (!place) throw new Error("there is no memory for this network");
    return place;
  }

  /** Forgets all sound. */
  reset() {
    this.wasm.reset();
  }

  /** samples: Int16Array at the network's rate, any number of them. The frames that they complete. */
  push(samples) {
    const frames = [];
    this.inChunks(samples, (address, count) => {
      const taken = this.wasm.push(address, count);
      const frame = this.frame();
      if (frame) frames.push(frame);
      return taken;
    });
    return frames;
  }

  /** What the last samples made known; null where they did not complete a frame. */
  frame() {
    const buffer = this.wasm.memory.buffer;
    const [isComplete, kind, label, margin, frames, framesAgo, isOverlong, excess, length, voiced] = new Int32Array(
      buffer, this.heard, HEARD_WORDS);
    if (!isComplete) return null;
    const inWord = length > 0;
    const what = EVENT_KINDS[kind];
    const event = what && { kind: what, label, margin, frames, framesAgo, isOverlong: !!isOverlong };
    return {
      levels: new Int32Array(buffer, this.heard + 4 * HEARD_WORDS, this.bands).slice(),
      features: inWord ? this.features() : null,
      excess,
      inWord,
      isSpeech: inWord && voiced === length,
      event: event && { ...event, logits: kind === 2 && !isOverlong ? this.logits() : null },
      logits: inWord ? this.logits() : null,
    };
  }

  /** Of the frame: steps of 2^-4. */
  features() {
    return new Int8Array(this.wasm.memory.buffer, this.heard + 4 * (HEARD_WORDS + MOST_BANDS), this.channels).slice();
  }

  /** Of the word up to its last frame with speech. */
  logits() {
    return new Int32Array(this.wasm.memory.buffer, this.wasm.logits(), this.classes).slice();
  }

  /** Of a clip that stands alone, whose samples are all heard; null where it is shorter than a window. */
  clipLogits(samples) {
    if (samples.length < this.window) return null;
    const address = this.clipRoom(samples.length);
    new Int16Array(this.wasm.memory.buffer, address, samples.length).set(samples);
    this.wasm.clip(address, samples.length);
    return this.logits();
  }

  /** Its frames of features alone, for a network that is not in the WebAssembly. */
  clipFeatures(samples) {
    const found = [];
    this.reset();
    this.inChunks(samples, (address, count) => {
      const taken = this.wasm.clip_frame(address, count);
      if (new Int32Array(this.wasm.memory.buffer, this.heard, 1)[0]) found.push(this.features());
      return taken;
    });
    this.reset();
    return found;
  }

  /** Memory is never given back, so the largest clip's is kept. */
  clipRoom(count) {
    if (!this.clip || this.clip.count < count) this.clip = { count, address: this.room(2 * count) };
    return this.clip.address;
  }

  /** Calls take(address, count), which returns how many samples it took, until none is left. */
  inChunks(samples, take) {
    for (let first = 0; first < samples.length; first += CHUNK_SAMPLES) {
      const chunk = samples.subarray(first, first + CHUNK_SAMPLES);
      new Int16Array(this.wasm.memory.buffer, this.chunk, chunk.length).set(chunk);
      for (let at = 0; at < chunk.length; ) at += take(this.chunk + 2 * at, chunk.length - at);
    }
  }
}
