// A network of the page: a recognizer, or for a float network a recognizer's ear and JavaScript behind it.

const FLOAT_STEP = 2 ** -16; // of a float network's logits, as evaluation/stream.py compares them
const FLOAT_TOLERANCE = 16; // such steps between two orders of float sums
const LARGEST_MARGIN = 2 ** 31 - 1;

/** base64 of deflated bytes -> Uint8Array. */
async function openPack(base64) {
  const packed = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The bytes at a place of the pack, [start, bytes]. */
function bytesAt(pack, [start, count]) {
  return pack.slice(start, start + count);
}

/** What arithmetic/listener.py decides of logits: the largest one's class, the lowest on ties, and its lead. */
function decide(logits, leastMargin) {
  let best = 0;
  logits.forEach((logit, at) => { best = logit > logits[best] ? at : best; });
  const second = Math.max(...[...logits].filter((_, at) => at !== best));
  const margin = logits.length > 1 ? Math.min(logits[best] - second, LARGEST_MARGIN) : LARGEST_MARGIN;
  return { label: margin >= leastMargin ? best : -1, margin };
}

/** A Recognizer of a float network: front end and endpointer are the device's, the LSTM behind them JavaScript. */
class FloatStream {
  constructor(description, module, pack) {
    const floats = (place) => new Float32Array(bytesAt(pack, place).buffer);
    const { layers, output_weight: outputWeight, output_bias: outputBias } = description.float;
    this.leastMargin = description.least_margin;
    this.recognizer = new Recognizer(module, bytesAt(pack, description.image));
    this.network = new FloatNetwork({
      layers: layers.map(({ inputs, hidden, weight_ih: weightIh, weight_hh: weightHh, bias }) => ({
        inputs, hidden, weightIh: floats(weightIh), weightHh: floats(weightHh), bias: floats(bias),
      })),
      outputWeight: floats(outputWeight),
      outputBias: floats(outputBias),
    });
    this.inWord = false;
    this.word = null;
  }

  reset() {
    this.recognizer.reset();
    this.inWord = false;
  }

  push(samples) {
    return this.recognizer.push(samples).map((frame) => this.withLogits(frame));
  }

  withLogits(frame) {
    if (frame.inWord && !this.inWord) this.network.reset();
    this.inWord = frame.inWord;
    if (frame.inWord) this.network.step(frame.features);
    if (frame.isSpeech) this.word = this.logits();
    const event = frame.event && frame.event.kind === "ends" ? this.ended(frame.event) : frame.event;
    return { ...frame, event, logits: frame.inWord ? this.word : null };
  }

  ended(event) {
    return event.isOverlong ? event : { ...event, ...decide(this.word, this.leastMargin), logits: this.word };
  }

  /** In steps of 2^-16, half up. */
  logits() {
    return Float64Array.from(this.network.logits(), (logit) => Math.floor(logit / FLOAT_STEP + 0.5));
  }

  clipLogits(samples) {
    const frames = this.recognizer.clipFeatures(samples);
    this.inWord = false;
    this.network.reset();
    frames.forEach((features) => this.network.step(features));
    return frames.length ? this.logits() : null;
  }
}

/** All that the page knows of a network, and listeners with it. */
class Network {
  constructor(description, module, pack) {
    this.description = description;
    this.newStream = () => description.float ? new FloatStream(description, module, pack)
      : new Recognizer(module, bytesAt(pack, description.image));
    this.golden = (name) => description.golden[name].map((place) => new Int16Array(bytesAt(pack, place).buffer));
  }

  newListener(sourceRateHz) {
    return new NetworkListener(this, sourceRateHz);
  }

  /** What a word's logits say; decided: what was made of them, as of `decide`. */
  answer(logits, { label, margin }) {
    const { labels, none, logit_step: step, temperature } = this.description;
    const best = decide(logits, 0).label;
    const powers = [...logits].map((logit) => Math.exp(((logit - logits[best]) * step) / temperature));
    const share = powers[best] / powers.reduce((sum, power) => sum + power, 0);
    const isNone = label < 0 || none.includes(label);
    return { label: isNone ? null : labels[label], nearest: labels[best], margin, share, logits: [...logits] };
  }

  /** A clip that stands alone, Int16Array at the network's rate, as a word; null where it is shorter than a window. */
  clip(samples) {
    const { rate_hz: rateHz, longest_frames: longest, hop, window, least_margin: least } = this.description;
    const heard = samples.subarray(0, window + (longest - 1) * hop);
    const logits = this.newStream().clipLogits(heard);
    const place = { isOverlong: false, start: 0, end: heard.length, samples: heard, rateHz };
    return logits && { ...place, ...this.answer(logits, decide(logits, least)) };
  }

  /** Computes the golden clips and a stream of them; `problem` is what differs from the numbers of Python. */
  check() {
    const clips = this.golden("clips");
    const { logits, events } = this.description.golden;
    const problem = this.clipProblem(clips, logits) || this.streamProblem(clips, events);
    return { clips: clips.length, logits: logits.flat().length, events: events.length, problem };
  }

  get tolerance() {
    return this.description.float ? FLOAT_TOLERANCE : 0;
  }

  clipProblem(clips, expected) {
    const stream = this.newStream();
    for (const [at, clip] of clips.entries()) {
      const logits = [...stream.clipLogits(clip)];
      const differs = logits.findIndex((logit, k) => Math.abs(logit - expected[at][k]) > this.tolerance);
      if (differs >= 0) return `clip ${at + 1}: logit ${differs} is ${logits[differs]}, not ${expected[at][differs]}`;
    }
    return null;
  }

  streamProblem(clips, expected) {
    const pause = new Int16Array(this.description.golden.pause);
    const stream = this.newStream();
    const frames = [...clips.flatMap((clip) => [pause, clip]), pause, pause].flatMap((samples) => stream.push(samples));
    const events = frames.flatMap(({ event }, at) => (event ? [eventNumbers(event, at)] : []));
    const count = Math.min(events.length, expected.length);
    const differs = events.length === expected.length
      ? events.findIndex((event, at) => !this.isSameEvent(event, expected[at])) : count;
    return differs < 0 ? null : `event ${differs + 1} of a stream is ${events[differs]}, not ${expected[differs]}`;
  }

  isSameEvent(event, expected) {
    return event.every((value, at) => (typeof value === "string" ? value === expected[at]
      : Math.abs(value - expected[at]) <= (at === event.length - 1 ? 2 * this.tolerance : 0)));
  }
}

/** As `golden.events` has them: kind, frame, first frame, frames, label, margin. */
function eventNumbers({ kind, frames, framesAgo, label, margin }, at) {
  return [kind, at, at - framesAgo, frames, label, margin];
}
