// A list of any length of which only what can be seen is in the document. Rows are of one height,
// so that nothing has to be measured while it scrolls: a frame reads the scroll position once and
// then only writes.

const OVER = 14; // rows kept above and below what can be seen

export class VirtualList {
  // `make` gives a new element, `fill(element, row, index)` shows a row in it.
  constructor({ scroller, holder, make, fill, onNear }) {
    Object.assign(this, { scroller, holder, make, fill, onNear });
    this.rows = [];
    this.index = -1; // the row that has the focus
    this.total = 0;
    this.shown = new Map(); // index -> element
    this.spare = [];
    this.frame = 0;
    this.follow = false;
    this.wantsFocus = false;
    this.places = new Map(); // id -> index
    this.measure();
    new ResizeObserver(() => { this.measure(); this.schedule(); }).observe(scroller);
    scroller.addEventListener("scroll", () => this.schedule(), { passive: true });
  }

  measure() {
    this.height = this.scroller.clientHeight;
    const row = parseFloat(getComputedStyle(this.holder).getPropertyValue("--row"));
    const size = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const was = this.rowHeight;
    this.rowHeight = Math.round((row || 5.5) * size);
    if (was && was !== this.rowHeight) for (const [index, element] of this.shown) this.place(element, index);
    this.stretch();
  }

  stretch() {
    this.holder.style.height = `${this.rows.length * this.rowHeight}px`;
  }

  append(rows) {
    for (const row of rows) {
      if (this.places.has(row.id)) continue;
      this.places.set(row.id, this.rows.length);
      this.rows.push(row);
    }
    this.stretch();
    this.schedule();
  }

  replace(rows) {
    this.rows = [];
    this.places.clear();
    for (const element of this.shown.values()) element.remove();
    this.shown.clear();
    this.append(rows);
  }

  row(id) {
    return this.rows[this.places.get(id)];
  }

  get current() {
    return this.rows[this.index];
  }

  // Shows a row anew where it is in the document.
  refresh(id) {
    const index = this.places.get(id);
    const element = this.shown.get(index);
    if (element) this.fill(element, this.rows[index], index);
  }

  refreshAll() {
    for (const [index, element] of this.shown) this.fill(element, this.rows[index], index);
  }

  go(index, { focus = true } = {}) {
    const next = Math.max(0, Math.min(this.rows.length - 1, index));
    const changed = next !== this.index;
    this.index = next;
    this.follow = true;
    this.wantsFocus = focus;
    this.schedule();
    return changed;
  }

  schedule() {
    if (!this.frame) this.frame = requestAnimationFrame(() => { this.frame = 0; this.render(); });
  }

  render() {
    let top = this.scroller.scrollTop;
    if (this.follow && this.index >= 0) {
      this.follow = false;
      const at = this.index * this.rowHeight;
      const wanted = Math.min(at - this.rowHeight, Math.max(top, at + 2 * this.rowHeight - this.height));
      const next = at < top + this.rowHeight || wanted > top ? Math.max(0, Math.min(wanted, this.rows.length * this.rowHeight - this.height)) : top;
      if (next !== top) this.scroller.scrollTop = top = Math.max(0, next);
    }
    const first = Math.max(0, Math.floor(top / this.rowHeight) - OVER);
    const last = Math.min(this.rows.length, Math.ceil((top + this.height) / this.rowHeight) + OVER);
    for (const [index, element] of this.shown) {
      if ((index < first || index >= last) && index !== this.index) {
        this.shown.delete(index);
        this.spare.push(element);
      }
    }
    for (let index = first; index < last; index++) this.ensure(index);
    if (this.index >= 0 && this.index < this.rows.length) this.ensure(this.index);
    for (const element of this.spare.splice(12)) element.remove();
    for (const element of this.spare) element.hidden = true;
    this.mark();
    if (last > this.rows.length - 100) this.onNear();
  }

  ensure(index) {
    if (this.shown.has(index)) return;
    const element = this.spare.pop() ?? this.holder.appendChild(this.make());
    element.hidden = false;
    this.shown.set(index, element);
    this.place(element, index);
    this.fill(element, this.rows[index], index);
  }

  place(element, index) {
    element.style.transform = `translateY(${index * this.rowHeight}px)`;
  }

  mark() {
    const element = this.shown.get(this.index);
    if (this.marked !== element) {
      this.marked?.classList.remove("current");
      if (this.marked) this.marked.tabIndex = -1;
      this.marked = element;
    }
    if (!element) return;
    element.classList.add("current");
    element.tabIndex = 0;
    if (this.wantsFocus) {
      this.wantsFocus = false;
      if (document.activeElement?.matches("input:not([type=checkbox]), select, textarea")) return; // somebody types
      element.focus({ preventScroll: true });
    }
  }
}
