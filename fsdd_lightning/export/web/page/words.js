// The last words, with what each network heard: to play them again, to say what they were, and to keep them.

const MOST_ROWS = 50; // what is marked as something stays beyond that
const TAKES_FROM = Date.UTC(2020, 0, 1); // takes count seconds from here: nine digits, as a take may have, until 2051
const NOT_IN_NAMES = /[\\/:*?"<>|]/gu;

/** A speaker's name in letters, digits and single hyphens, as data/layouts.py makes it. */
function fitSpeaker(name) {
  return name.normalize("NFC").replace(/[^\p{L}0-9]+/gu, "-").replace(/^-+|-+$/gu, "");
}

/** Offers bytes as a file. */
function downloadFile(bytes, type, name) {
  const url = URL.createObjectURL(new Blob([bytes], { type }));
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000); // by then the browser has begun to read it
}

/** Plays one sound at a time. */
class Player {
  constructor(audio) {
    this.audio = audio;
    audio.addEventListener("ended", () => this.stop());
  }

  play({ samples, rateHz }) {
    this.stop();
    this.url = URL.createObjectURL(new Blob([writeWav(samples, rateHz)], { type: "audio/wav" }));
    this.audio.src = this.url;
    return this.audio.play().catch((error) => error.name !== "AbortError" && this.stop()); // or the next one plays
  }

  get isPlaying() {
    return !!this.url;
  }

  stop() {
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = null;
  }
}

/**
 * Rows of words, the newest first. A row: {source, at (Date), take, start, end (s), answers (a word or null for each
 * network), truth}.
 */
class WordList {
  /** list: <ol>; descriptions: of the networks; onChange(): what may be kept has changed. */
  constructor(list, descriptions, player, onChange) {
    Object.assign(this, { list, descriptions, player, onChange });
    this.labels = [...new Set(descriptions.flatMap(({ labels }) => labels))];
    this.rows = [];
    [this.lastTake, this.count] = [0, 0];
  }

  /** word: that network `at` has heard in a source, "microphone" or a file's name; session: of one stream. */
  add(at, word, source, session) {
    const [start, end] = [word.start / word.rateHz, word.end / word.rateHz];
    let row = this.rows.find((each) =>
      each.session === session && !each.answers[at] && each.start < end && start < each.end);
    row ??= this.newRow(source, session, start, end);
    row.answers[at] = word;
    this.fill(row);
  }

  newRow(source, session, start, end) {
    const now = new Date();
    this.lastTake = Math.max(this.lastTake + 1, Math.floor((now - TAKES_FROM) / 1000));
    const answers = this.descriptions.map(() => null);
    const row = { number: ++this.count, source, session, start, end, at: now, take: this.lastTake, answers, truth: "" };
    row.item = element("li");
    this.rows.unshift(row);
    this.list.prepend(row.item);
    this.forget();
    return row;
  }

  forget() {
    if (this.rows.length <= MOST_ROWS) return;
    const oldest = this.rows.findLast(({ truth }) => !truth);
    if (!oldest) return;
    this.rows.splice(this.rows.indexOf(oldest), 1);
    oldest.item.remove();
  }

  fill(row) {
    const time = row.at.toLocaleTimeString("en", { hour12: false });
    const where = row.source === "microphone" ? time : row.source;
    row.choice ??= this.choice(row);
    row.play ??= this.playButton(row);
    row.item.replaceChildren(element("span", { class: "when faint", title: time }, where),
      ...row.answers.map((word, at) => this.answer(word, at)),
      element("span", { class: "tools" }, row.play, row.choice));
    this.judge(row);
  }

  answer(word, at) {
    const cell = element("span", { class: "answer" });
    if (this.descriptions.length > 1) cell.append(element("span", { class: "badge" }, "AB"[at]), " ");
    if (!word) return cell.append(element("span", { class: "faint" }, "heard no word")), cell;
    const { text, note, sizes } = wordText(word, this.descriptions[at]);
    cell.append(element("b", { class: word.label === null ? "none" : "" }, text), element("span", { class: "mark" }),
      note && ` ${note}`, " ", element("span", { class: "faint small sizes" }, sizes));
    return cell;
  }

  playButton(row) {
    const button = element("button", { type: "button", "aria-label": `Play word ${row.number}` }, "▶ Play");
    button.addEventListener("click", () => this.player.play(this.sound(row)));
    return button;
  }

  choice(row) {
    const options = [["", "That was …"], ...this.labels.map((label) => [label, `that was: ${label}`])];
    const select = element("select", { "aria-label": `That was, of word ${row.number}` });
    select.append(...options.map(([value, text]) => element("option", { value }, text)));
    select.addEventListener("change", () => {
      row.truth = select.value;
      this.judge(row);
      this.onChange();
    });
    return select;
  }

  /** Says right or wrong where it is known what the word was. */
  judge({ item, answers, truth }) {
    item.querySelectorAll(".answer").forEach((cell, at) => {
      const mark = cell.querySelector(".mark");
      if (!mark) return;
      const label = answers[at].label ?? "";
      const none = this.descriptions[at].none.map((place) => this.descriptions[at].labels[place]);
      const isRight = label === truth || (!label && none.includes(truth));
      mark.textContent = truth && (isRight ? " ✓ right" : " ✗ wrong");
      mark.className = `mark small ${isRight ? "done" : "failed"}`;
    });
  }

  sound(row) {
    return row.answers.find((word) => word);
  }

  get chosen() {
    return this.rows.filter(({ truth }) => truth);
  }

  /** The marked words as files of the layout that data.root=[fsdd,...] reads; speaker: fit, not empty. */
  recordings(speaker) {
    return this.chosen.map((row) => {
      const { samples, rateHz } = this.sound(row);
      const label = row.truth.replace(NOT_IN_NAMES, "-");
      return { name: `recordings/${label}_${speaker}_${row.take}.wav`, bytes: writeWav(samples, rateHz) };
    });
  }
}
