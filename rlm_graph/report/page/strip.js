// The context as a strip over its documents, end to end: what stands in prompts is filled, the darker the more often.

const strip = { starts: [], whole: 1, selected: null, documents: [], list: null };

const STRIP_PX = 44, MAX_DOCUMENTS = 20000;

function layStrip() {
  const { chars } = page.parts;
  $("strip-figure").hidden = !chars.length;
  if (!chars.length) return;
  let at = 0;
  strip.starts = chars.map((one) => { const start = at; at += one; return start; });
  strip.whole = at || 1;
  const ranges = chars.map(() => []), times = chars.map(() => 0);
  for (const call of page.calls) {
    const met = new Set();
    for (const [document_, start, end] of call.slices) {
      ranges[document_].push([start, end]);
      if (!met.has(document_)) { met.add(document_); times[document_] += 1; }
    }
  }
  strip.documents = chars.map((one, number_) => ({ number: number_, chars: one, read: union(ranges[number_]), calls: times[number_] }));
  const read = strip.documents.reduce((sum, one) => sum + one.read, 0), touched = strip.documents.filter((one) => one.calls).length;
  const share = `${((100 * read) / strip.whole).toFixed(read && read < strip.whole / 100 ? 2 : 0)}%`;
  $("strip-lead").textContent = !page.calls.length ? "" : read
    ? `${number(read)} characters (${share}) stand in prompts of sub-calls${chars.length > 1 ? `, of ${number(touched)} of the ${number(chars.length)} documents` : ""}.`
    : "Nothing of it was found in prompts of sub-calls.";
  showDocuments();
  drawStrip();
}

function union(ranges) {
  let sum = 0, until = 0;
  for (const [start, end] of ranges.sort((one, other) => one[0] - other[0])) {
    sum += Math.max(0, end - Math.max(start, until));
    until = Math.max(until, end);
  }
  return sum;
}

function drawStrip() {
  const canvas = $("strip");
  if ($("strip-figure").hidden) return;
  const [drawing, width] = fitted(canvas, STRIP_PX);
  const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(name).trim();
  const scale = width / strip.whole, { chars } = page.parts;
  const top = 6, high = STRIP_PX - 12;
  drawing.fillStyle = colour("--sunk");
  drawing.fillRect(0, top, width, high);
  const times = new Float32Array(Math.ceil(width) + 1);  // how often each column stands in prompts; some less than once
  for (const call of page.calls) {
    for (const [document_, start, end] of call.slices) {
      const from = (strip.starts[document_] + start) * scale, to = (strip.starts[document_] + end) * scale;
      for (let at = Math.floor(from); at < Math.min(times.length, Math.ceil(to)); at += 1) times[at] += Math.min(at + 1, to) - Math.max(at, from);
    }
  }
  drawing.fillStyle = colour("--accent");
  for (let at = 0; at < times.length; at += 1) {
    if (!times[at]) continue;
    drawing.globalAlpha = times[at] < 1 ? 0.2 + 0.32 * times[at] : Math.min(1, 0.4 + 0.12 * times[at]);
    drawing.fillRect(at, top, 1, high);
  }
  drawing.globalAlpha = 1;
  if (chars.length > 1 && chars.length < width / 3) {
    drawing.fillStyle = colour("--paper");
    for (const start of strip.starts) if (start) drawing.fillRect(Math.round(start * scale), top, 1, high);
  }
  drawing.strokeStyle = colour("--line");
  drawing.strokeRect(0.5, top + 0.5, width - 1, high - 1);
  if (strip.selected) {
    const [document_, start, end] = strip.selected;
    const from = (strip.starts[document_] + start) * scale, to = (strip.starts[document_] + end) * scale;
    drawing.strokeStyle = colour("--ink");
    drawing.lineWidth = 2;
    drawing.strokeRect(from - 1, 2, Math.max(3, to - from + 2), STRIP_PX - 4);
    drawing.lineWidth = 1;
  }
}

function showDocuments() {
  const { chars } = page.parts, box = $("documents");
  box.hidden = chars.length < 2 || chars.length > MAX_DOCUMENTS;
  if (box.hidden) return;
  if (!strip.list) {
    strip.list = new RowList(box, { role: "listbox", label: "Documents of the context", rowRole: "option", most: 8, draw: drawDocument, open: (row) => filterByDocument(row.number) });
  }
  strip.list.show(strip.documents);
}

function drawDocument(row) {
  const share = row.chars ? row.read / row.chars : 0;
  const bar = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({ class: "share m0", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" })) bar.setAttribute(name, value);
  for (const [kind, wide] of [["all", 100], ["", 100 * share]]) {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    rect.setAttribute("class", kind);
    rect.setAttribute("width", wide);
    rect.setAttribute("height", 4);
    bar.append(rect);
  }
  const element = make("div", { class: "document" }, make("span", {}, documentName(row.number)), make("span", {}, bar),
    make("span", { class: "num" }, row.read ? `${(100 * share).toFixed(0)}% read` : "not read"),
    make("span", { class: "num times" }, row.calls ? counted(row.calls, "call") : ""));
  element.classList.toggle("open", tree.document === row.number);
  return element;
}

// Where a slice stands: marked in the strip, and said.
function showSlice(slice) {
  strip.selected = slice;
  drawStrip();
  $("strip-selected").textContent = sliceName(slice);
  $("context").scrollIntoView({ block: "start" });
  if (strip.list && !$("documents").hidden) { strip.list.go(slice[0]); }
}

function documentAt(left) {
  const place = (left / $("strip").clientWidth) * strip.whole;
  let low = 0, high = strip.starts.length - 1;
  while (low < high) { const middle = (low + high + 1) >> 1; if (strip.starts[middle] <= place) low = middle; else high = middle - 1; }
  return [low, Math.floor(place - strip.starts[low])];
}

function mountStrip() {
  const canvas = $("strip"), tip = $("strip-tip");
  canvas.addEventListener("pointermove", (event) => {
    const left = event.clientX - canvas.getBoundingClientRect().left, [document_, at] = documentAt(left), found = strip.documents[document_];
    const times = page.calls.filter((call) => call.slices.some(([one, start, end]) => one === document_ && start <= at && at < end)).length;
    tip.replaceChildren(make("b", {}, documentName(document_)), ` \u00b7 ${counted(found.chars, "character")}`,
      make("p", {}, times ? `character ${number(at)} stands in ${counted(times, "prompt")}` : `character ${number(at)} stands in no prompt`));
    placeTip(tip, left, STRIP_PX - 12);
  });
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("click", (event) => { if (page.parts.chars.length > 1) filterByDocument(documentAt(event.clientX - canvas.getBoundingClientRect().left)[0]); });
  new ResizeObserver(() => drawStrip()).observe(canvas.parentElement);
}
