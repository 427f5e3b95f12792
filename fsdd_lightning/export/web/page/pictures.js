// The rolling picture of sound, features and words. Data come with push(); draw() is for the browser's animation frames
// alone.

const PICTURE_S = 4;
const PANE = { left: 58, right: 10, top: 6, gap: 10, lane: 24, axis: 20 }; // CSS pixels
const OCTAVE_DB = 10 * Math.log10(2); // of power; levels and excess are steps of 2^-8 of it
const LEAST_RANGE = 10 * 256; // of the colors: 30 dB, so that noise alone stays pale
const QUIET_SHARE = 0.2; // of the frames in the picture are no louder than quiet
const MOST_FEATURE = 48; // steps of 2^-4: three standard deviations

const decibels = (octavesQ8) => (octavesQ8 / 256) * OCTAVE_DB;
const minus = (text) => String(text).replace("-", "−");

/** Colors of the style sheet as 256 pixels, between the ones named. */
function ramp(names) {
  const style = getComputedStyle(document.documentElement);
  const stops = names.map((name) => parseInt(style.getPropertyValue(name).trim().slice(1), 16));
  return Uint32Array.from({ length: 256 }, (_, at) => {
    const place = (at / 255) * (stops.length - 1);
    const [first, share] = [Math.min(Math.floor(place), stops.length - 2), place % 1 || (at === 255 ? 1 : 0)];
    const mix = (bits) => {
      const [from, to] = [stops[first] >> bits, stops[first + 1] >> bits].map((channel) => channel & 255);
      return Math.round(from + (to - from) * share);
    };
    return (255 << 24) | (mix(0) << 16) | (mix(8) << 8) | mix(16); // little-endian RGBA
  });
}

/** A ramp's color of a share, 0 to 1. */
const shade = (colors, share) => colors[Math.max(0, Math.min(255, Math.round(share * 255)))];

/** The last seconds: bands of the sound, features within words, and a lane of words for each network. */
class RollingPicture {
  /** descriptions: of the networks; sound and features are the first one's. */
  constructor(canvas, descriptions) {
    [this.canvas, this.first, this.lanes] = [canvas, descriptions[0], descriptions.length];
    this.frameS = this.first.hop / this.first.rate_hz;
    this.columns = Math.round(PICTURE_S / this.frameS);
    this.sound = document.createElement("canvas");
    this.features = document.createElement("canvas");
    this.reset();
    this.restyle();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.restyle());
    new ResizeObserver(() => { this.isStale = true; }).observe(canvas);
  }

  reset() {
    [this.frames, this.words, this.count] = [[], [], 0];
    this.range = null;
    this.openSince = null;
    this.isStale = true;
  }

  restyle() {
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    const names = ["text", "faint", "line", "back", "chosen"];
    this.colors = Object.fromEntries(names.map((name) => [name, color(`--${name}`)]));
    this.levelRamp = ramp(["--ramp-0", "--ramp-1", "--ramp-2", "--ramp-3"]);
    this.featureRamp = ramp(["--minus-2", "--minus-1", "--ramp-0", "--plus-1", "--plus-2"]);
    this.isStale = true;
  }

  /** frame: of the first network's listener. */
  push(frame) {
    this.frames.push(frame);
    if (this.frames.length > this.columns) this.frames.shift();
    this.count++;
    if (!frame.inWord) this.openSince = null;
    else this.openSince ??= (this.count - 1) * this.frameS;
    this.isStale = true;
  }

  /** lane: the network's number; word: of listener.js; text: what is written there. */
  mark(lane, word, text) {
    const [start, end] = [word.start / word.rateHz, word.end / word.rateHz];
    this.words.push({ lane, text, isNone: word.label === null, start, end });
    this.words = this.words.filter((each) => each.end > this.count * this.frameS - PICTURE_S);
    const shown = this.words.filter((each) => each.lane === 0).map((each) => each.text);
    const label = `The last ${PICTURE_S} seconds of sound, with the words: ${shown.join(", ") || "none"}`;
    this.canvas.setAttribute("aria-label", label);
    this.isStale = true;
  }

  draw() {
    if (!this.isStale || !this.canvas.clientWidth) return;
    this.isStale = false;
    const panes = this.fit();
    this.paintLevels();
    this.paintFeatures();
    this.pane(this.sound, panes.sound);
    this.pane(this.features, panes.features);
    this.axes(panes);
    this.drawWords(panes);
  }

  /** Makes the canvas as sharp as the screen; the panes' tops and heights. */
  fit() {
    const { canvas, first, lanes } = this;
    const width = canvas.clientWidth;
    const sound = { top: PANE.top, height: width < 600 ? 112 : 160 };
    const row = first.channels > 20 ? 4 : 7;
    const features = { top: sound.top + sound.height + PANE.gap, height: first.channels * row };
    const words = { top: features.top + features.height + PANE.gap, height: lanes * PANE.lane };
    const height = words.top + words.height + PANE.axis;
    const ratio = devicePixelRatio || 1;
    [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    canvas.style.height = `${height}px`;
    this.context = canvas.getContext("2d");
    this.context.scale(ratio, ratio);
    this.width = width - PANE.left - PANE.right;
    return { sound, features, words };
  }

  /** Where so many seconds since the start are, in CSS pixels from the left. */
  x(seconds) {
    const share = 1 - (this.count * this.frameS - seconds) / PICTURE_S;
    return PANE.left + Math.max(0, Math.min(1, share)) * this.width;
  }

  /** One pixel a value, colored by pixel(frame, row); the newest column is the last. */
  paint(canvas, rows, pixel) {
    [canvas.width, canvas.height] = [this.columns, rows];
    const image = new ImageData(this.columns, rows);
    const pixels = new Uint32Array(image.data.buffer);
    const skip = this.columns - this.frames.length;
    for (let row = 0; row < rows; row++) {
      for (let at = 0; at < this.columns; at++) pixels[row * this.columns + at] = pixel(this.frames[at - skip], row);
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  paintLevels() {
    const { bands } = this.first;
    const [low, high] = this.levelRange();
    const color = (level) => shade(this.levelRamp, (level - low) / (high - low));
    this.paint(this.sound, bands, (frame, row) => (frame ? color(frame.levels[bands - 1 - row]) : this.levelRamp[0]));
  }

  /** From the quiet frames' mean to the loudest level; it grows at once and shrinks slowly: no flicker. */
  levelRange() {
    if (!this.frames.length) return [0, 1];
    const mean = (levels) => levels.reduce((sum, level) => sum + level, 0) / levels.length;
    const means = this.frames.map(({ levels }) => mean(levels)).sort((a, b) => a - b);
    const low = means[Math.floor(QUIET_SHARE * means.length)];
    const high = Math.max(...this.frames.map(({ levels }) => Math.max(...levels)));
    const before = this.range ?? [low, high];
    const from = Math.min(low, before[0] + 8);
    this.range = [from, Math.max(high, before[1] - 8, from + LEAST_RANGE)];
    return this.range;
  }

  paintFeatures() {
    const color = (value) => shade(this.featureRamp, (value / MOST_FEATURE + 1) / 2);
    this.paint(this.features, this.first.channels, (frame, row) => (frame?.features ? color(frame.features[row]) : 0));
  }

  pane(image, { top, height }) {
    const { context, width, colors } = this;
    context.imageSmoothingEnabled = false;
    context.drawImage(image, PANE.left, top, width, height);
    context.strokeStyle = colors.line;
    context.strokeRect(PANE.left - 0.5, top - 0.5, width + 1, height + 1);
  }

  text(text, x, y, align, color = this.colors.faint) {
    Object.assign(this.context, { textAlign: align, fillStyle: color, font: "12px system-ui, sans-serif" });
    this.context.fillText(text, x, y);
  }

  axes({ sound, features, words }) {
    const { left } = PANE;
    this.text(`${this.first.rate_hz / 2000} kHz`, left - 6, sound.top + 10, "right");
    this.text("sound", left - 6, sound.top + sound.height / 2 + 4, "right");
    this.text("0", left - 6, sound.top + sound.height - 1, "right");
    this.text("1", left - 6, features.top + 10, "right");
    if (features.height > 50) this.text("features", left - 4, features.top + features.height / 2 + 4, "right");
    this.text(this.first.channels, left - 6, features.top + features.height - 1, "right");
    for (let lane = 0; lane < this.lanes; lane++) {
      this.text(this.lanes > 1 ? "AB"[lane] : "words", left - 6, words.top + (lane + 0.5) * PANE.lane + 4, "right");
    }
    const bottom = words.top + words.height + 14;
    for (let ago = PICTURE_S; ago >= 0; ago--) {
      const align = ago === 0 ? "right" : ago === PICTURE_S ? "left" : "center";
      this.text(ago ? `−${ago} s` : "now", left + (1 - ago / PICTURE_S) * this.width, bottom, align);
    }
  }

  drawWords({ sound, words }) {
    for (const word of this.words) {
      const [from, to] = [this.x(word.start), this.x(word.end)];
      if (to <= PANE.left) continue;
      const top = words.top + word.lane * PANE.lane + 2;
      this.box(from, to, top, word.isNone ? [3, 3] : [], this.colors.chosen);
      this.text(word.text, Math.max((from + to) / 2, PANE.left + 4), top + 14, "center", this.colors.text);
      if (word.lane === 0) this.bounds(from, to, sound.top, words.top);
    }
    if (this.openSince === null) return;
    for (let lane = 0; lane < this.lanes; lane++) {
      this.box(this.x(this.openSince), PANE.left + this.width, words.top + lane * PANE.lane + 2, [2, 4], "transparent");
    }
  }

  box(from, to, top, dashes, fill) {
    const { context } = this;
    context.beginPath();
    context.roundRect(from, top, Math.max(to - from, 1), PANE.lane - 4, 4);
    context.fillStyle = fill;
    context.fill();
    context.setLineDash(dashes);
    context.strokeStyle = this.colors.faint;
    context.stroke();
    context.setLineDash([]);
  }

  /** Thin lines through the panes where a word begins and ends. */
  bounds(from, to, top, bottom) {
    this.context.fillStyle = this.colors.text;
    this.context.globalAlpha = 0.45;
    for (const x of [from, to]) if (x > PANE.left) this.context.fillRect(Math.round(x), top, 1, bottom - top);
    this.context.globalAlpha = 1;
  }
}
