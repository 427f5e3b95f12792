// The way from a microphone to samples. Each failure is an Error whose message is one line that says what to do.

/** The page's own address when it comes from a server at home, which every browser trusts with a microphone. */
const serveIt = (file) => `run "python -m http.server" in this file's folder and open http://localhost:8000/${file}`;

const PAUSED = "The browser has paused the sound: come back to this page, or stop and listen.";
const REFUSALS = {
  NotAllowedError: "The microphone was refused: allow it beside the page's address, then press Listen again.",
  NotFoundError: "There is no microphone: connect one, then press Listen again. WAV files work without one.",
  NotReadableError: "The microphone can't be opened: close the program that uses it, then press Listen again.",
  OverconstrainedError: "The chosen microphone is gone: choose another one, then press Listen again.",
};
REFUSALS.SecurityError = REFUSALS.NotAllowedError;
REFUSALS.AbortError = REFUSALS.NotReadableError;

/** A DOMException of getUserMedia as such an Error; file: the page's name. */
function refusal(error, file) {
  const known = REFUSALS[error.name] ?? `The microphone can't be opened (${error.message}): press Listen again.`;
  const fromFile = REFUSALS[error.name] === REFUSALS.NotAllowedError && location.protocol === "file:";
  return new Error(fromFile ? `${known} If the browser does not ask, ${serveIt(file)}.` : known);
}

/** From a blob: URL; Chromium takes none in a page from a file, but a data: URL. */
async function addCapture(worklet) {
  const script = document.getElementById("capture").textContent;
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  await worklet.addModule(url)
    .catch(() => worklet.addModule(`data:text/javascript,${encodeURIComponent(script)}`))
    .finally(() => URL.revokeObjectURL(url));
}

/**
 * A node that gives all sound that is connected to it to onBlock(samples, lost): Float32Array, one channel, at the
 * context's rate; lost: how many samples are missing before it, 0 as a rule. Messages queue while the page is busy:
 * none is dropped. Any context will do, so a test may run an offline one as fast as it goes.
 */
async function captureNode(context, onBlock) {
  if (!context.audioWorklet || typeof AudioWorkletNode === "undefined") {
    throw new Error("This browser has no AudioWorklet, which hears the microphone: use one of 2023 or newer.");
  }
  await addCapture(context.audioWorklet);
  const node = new AudioWorkletNode(context, "capture", { channelCount: 1, channelCountMode: "explicit" });
  let next = null; // the number of the sample that should come
  node.port.onmessage = ({ data: { first, samples } }) => {
    const lost = next === null ? 0 : first - next;
    next = first + samples.length;
    onBlock(samples, lost);
  };
  node.connect(context.destination); // it plays silence; some browsers run only what is connected
  return node;
}

/** One microphone, from start() to stop(). */
class Microphone {
  /**
   * on.block(samples, lost): as of captureNode. on.trouble(line): what is wrong while it listens; null: no more.
   * on.gone(line): it has stopped. file: the page's name.
   */
  constructor(on, file) {
    this.on = on;
    this.file = file;
    document.addEventListener("visibilitychange", () => this.wake());
  }

  get isOpen() {
    return !!this.context;
  }

  get isRunning() {
    return this.context?.state === "running";
  }

  /** Opens it; returns its rate in Hz. deviceId: "" for the browser's choice. Throws an Error of one line. */
  async start(deviceId) {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error(`The browser gives this address no microphone: ${serveIt(this.file)}.`);
    }
    this.context = new AudioContext({ latencyHint: "interactive" });
    try {
      this.context.resume().catch(() => {}); // within the click, where all browsers allow it
      this.stream = await this.open(deviceId);
      const node = await captureNode(this.context, this.on.block);
      this.context.createMediaStreamSource(this.stream).connect(node);
      this.watch(this.stream.getAudioTracks()[0]);
    } catch (error) {
      this.stop();
      throw error;
    }
    return this.context.sampleRate;
  }

  /** The sound as it is: what browsers do to it for telephony is what no device does. */
  async open(deviceId) {
    const raw = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
    const audio = deviceId ? { ...raw, deviceId: { exact: deviceId } } : raw;
    try {
      return await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      throw refusal(error, this.file);
    }
  }

  /** Tells of all that may end or silence it from outside. */
  watch(track) {
    track.onended = () => {
      this.stop();
      this.on.gone("The microphone is gone: connect it or choose another one, then press Listen again.");
    };
    track.onmute = () => this.on.trouble("The system has muted the microphone: unmute it, and listening goes on.");
    track.onunmute = () => this.on.trouble(null);
    this.context.onstatechange = () => {
      this.on.trouble(this.isOpen && !this.isRunning ? PAUSED : null);
      this.wake();
    };
  }

  /** A context that was paused, by a call or in a tab behind, goes on as soon as it may. */
  wake() {
    if (!document.hidden && this.isOpen && !this.isRunning) this.context.resume().catch(() => {});
  }

  stop() {
    const { stream, context } = this;
    this.stream = this.context = null;
    for (const track of stream?.getTracks() ?? []) track.stop();
    if (!context) return;
    context.onstatechange = null;
    context.close().catch(() => {});
  }

  /** [{deviceId, label}]; without names, hence empty, before the permission. */
  static async devices() {
    const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
    return all.filter(({ kind, deviceId, label }) => kind === "audioinput" && deviceId && label);
  }
}
