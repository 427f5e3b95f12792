// A listener: a network of the page on one stream of sound, of any rate.

const AROUND_S = 0.1; // of sound before and behind a word that is kept with it
const KEPT_S = 300; // of what a listener has heard

/** Hears one stream of float samples of any rate. */
class NetworkListener {
  constructor(network, sourceRateHz) {
    this.network = network;
    this.sourceRateHz = sourceRateHz;
    this.stream = network.newStream();
    this.reset();
  }

  reset() {
    this.stream.reset();
    this.resampler = new Resampler(this.sourceRateHz, this.network.description.rate_hz);
    this.heard = 0; // samples at the network's rate
    this.frames = 0;
    this.kept = [];
    this.keptFrom = 0; // the first sample of what is kept
  }

  /** samples: Float32Array at the source's rate, -1 to 1. The frames that they complete; an event has its word. */
  push(samples) {
    return this.hear(toInt16(this.resampler.push(samples)));
  }

  /** What the resampler still holds at the end of a recording. */
  finish() {
    return this.hear(toInt16(this.resampler.flush()));
  }

  hear(samples) {
    this.keep(samples);
    return this.stream.push(samples).map((frame) => this.withWord(frame, this.frames++));
  }

  keep(samples) {
    const most = KEPT_S * this.network.description.rate_hz;
    this.kept.push(samples);
    this.heard += samples.length;
    while (this.heard - this.keptFrom - this.kept[0].length >= most) this.keptFrom += this.kept.shift().length;
  }

  withWord(frame, at) {
    const { event } = frame;
    return event && event.kind === "ends" ? { ...frame, event: { ...event, word: this.word(event, at) } } : frame;
  }

  word({ frames, framesAgo, isOverlong, logits, label, margin }, at) {
    const { rate_hz: rateHz, hop, window } = this.network.description;
    const start = (at - framesAgo) * hop;
    const end = start + window + (frames - 1) * hop;
    const around = Math.round(AROUND_S * rateHz);
    const place = { start, end, rateHz, isOverlong, samples: this.sound(start - around, end + around) };
    if (isOverlong) return { ...place, label: null, nearest: null, margin: 0, share: 0, logits: [] };
    return { ...place, ...this.network.answer(logits, { label, margin }) };
  }

  /** Int16Array of samples [start, end) as far as they are kept. */
  sound(start, end) {
    const parts = [];
    let at = this.keptFrom;
    for (const part of this.kept) {
      if (at + part.length > start && at < end) parts.push(part.subarray(Math.max(start - at, 0), end - at));
      at += part.length;
    }
    return joinArrays(Int16Array, parts);
  }

  /** All that is kept: the last five minutes. */
  recording() {
    return this.sound(this.keptFrom, this.heard);
  }
}
