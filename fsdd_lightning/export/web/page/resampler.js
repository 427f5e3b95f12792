// Any sample rate to that of the model, while the sound comes: a windowed sinc, its delay taken out.
//
// The filter is as sharp as soxr's HQ: flat within 0.0001 dB up to 0.91 of the lower rate's Nyquist frequency, and
// from that frequency on 100 dB down, so nothing folds back. Its table takes less than 3 MB whatever the rates.

const PASS = 0.91; // of the lower Nyquist frequency: the end of what passes
const STOP = 1.0; // the start of what does not
const STOP_DB = 100;
const KAISER_BETA = 0.1102 * (STOP_DB - 8.7); // Kaiser's formulas, here and below
const KERNEL_HALF = Math.ceil((STOP_DB - 7.95) / (2.285 * Math.PI * (STOP - PASS)) / 2); // in samples of the lower rate
const MOST_PHASES = 1024; // of one sample of the lower rate: a line between two of them is off by less than -118 dB

/** A stream of samples at another rate; pieces of any size give the same samples. */
class Resampler {
  /** @throws {Error} a rate that is no whole number, or none of speech */
  constructor(fromHz, toHz) {
    for (const rateHz of [fromHz, toHz]) {
      checkRate(rateHz);
      if (!Number.isInteger(rateHz)) throw new Error(`sample rate of ${rateHz} Hz is no whole number`);
    }
    const divisor = commonDivisor(fromHz, toHz);
    this.up = toHz / divisor;
    this.down = fromHz / divisor;
    const ratio = Math.min(1, toHz / fromHz); // the lower rate, in shares of the source's
    this.half = Math.ceil(KERNEL_HALF / ratio);
    this.phases = Math.min(this.up, Math.ceil(MOST_PHASES * ratio));
    this.rows = this.up === this.down ? [] : kernelRows(this.phases, this.half, ratio);
    this.reset();
  }

  /** Forgets what was heard. */
  reset() {
    this.history = new Float32Array(this.half - 1); // silence before the first sample
    this.heard = 0; // samples so far
    this.whole = 0; // the next sample's place: index of `history` where its kernel begins ...
    this.part = 0; // ... and further, in shares of `up`
    this.given = 0;
  }

  /**
   * Resamples the next piece. Sample n of all that is given is that at the time n / toHz; it comes once the source
   * is known half a kernel further, 9 ms at 8 kHz.
   * @param {Float32Array} samples
   * @returns {Float32Array} what can be told by now; the same piece where the rates are equal
   */
  push(samples) {
    if (this.up === this.down) return samples;
    this.heard += samples.length;
    return this.resample(samples, Infinity);
  }

  /**
   * The end, as if silence followed. Together with what was pushed: as many samples as the time asks for, rounded
   * half up. What is pushed afterwards is another sound.
   */
  flush() {
    if (this.up === this.down) return new Float32Array(0);
    const total = Math.floor((2 * this.heard * this.up + this.down) / (2 * this.down));
    const tail = this.resample(new Float32Array(this.half), total - this.given);
    this.reset();
    return tail;
  }

  /** At most `most` samples, of those whose kernel's last sample is known. */
  resample(samples, most) {
    const known = joinArrays(Float32Array, [this.history, samples]);
    const [taps, start] = [2 * this.half, this.part];
    const ready = Math.ceil(((known.length - taps - this.whole + 1) * this.up - start) / this.down);
    const given = new Float32Array(Math.max(0, Math.min(ready, most)));
    for (let i = 0; i < given.length; i++) {
      given[i] = this.sampleAt(known);
      this.part += this.down;
      this.whole += Math.floor(this.part / this.up);
      this.part %= this.up;
    }
    this.history = known.slice(this.whole);
    this.whole = 0;
    this.given += given.length;
    return given;
  }

  /** The sample at this.whole and this.part: on a line between the two nearest phases, where it is not one of them. */
  sampleAt(known) {
    const place = (this.part * this.phases) / this.up; // whole where every phase has its row
    const row = Math.floor(place);
    const between = place - row;
    const value = weightedSum(known, this.whole, this.rows[row]);
    if (between === 0) return value;
    return value + between * (weightedSum(known, this.whole, this.rows[row + 1]) - value);
  }
}

/** Steps of a 16-bit converter: Float32Array in [-1, 1] to Int16Array, half up, saturated; exact for 16-bit sound. */
function toInt16(samples) {
  const steps = new Int16Array(samples.length);
  for (let i = 0; i < steps.length; i++) {
    steps[i] = Math.max(-(2 ** 15), Math.min(2 ** 15 - 1, Math.round(samples[i] * 2 ** 15)));
  }
  return steps;
}

function commonDivisor(a, b) {
  return b === 0 ? a : commonDivisor(b, a % b);
}

function weightedSum(samples, start, weights) {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += samples[start + i] * weights[i];
  return sum;
}

/** phases + 1 rows of 2 half weights: the kernel at 0 ... 1 sample's distance, each of sum 1, so that a level stays. */
function kernelRows(phases, half, ratio) {
  return Array.from({ length: phases + 1 }, (_, phase) => {
    const row = Float64Array.from({ length: 2 * half }, (_, i) => kernelAt((half - 1 + phase / phases - i) * ratio));
    const sum = row.reduce((a, b) => a + b, 0);
    return row.map((weight) => weight / sum);
  });
}

/** The kernel, in samples of the lower rate from its middle; not yet of sum 1. */
function kernelAt(time) {
  const edge = 1 - (time / KERNEL_HALF) ** 2;
  if (edge < 0) return 0;
  const angle = Math.PI * time * ((PASS + STOP) / 2);
  return (angle === 0 ? 1 : Math.sin(angle) / angle) * besselI0(KAISER_BETA * Math.sqrt(edge));
}

/** The modified Bessel function of order 0, by its series. */
function besselI0(x) {
  let [sum, term] = [1, 1];
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
