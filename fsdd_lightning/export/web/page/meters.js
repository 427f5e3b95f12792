// How loud it is, how far above the noise, and what the endpointer makes of it.

const LEAST_DBFS = -72;
const MOST_EXCESS_DB = 24;
const CLIPPED = 0.999; // of full scale
const HELD_MS = 1500; // how long a peak, and twice as long a clipped one, stays on the page
const SAID_MS = 1000; // between two changes of what a screen reader would say
const STATES = { off: "off", settling: "… settling", quiet: "○ quiet", maybe: "◔ a word?", word: "● a word" };

const dbfs = (share) => Math.max(LEAST_DBFS, 20 * Math.log10(share || 1e-9));

class Meters {
  /** description: of the network whose endpointer is shown; byId: gives elements of the page. */
  constructor(byId, { quiet, loud, settle_frames: settleFrames }) {
    for (const name of ["level", "level-text", "excess", "excess-text", "state"]) this[name] = byId(name);
    this.settleFrames = settleFrames;
    for (const [name, threshold] of [["quiet", quiet], ["loud", loud]]) {
      this.excess.querySelector(`.${name}`).style.left = this.percent(decibels(threshold));
    }
    this.thresholds = `speech above ${decibels(quiet).toFixed(1)} dB, a word above ${decibels(loud).toFixed(1)} dB`;
    this.excess.title = this.thresholds;
    this.reset();
  }

  reset() {
    Object.assign(this, { rms: 0, peak: 0, peakAt: 0, clippedAt: -Infinity });
    Object.assign(this, { above: 0, age: 0, isWord: false, saidAt: 0 });
    this.show("off");
    this.isStale = true;
  }

  /** samples: Float32Array, as the microphone gives them. */
  hear(samples) {
    let [sum, peak] = [0, 0];
    for (const sample of samples) [sum, peak] = [sum + sample * sample, Math.max(peak, Math.abs(sample))];
    this.rms = Math.max(Math.sqrt(sum / samples.length), this.rms * 0.9);
    const now = performance.now();
    if (peak >= CLIPPED) this.clippedAt = now;
    if (peak >= this.peak || now - this.peakAt > HELD_MS) [this.peak, this.peakAt] = [peak, now];
    this.isStale = true;
  }

  /** The endpointer settles for some frames after a reset, and again after what was too long for a word. */
  push({ excess, inWord, event }) {
    this.above = Math.max(decibels(excess), this.above * 0.85);
    this.age = event?.isOverlong ? 0 : this.age + 1;
    this.isWord = inWord && (this.isWord || event?.kind === "begins");
    const pause = this.age <= this.settleFrames ? "settling" : "quiet";
    this.now = inWord ? (this.isWord ? "word" : "maybe") : pause;
    this.isStale = true;
  }

  /** Low thresholds need room: the scale is that of a square root. */
  percent(excessDb) {
    return `${100 * Math.sqrt(Math.min(1, Math.max(0, excessDb) / MOST_EXCESS_DB))}%`;
  }

  show(state) {
    this.now = state;
    if (this.state.dataset.state === state) return;
    this.state.dataset.state = state;
    this.state.textContent = STATES[state];
  }

  draw() {
    if (!this.isStale) return;
    this.isStale = false;
    const isOff = this.now === "off";
    this.show(this.now);
    const share = (value) => `${100 * (1 - dbfs(value) / LEAST_DBFS)}%`;
    this.level.querySelector(".fill").style.width = share(this.rms);
    this.level.querySelector(".peak").style.left = share(this.peak);
    const isClipped = performance.now() - this.clippedAt < 2 * HELD_MS;
    this["level-text"].classList.toggle("failed", isClipped);
    const peak = `${minus(dbfs(this.peak).toFixed(0))} dBFS`;
    this["level-text"].textContent = isOff ? "–" : isClipped ? "clips: too loud" : peak;
    this.excess.querySelector(".fill").style.width = this.percent(this.above);
    this["excess-text"].textContent = isOff ? "–" : `${this.above.toFixed(1)} dB`;
    this.say(isClipped);
  }

  /** For screen readers, which would not follow sixty numbers a second. */
  say(isClipped) {
    if (performance.now() - this.saidAt < SAID_MS) return;
    this.saidAt = performance.now();
    const [level, above] = [dbfs(this.rms).toFixed(0), this.above.toFixed(1)];
    this.level.setAttribute("aria-valuenow", level);
    this.level.setAttribute("aria-valuetext", `${minus(level)} dBFS${isClipped ? ", clipped: speak lower" : ""}`);
    this.excess.setAttribute("aria-valuenow", above);
    this.excess.setAttribute("aria-valuetext", `${above} dB; ${this.thresholds}`);
  }
}
