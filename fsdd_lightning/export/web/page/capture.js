// Runs in the browser's audio thread: collects the sound that arrives and posts it, numbered, to the page.
"use strict";

const BATCH = 1024; // samples of one message: 21 ms at 48 kHz

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.batch = new Float32Array(BATCH);
    this.count = 0;
  }

  /** Takes one channel, 128 samples as a rule; silence where nothing is connected. What is played stays silent. */
  process([[samples = new Float32Array(128)]]) {
    if (this.count && this.first + this.count !== currentFrame) this.post(); // some were never given to us
    for (let at = 0; at < samples.length; ) {
      if (!this.count) this.first = currentFrame + at;
      const piece = samples.subarray(at, at + BATCH - this.count);
      this.batch.set(piece, this.count);
      this.count += piece.length;
      at += piece.length;
      if (this.count === BATCH) this.post();
    }
    return true;
  }

  /** The batch goes to the page without being copied. */
  post() {
    const samples = this.batch.subarray(0, this.count);
    this.port.postMessage({ first: this.first, samples }, [samples.buffer]);
    this.batch = new Float32Array(BATCH);
    this.count = 0;
  }
}

registerProcessor("capture", Capture);
