// Decisions on their way to the server. They stand in the browser's store until the server has
// answered, so that neither a lost connection nor a closed tab loses one; sent twice, they count
// once. Of a mention one change is under way at a time: the next tells the label the first made.

const AT_ONCE = 100;
const SOON = 30; // ms in which quick decisions come together
const LONGEST = 15_000;

export class Outbox {
  // `post(changes)` resolves to outcomes; `on` is told of what happens.
  constructor(key, { post, on }) {
    this.key = key;
    this.post = post;
    this.on = on;
    this.waiting = new Map(); // id -> change
    this.sending = new Map();
    this.timer = 0;
    this.wait = 0;
    this.lost = false;
    this.load();
    addEventListener("online", () => this.soon(0));
  }

  get size() {
    return new Set([...this.waiting.keys(), ...this.sending.keys()]).size;
  }

  load() {
    try {
      for (const change of JSON.parse(localStorage.getItem(this.key) ?? "[]")) this.waiting.set(change.mention_id, change);
    } catch {
      localStorage.removeItem(this.key);
    }
    if (this.waiting.size) this.soon(0);
  }

  save() {
    try {
      const all = new Map([...this.sending, ...[...this.waiting].map(([id, change]) => [id, { ...this.sending.get(id), ...change }])]);
      if (all.size) localStorage.setItem(this.key, JSON.stringify([...all.values()]));
      else localStorage.removeItem(this.key);
    } catch { /* a full or forbidden store: decisions still go out */ }
  }

  add(change) {
    this.waiting.set(change.mention_id, { ...this.waiting.get(change.mention_id), ...change });
    this.save();
    this.on.changed(this.size);
    this.soon(SOON);
  }

  // Takes a decision back that has not left yet; false if it is on its way or gone out.
  drop(id) {
    const had = this.waiting.delete(id);
    this.save();
    this.on.changed(this.size);
    return had;
  }

  soon(ms) {
    if (this.timer && ms) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { this.timer = 0; this.send(); }, ms);
  }

  async send() {
    if (this.sending.size) return;
    for (const [id, change] of this.waiting) {
      if (this.sending.size >= AT_ONCE) break;
      this.sending.set(id, change);
      this.waiting.delete(id);
    }
    if (!this.sending.size) return;
    this.save();
    try {
      const outcomes = await this.post([...this.sending.values()]);
      this.answered(outcomes);
    } catch (error) {
      this.failed(error);
    }
  }

  answered(outcomes) {
    const sent = this.sending;
    this.sending = new Map();
    for (const outcome of outcomes) {
      const next = this.waiting.get(outcome.mention_id);
      if (next && outcome.state === "kept") next.seen = outcome.seen;
      if (next && outcome.state !== "kept") this.waiting.delete(outcome.mention_id);
    }
    this.wait = 0;
    this.save();
    if (this.lost) { this.lost = false; this.on.back(sent.size); }
    for (const outcome of outcomes) this.on.outcome(outcome, sent.get(outcome.mention_id));
    this.on.changed(this.size);
    if (this.waiting.size) this.soon(0);
    else this.idle?.();
  }

  failed(error) {
    const sent = this.sending;
    this.sending = new Map();
    if (error.refused) { // the server will never take them: give the rows back
      this.save();
      this.on.refused([...sent.values()], error);
      this.on.changed(this.size);
      if (this.waiting.size) this.soon(0);
      return;
    }
    for (const [id, change] of sent) this.waiting.set(id, { ...change, ...this.waiting.get(id), seen: change.seen });
    this.save();
    this.lost = true;
    this.wait = Math.min(LONGEST, this.wait ? this.wait * 2 : 1000);
    this.on.lost(this.size, error);
    this.soon(this.wait);
  }

  // When all that was decided so far has been answered.
  settled() {
    if (!this.size) return Promise.resolve();
    this.soon(0);
    return new Promise((resolve) => { this.idle = () => { this.idle = null; resolve(); }; });
  }
}
