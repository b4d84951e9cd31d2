// A list that holds no more rows than are seen, however many there are; one stop of the Tab key, arrows inside.

const ROW_PX = 30;

class RowList {
  constructor(box, { role, label, rowRole, draw, open, most = 16, key = () => false }) {
    Object.assign(this, { box, draw, open, most, key, rowRole });
    this.rows = [];
    this.at = 0;
    box.tabIndex = 0;
    box.setAttribute("role", role);
    box.setAttribute("aria-label", label);
    this.id = `l${RowList.made = (RowList.made || 0) + 1}`;
    this.inside = make("div", { class: "rows", role: "presentation" });
    box.append(this.inside);
    box.addEventListener("scroll", () => this.paint(), { passive: true });
    box.addEventListener("keydown", (event) => this.onKey(event));
    box.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (row) { this.go(Number(row.dataset.at), false); this.open(this.rows[this.at], event.target, this); }
    });
    new ResizeObserver(() => this.paint(true)).observe(box);
  }

  show(rows) {
    this.rows = rows;
    this.at = Math.max(0, Math.min(this.at, rows.length - 1));
    this.box.style.height = `${Math.max(1, Math.min(this.most, rows.length)) * ROW_PX + 2}px`;
    this.inside.style.height = `${rows.length * ROW_PX}px`;
    this.paint(true);
  }

  go(at, scroll = true) {
    if (!this.rows.length) return;
    this.at = Math.max(0, Math.min(at, this.rows.length - 1));
    if (scroll) {
      const top = this.at * ROW_PX, seen = this.box.clientHeight;
      if (top < this.box.scrollTop) this.box.scrollTop = top;
      else if (top + ROW_PX > this.box.scrollTop + seen) this.box.scrollTop = top + ROW_PX - seen;
    }
    this.paint(true);
  }

  paint(always = false) {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW_PX) - 6);
    const last = Math.min(this.rows.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW_PX) + 6);
    if (!always && this.first === first && this.last === last) return;
    [this.first, this.last] = [first, last];
    const drawn = [];
    for (let at = first; at < last; at += 1) {
      const row = this.draw(this.rows[at]);
      row.classList.add("row");
      row.classList.toggle("at", at === this.at);
      row.id = `${this.id}-${at}`;
      row.dataset.at = at;
      row.setAttribute("role", this.rowRole);
      row.setAttribute("aria-posinset", at + 1);
      row.setAttribute("aria-setsize", this.rows.length);
      if (at === this.at) row.setAttribute("aria-selected", "true");
      row.style.top = `${at * ROW_PX}px`;
      drawn.push(row);
    }
    this.inside.replaceChildren(...drawn);
    if (this.rows.length) this.box.setAttribute("aria-activedescendant", `${this.id}-${this.at}`);
    else this.box.removeAttribute("aria-activedescendant");
  }

  onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const page_ = Math.max(1, Math.floor(this.box.clientHeight / ROW_PX) - 1);
    const to = {
      ArrowDown: this.at + 1, ArrowUp: this.at - 1, PageDown: this.at + page_, PageUp: this.at - page_,
      Home: 0, End: this.rows.length - 1,
    }[event.key];
    if (to !== undefined) this.go(to);
    else if (event.key === "Enter" || event.key === " ") this.open(this.rows[this.at], null, this);
    else if (!this.key(event, this.rows[this.at], this)) return;
    event.preventDefault();
    event.stopPropagation();
  }
}
