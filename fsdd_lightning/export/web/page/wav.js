// WAV files: read to mono samples, and written.
// What is read, and what is refused, is as in the package's Python; only A-law and its like need a program there.

const LEAST_RATE_HZ = 1000; // less means a damaged header
const MOST_RATE_HZ = 768000; // of the best converters
const MOST_CHANNELS = 64; // of arrays of microphones
const MOST_WAV_SECONDS = 600;
const MOST_WAV_LEVEL = 2 ** 20; // of full scale; no converter makes more

// By format tag and bytes of a sample: the value of full scale 1, at a byte of a DataView.
const WAV_SAMPLES = {
  "1:1": (view, at) => (view.getUint8(at) - 128) / 128,
  "1:2": (view, at) => view.getInt16(at, true) / 2 ** 15,
  "1:3": (view, at) => (view.getUint8(at) + 256 * view.getInt16(at + 1, true)) / 2 ** 23,
  "1:4": (view, at) => view.getInt32(at, true) / 2 ** 31,
  "3:4": (view, at) => view.getFloat32(at, true),
  "3:8": (view, at) => view.getFloat64(at, true),
};
const WAV_EXTENSIBLE = 0xfffe; // the format tag stands further behind, where its 16 bytes of name begin
const WAV_FORMATS = { 1: "PCM", 2: "ADPCM", 3: "float", 6: "A-law", 7: "mu-law", 17: "ADPCM", 49: "GSM", 85: "MP3" };

/**
 * Reads a WAV file: PCM of 8 to 32 bits or float of 32 or 64, any channels, mixed by their mean.
 * A file that ends before its sound is taken as far as it goes, as of recorders that do not know the length.
 * @param {Uint8Array} bytes
 * @returns {{sampleRateHz: number, samples: Float32Array}} full scale is 1; of 16 bits mono, toInt16 gives them back
 * @throws {Error} one line, without the file's name
 */
function readWav(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { format, start, size } = findWavSound(view);
  const frames = Math.floor(size / (format.width * format.channels));
  if (frames === 0) throw new Error("holds no samples");
  if (frames > MOST_WAV_SECONDS * format.sampleRateHz) throw new Error(`longer than ${MOST_WAV_SECONDS} s: cut it`);
  return { sampleRateHz: format.sampleRateHz, samples: mixWav(view, start, frames, format) };
}

/** The format, and where the sound starts and how many bytes of it there are. */
function findWavSound(view) {
  if (view.byteLength === 0) throw new Error("empty file");
  if (wavId(view, 0) !== "RIFF" || wavId(view, 8) !== "WAVE") throw new Error("not a WAV file: no RIFF/WAVE header");
  let format = null;
  for (let at = 12; at + 8 <= view.byteLength; ) {
    const [id, stated, start] = [wavId(view, at), view.getUint32(at + 4, true), at + 8];
    const size = Math.min(stated, view.byteLength - start);
    if (id === "fmt " && format !== null) throw new Error("not a WAV file: more than one format");
    if (id === "fmt ") format = readWavFormat(view, start, size);
    if (id === "data" && format === null) throw new Error("not a WAV file: no format before its sound");
    if (id === "data") return { format, start, size };
    at = start + stated + (stated % 2); // chunks start at even offsets
  }
  throw new Error("truncated: the file ends before its sound");
}

/** Four letters; fewer at the file's end. */
function wavId(view, at) {
  let id = "";
  for (let i = at; i < Math.min(at + 4, view.byteLength); i++) id += String.fromCharCode(view.getUint8(i));
  return id;
}

/** What a "fmt " chunk says: channels, sampleRateHz, width (bytes of a sample) and read (one of WAV_SAMPLES). */
function readWavFormat(view, start, size) {
  if (size < 16) throw new Error("not a WAV file: its format is cut off");
  const [stated, channels] = [view.getUint16(start, true), view.getUint16(start + 2, true)];
  const [sampleRateHz, bits] = [view.getUint32(start + 4, true), view.getUint16(start + 14, true)];
  const tag = stated === WAV_EXTENSIBLE && size >= 26 ? view.getUint16(start + 24, true) : stated;
  const width = Math.ceil(bits / 8); // fewer bits stand at the top of their bytes
  const read = WAV_SAMPLES[`${tag}:${width}`];
  if (read === undefined) throw new Error(`${wavKind(tag, bits)} is not read: convert it to PCM`);
  checkRate(sampleRateHz);
  if (channels < 1 || channels > MOST_CHANNELS) throw new Error(`has ${channels} channels, not 1 to ${MOST_CHANNELS}`);
  return { channels, sampleRateHz, width, read };
}

/** How people call a format. */
function wavKind(tag, bits) {
  if (tag === 1 || tag === 3) return `${WAV_FORMATS[tag]} of ${bits} bits`;
  return WAV_FORMATS[tag] ?? `WAV format 0x${tag.toString(16)}`;
}

/** Throws for a rate, in hertz, that no recording of speech has. */
function checkRate(rateHz) {
  if (!(rateHz >= LEAST_RATE_HZ)) throw new Error(`sample rate of ${rateHz} Hz is too low for speech`);
  if (rateHz > MOST_RATE_HZ) throw new Error(`sample rate of ${rateHz} Hz is more than ${MOST_RATE_HZ} Hz`);
}

/** The mean of all channels: (frames,) Float32Array. */
function mixWav(view, start, frames, { channels, width, read }) {
  const samples = new Float32Array(frames);
  for (let frame = 0, at = start; frame < frames; frame++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++, at += width) {
      const value = Math.fround(read(view, at));
      if (!(Math.abs(value) <= MOST_WAV_LEVEL)) throw new Error("holds samples that are no numbers or far too loud");
      sum += value;
    }
    samples[frame] = sum / channels;
  }
  return samples;
}

/**
 * The bytes of a WAV file: PCM, 16 bits, mono.
 * @param {Int16Array} samples
 * @param {number} sampleRateHz
 * @returns {Uint8Array}
 */
function writeWav(samples, sampleRateHz) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // bytes of the format
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, sampleRateHz, true);
  view.setUint32(28, 2 * sampleRateHz, true); // bytes a second
  view.setUint16(32, 2, true); // bytes of a frame
  view.setUint16(34, 16, true); // bits
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => view.setInt16(44 + 2 * i, sample, true));
  return new Uint8Array(view.buffer);
}
