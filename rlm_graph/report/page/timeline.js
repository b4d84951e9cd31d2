// When what went on: the root model, the cells, and each sub-call, packed into as few lanes as there were at once.
// Long pauses, in which nothing went on, are cut out: a run can be resumed after days.

const timeline = { from: 0, to: 1, lanes: [], byStart: [], selected: null, map: null, height: 0 };

const ROOT_PX = 15, CELL_PX = 7, TOP_PX = 22, AXIS_PX = 20, LANES_PX = 230;

// Whether something is drawn that has not ended, and grows with the time.
function goesOn() {
  const { runs, thinks } = page.clock;
  return runs && (thinks >= 0 || page.chunks.some((chunk) => chunk.cells.some(([start, end]) => start >= 0 && end < 0)));
}

// Until when something is drawn that has not ended: until now, or until it was cut off.
function lastKnown() {
  let last = page.clock.until;
  for (const call of page.calls) last = Math.max(last, call.end, call.start);
  return last;
}

function layTimeline() {
  const calls = page.calls.filter((call) => call.start >= 0), last = timeline.until = lastKnown();
  for (const call of calls) call.until = call.end < 0 ? last : call.end;
  const spans = calls.map((call) => [call.start, call.until]);
  for (const chunk of page.chunks) {
    if (chunk.start >= 0) spans.push([chunk.start, Math.max(chunk.replied, chunk.start)]);
    for (const [start, end] of chunk.cells) if (start >= 0) spans.push([start, end < 0 ? Math.max(start, last) : end]);
  }
  if (page.clock.thinks >= 0) spans.push([page.clock.thinks, Math.max(page.clock.thinks, last)]);
  timeline.map = pauseMap(spans);
  timeline.byStart = calls.slice().sort((one, other) => one.start - other.start || one.until - other.until);
  timeline.lanes = packed(timeline.byStart);
  timeline.most = timeline.lanes.length;
  $("timeline-canvas").closest(".figure").hidden = !spans.length;
  sayTimeline(calls);
  drawLegend();
  drawTimeline();
}

// The lowest lane that is free, for each call in the order of starting.
function packed(calls) {
  const lanes = [], busy = new Heap((one, other) => one[0] - other[0]), free = new Heap((one, other) => one - other);
  for (const call of calls) {
    while (busy.size && busy.first[0] <= call.start) free.add(busy.take()[1]);
    const lane = free.size ? free.take() : lanes.push([]) - 1;
    lanes[lane].push(call);
    call.lane = lane;
    busy.add([Math.max(call.until, call.start + 0.5), lane]);
  }
  return lanes;
}

class Heap {
  constructor(compare) { this.items = []; this.compare = compare; }
  get size() { return this.items.length; }
  get first() { return this.items[0]; }
  add(item) {
    const { items, compare } = this;
    let at = items.push(item) - 1;
    while (at) {
      const up = (at - 1) >> 1;
      if (compare(items[up], items[at]) <= 0) break;
      [items[up], items[at]] = [items[at], items[up]];
      at = up;
    }
  }
  take() {
    const { items, compare } = this;
    const first = items[0], last = items.pop();
    if (!items.length) return first;
    items[0] = last;
    for (let at = 0; ;) {
      let least = at;
      for (const below of [2 * at + 1, 2 * at + 2]) if (below < items.length && compare(items[below], items[least]) < 0) least = below;
      if (least === at) return first;
      [items[least], items[at]] = [items[at], items[least]];
      at = least;
    }
  }
}

// From milliseconds to places from 0 to 1, and back; pauses get a small share of their own.
function pauseMap(spans) {
  const sorted = spans.slice().sort((one, other) => one[0] - other[0]);
  const active = [];
  for (const [start, end] of sorted) {
    const last = active[active.length - 1];
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else active.push([start, end]);
  }
  const worked = active.reduce((sum, [start, end]) => sum + end - start, 0) || 1;
  const least = Math.max(2000, 0.15 * worked), pieces = [];
  let at = 0;
  active.forEach(([start, end], number_) => {
    const before = number_ ? active[number_ - 1][1] : start;
    const pause = start - before;
    if (pause > 0) {
      const width = pause > least ? 0.02 * worked : pause;
      pieces.push([before, start, at, at + width, pause > least]);
      at += width;
    }
    pieces.push([start, end, at, at + (end - start), false]);
    at += end - start;
  });
  const whole = at || 1;
  const find = (value, from, to) => {
    let low = 0, high = pieces.length - 1;
    while (low < high) { const middle = (low + high) >> 1; if (value > pieces[middle][to]) low = middle + 1; else high = middle; }
    return pieces[low];
  };
  return {
    pauses: pieces.filter((piece) => piece[4]),
    place(ms) {
      if (!pieces.length) return 0;
      const [a, b, c, d] = find(ms, 0, 1);
      return (c + (b > a ? ((ms - a) / (b - a)) * (d - c) : 0)) / whole;
    },
    time(place) {
      if (!pieces.length) return 0;
      const value = place * whole, [a, b, c, d] = find(value, 2, 3);
      return a + (d > c ? ((value - c) / (d - c)) * (b - a) : 0);
    },
  };
}

function sayTimeline(calls) {
  if (!calls.length) { $("timeline-lead").textContent = page.chunks.length ? "Nothing but the root model and its code: there were no sub-calls." : "Nothing has happened yet."; return; }
  const added = calls.reduce((sum, call) => sum + (call.kind === "rlm_query" ? 0 : call.until - call.start), 0);
  const union = covered();
  const failed = calls.filter((call) => call.failed !== null).length;
  const most = atOnce(calls);
  $("timeline-lead").textContent = `${counted(calls.length, "sub-call")} that took ${duration(added)} added up, in ${duration(union)}`
    + `${most > 1 ? `: up to ${number(most)} at once, ${(added / Math.max(1, union)).toFixed(1)} on average` : ""}`
    + `${failed ? `. ${number(failed)} failed` : ""}.`;
}

// A child does not count beside its own calls.
function atOnce(calls) {
  const edges = calls.filter((call) => call.kind !== "rlm_query").flatMap((call) => [[call.start, 1], [call.until, -1]]);
  let most = 0, now = 0;
  for (const [, change] of edges.sort((one, other) => one[0] - other[0] || one[1] - other[1])) { now += change; most = Math.max(most, now); }
  return most;
}

function covered() {
  let sum = 0, until = -1;
  for (const call of timeline.byStart) {
    sum += Math.max(0, call.until - Math.max(call.start, until));
    until = Math.max(until, call.until);
  }
  return sum;
}

function drawLegend() {
  const used = new Set([...page.calls.map((call) => call.model), ...page.chunks.map((chunk) => chunk.model)].filter((model) => model >= 0));
  const items = [...used].sort((one, other) => one - other).map((model) => make("li", {}, make("i", { class: `dot ${colourOf(model)}` }), page.models[model]));
  if (page.chunks.some((chunk) => chunk.cells.length)) items.push(make("li", {}, make("i", { class: "dot firm" }), "code runs"));
  if (page.calls.some((call) => call.kind === "rlm_query")) items.push(make("li", {}, make("i", { class: "dot hollow" }), "child"));
  if (page.calls.some((call) => call.failed !== null)) items.push(make("li", {}, make("i", { class: "dot bad" }), "failed"));
  $("legend").replaceChildren(...items);
}

function fitted(canvas, height) {
  const width = Math.max(50, canvas.clientWidth), scale = window.devicePixelRatio || 1;
  canvas.style.height = `${height}px`;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const drawing = canvas.getContext("2d");
  drawing.setTransform(scale, 0, 0, scale, 0, 0);
  drawing.clearRect(0, 0, width, height);
  return [drawing, width];
}

function laneHeight() {
  return Math.max(Math.min(14, LANES_PX / Math.max(1, timeline.most)), 1.5);
}

function x(ms, width) {
  return ((timeline.map.place(ms) - timeline.from) / (timeline.to - timeline.from)) * width;
}

function drawTimeline() {
  const canvas = $("timeline-canvas");
  if (!timeline.map || canvas.closest(".figure").hidden) return;
  const lane = laneHeight(), lanesTop = TOP_PX + ROOT_PX + CELL_PX + 6;
  const height = timeline.height = Math.ceil(lanesTop + lane * Math.max(1, timeline.most) + AXIS_PX);
  const [drawing, width] = fitted(canvas, height);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const bottom = height - AXIS_PX;
  drawing.font = `11.5px ${style.getPropertyValue("--sans")}`;
  drawing.textBaseline = "middle";
  drawTicks(drawing, width, bottom, colour);
  drawPauses(drawing, width, bottom, colour);
  let free = -100;
  for (const chunk of page.chunks) {
    if (chunk.start < 0) continue;
    const from = x(chunk.start, width), to = x(Math.max(chunk.replied, chunk.start), width);
    if (from < width && to > 0) {
      drawing.fillStyle = colour(chunk.model >= 0 ? `--m${chunk.model % 8}` : "--firm");
      drawing.fillRect(from, TOP_PX, Math.max(1.5, to - from - 0.5), ROOT_PX);
    }
    if (from > free && from < width - 12 && from > -1) {
      drawing.fillStyle = colour("--soft");
      drawing.textAlign = "left";
      drawing.fillText(String(chunk.iteration), from, TOP_PX - 10);
      free = from + 18;
    }
    drawing.fillStyle = colour("--firm");
    for (const [start, end] of chunk.cells) {
      if (start < 0) continue;
      const left = x(start, width), wide = Math.max(1, x(end < 0 ? timeline.until : end, width) - left);
      drawing.fillRect(left, TOP_PX + ROOT_PX + 2, wide, CELL_PX - 3);
      if (end < 0) drawOpenEnd(drawing, left + wide, TOP_PX + ROOT_PX + 2, CELL_PX - 3, colour);
    }
  }
  if (page.clock.thinks >= 0) {
    const left = x(page.clock.thinks, width), wide = Math.max(1.5, x(timeline.until, width) - left);
    drawing.strokeStyle = colour("--firm");
    drawing.strokeRect(left + 0.5, TOP_PX + 0.5, Math.max(0.5, wide - 1), ROOT_PX - 1);
    drawOpenEnd(drawing, left + wide, TOP_PX, ROOT_PX, colour);
  }
  drawLanes(drawing, width, lanesTop, lane, colour);
}

// What has not ended is torn off at its right: three gaps.
function drawOpenEnd(drawing, right, top, high, colour) {
  drawing.save();
  drawing.fillStyle = colour("--paper");
  for (const at of [2, 5, 8]) drawing.fillRect(right - at, top - 0.5, 1.5, high + 1);
  drawing.restore();
}

function drawLanes(drawing, width, top, lane, colour) {
  const gap = lane >= 5 ? 1 : lane >= 3 ? 0.5 : 0;
  const styles = new Map();
  for (const calls of timeline.lanes) {
    for (let at = firstAfter(calls, timeline.map.time(timeline.from)); at < calls.length; at += 1) {
      const call = calls[at], from = x(call.start, width);
      if (from > width) break;
      const name = call.failed !== null ? "--bad" : call.model >= 0 ? `--m${call.model % 8}` : "--firm";
      if (!styles.has(name)) styles.set(name, []);
      styles.get(name).push([from, top + call.lane * lane, Math.max(1, x(call.until, width) - from - (lane >= 3 ? 0.5 : 0)), lane - gap, call]);
    }
  }
  for (const [name, boxes] of styles) {
    drawing.fillStyle = drawing.strokeStyle = colour(name);
    for (const [left, y, wide, high, call] of boxes) {
      if (call.kind === "rlm_query") {
        drawing.globalAlpha = 0.25;
        drawing.fillRect(left, y, wide, high);
        drawing.globalAlpha = 1;
        drawing.strokeRect(left + 0.5, y + 0.5, Math.max(0.5, wide - 1), Math.max(0.5, high - 1));
        if (call.end < 0) drawOpenEnd(drawing, left + wide, y, high, colour);
      } else drawing.fillRect(left, y, wide, high);
      if (call.failed !== null && high >= 4) {  // seen without colours, too
        drawing.fillStyle = colour("--paper");
        drawing.fillRect(left + Math.min(2, wide / 3), y + high / 2 - 0.75, Math.max(1, Math.min(6, wide - 4)), 1.5);
        drawing.fillStyle = colour(name);
      }
    }
  }
  const call = timeline.selected;
  if (call && call.lane >= 0) {
    const left = x(call.start, width), right = x(call.until, width);
    drawing.strokeStyle = colour("--ink");
    drawing.lineWidth = 2;
    drawing.strokeRect(left - 2, top + call.lane * lane - 2, Math.max(1, right - left) + 4, lane - gap + 4);
    drawing.lineWidth = 1;
  }
}

function firstAfter(calls, ms) {
  let low = 0, high = calls.length;
  while (low < high) { const middle = (low + high) >> 1; if (calls[middle].until < ms) low = middle + 1; else high = middle; }
  return low;
}

// The axis counts the time in which something went on: without the pauses that are cut out.
function drawTicks(drawing, width, bottom, colour) {
  const { pauses } = timeline.map;
  const worked = (ms) => pauses.reduce((left, [start, end]) => left - Math.max(0, Math.min(end, ms) - start), ms);
  const real = (ms) => pauses.reduce((moved, [start, end]) => (moved > start ? moved + end - start : moved), ms);
  const first = worked(timeline.map.time(timeline.from)), last = worked(timeline.map.time(timeline.to));
  const rough = Math.max(1, (last - first) / Math.max(2, width / 110));
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  drawing.strokeStyle = colour("--line");
  drawing.fillStyle = colour("--soft");
  let free = -100;
  for (let ms = Math.ceil(first / step) * step; ms <= last; ms += step) {
    const place = x(real(ms), width);
    drawing.beginPath();
    drawing.moveTo(Math.round(place) + 0.5, TOP_PX - 2);
    drawing.lineTo(Math.round(place) + 0.5, bottom + 3);
    drawing.stroke();
    const label = tickLabel(ms, step), wide = drawing.measureText(label).width;
    if (place - wide / 2 > free) {
      const left = Math.min(Math.max(0, place - wide / 2), width - wide);
      drawing.textAlign = "left";
      drawing.fillText(label, left, bottom + 12);
      free = left + wide + 14;
    }
  }
}

function tickLabel(ms, step) {
  if (!ms) return "0";
  if (step < 1000 && ms < 10000) return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(step < 100 ? 2 : 1)} s`;
  if (ms < 60000) return `${(ms / 1000).toFixed(step < 1000 ? 1 : 0)} s`;
  return duration(ms);
}

function drawPauses(drawing, width, bottom, colour) {
  for (const [start, end] of timeline.map.pauses) {
    const left = x(start, width), right = x(end, width);
    if (right < 0 || left > width) continue;
    drawing.fillStyle = colour("--sunk");
    drawing.fillRect(left, TOP_PX - 4, right - left, bottom - TOP_PX + 6);
    drawing.fillStyle = colour("--soft");
    drawing.save();
    drawing.translate((left + right) / 2, (TOP_PX + bottom) / 2);
    drawing.rotate(-Math.PI / 2);
    drawing.textAlign = "center";
    if (right - left > 11 && bottom - TOP_PX > 60) drawing.fillText(`${duration(end - start)} pause`, 0, 0);
    drawing.restore();
  }
}

// The call under a place of the canvas.
function callAt(left, top) {
  const canvas = $("timeline-canvas"), width = canvas.clientWidth, lane = laneHeight();
  const calls = timeline.lanes[Math.floor((top - (TOP_PX + ROOT_PX + CELL_PX + 6)) / lane)];
  if (!calls || !timeline.map) return null;
  const near = 3;
  for (let at = Math.max(0, firstAfter(calls, timeAt(left - near, width))); at < calls.length; at += 1) {
    const from = x(calls[at].start, width);
    if (from > left + near) return null;
    if (x(calls[at].until, width) >= left - near) return calls[at];
  }
  return null;
}

function timeAt(left, width) {
  return timeline.map.time(Math.max(0, Math.min(1, timeline.from + (left / width) * (timeline.to - timeline.from))));
}

function showTip(call, left, top) {
  const tip = $("tip");
  if (!call) { tip.hidden = true; return; }
  tip.replaceChildren(...[make("b", {}, `${KINDS[call.kind]}, ${modelName(call)}`), ` \u00b7 ${took(call)}, at +${duration(call.start)}`,
    make("p", {}, firstLine(textOf(call, "prompt")).slice(0, 160)),
    call.end < 0 ? null : make("p", {}, `${call.failed !== null ? "\u2715 " : "\u2192 "}${firstLine(textOf(call, "answer")).slice(0, 120)}`)].filter(Boolean));
  placeTip(tip, left, top);
}

function placeTip(tip, left, top) {
  tip.hidden = false;
  const room = tip.parentElement.clientWidth - tip.offsetWidth;
  tip.style.left = `${Math.max(0, Math.min(left + 12, room))}px`;
  tip.style.top = `${top + 16}px`;
}

function timelineSelect(call, tell = true) {
  timeline.selected = call;
  if (call && call.lane >= 0) {
    const start = timeline.map.place(call.start), end = timeline.map.place(call.until), span = timeline.to - timeline.from;
    if (end < timeline.from || start > timeline.to) zoomTo(Math.max(0, (start + end) / 2 - span / 2), span);
  }
  drawTimeline();
  if (tell && call) {
    const width = $("timeline-canvas").clientWidth;
    showTip(call, Math.max(0, x(call.start, width)), TOP_PX + ROOT_PX + CELL_PX + 6 + (call.lane + 1) * laneHeight());
    announce(`${KINDS[call.kind]} ${timeline.byStart.indexOf(call) + 1} of ${timeline.byStart.length}, ${modelName(call)}, ${took(call)}${call.failed !== null ? ", failed" : ""}`);
  }
}

function zoomTo(from, span) {
  const wide = Math.max(1e-6, Math.min(1, span));
  timeline.from = Math.max(0, Math.min(1 - wide, from));
  timeline.to = timeline.from + wide;
  drawTimeline();
}

function zoomBy(factor, at = 0.5) {
  const span = timeline.to - timeline.from, wide = Math.max(1e-6, Math.min(1, span * factor));
  zoomTo(timeline.from + at * (span - wide), wide);
}

function timelineKeys(event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const span = timeline.to - timeline.from, calls = timeline.byStart;
  const at = calls.indexOf(timeline.selected);
  const beside = (by) => {
    const { selected } = timeline;
    if (!selected) return calls[0];
    const others = timeline.lanes[selected.lane + by] || [];
    return others.find((call) => call.until > selected.start) || others[others.length - 1] || selected;
  };
  const centre = timeline.selected ? Math.max(0, Math.min(1, (timeline.map.place(timeline.selected.start) - timeline.from) / span)) : 0.5;
  const acts = {
    "+": () => zoomBy(0.6, centre), "=": () => zoomBy(0.6, centre), "-": () => zoomBy(1 / 0.6, centre), 0: () => zoomTo(0, 1),
    ArrowRight: () => (event.shiftKey ? zoomTo(timeline.from + span / 5, span) : timelineSelect(calls[Math.min(calls.length - 1, at + 1)])),
    ArrowLeft: () => (event.shiftKey ? zoomTo(timeline.from - span / 5, span) : timelineSelect(calls[Math.max(0, at - 1)])),
    ArrowDown: () => timelineSelect(beside(1)), ArrowUp: () => timelineSelect(beside(-1)),
    Home: () => timelineSelect(calls[0]), End: () => timelineSelect(calls[calls.length - 1]),
    Enter: () => timeline.selected && openCall(timeline.selected),
  };
  if (!acts[event.key] || !calls.length) return;
  acts[event.key]();
  event.preventDefault();
  event.stopPropagation();
}

function mountTimeline() {
  const canvas = $("timeline-canvas");
  let drag = null;
  const place = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  canvas.addEventListener("keydown", timelineKeys);
  canvas.addEventListener("focus", () => { if (canvas.matches(":focus-visible") && timeline.byStart.length) timelineSelect(timeline.selected || timeline.byStart[0]); });
  canvas.addEventListener("blur", () => showTip(null));
  canvas.addEventListener("pointerleave", () => { if (!drag) showTip(null); });
  canvas.addEventListener("pointerdown", (event) => { const [left] = place(event); drag = { left, from: timeline.from, moved: false }; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", (event) => {
    const [left, top] = place(event);
    if (drag && Math.abs(left - drag.left) > 4) drag.moved = true;
    if (drag && drag.moved) {
      zoomTo(drag.from - ((left - drag.left) / canvas.clientWidth) * (timeline.to - timeline.from), timeline.to - timeline.from);
      showTip(null);
    } else showTip(callAt(left, top), left, top);
  });
  canvas.addEventListener("pointerup", (event) => {
    const [left, top] = place(event), call = drag && !drag.moved ? callAt(left, top) : null;
    drag = null;
    if (call) { showTip(null); timeline.selected = call; openCall(call); }
  });
  canvas.addEventListener("dblclick", () => zoomTo(0, 1));
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey && document.activeElement !== canvas) return;  // or the page would not scroll
    event.preventDefault();
    const [left] = place(event), span = timeline.to - timeline.from;
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) zoomTo(timeline.from + (event.deltaX / canvas.clientWidth) * span, span);
    else zoomBy(Math.exp(event.deltaY * 0.002), left / canvas.clientWidth);
  }, { passive: false });
  $("zoom-in").addEventListener("click", () => zoomBy(0.6));
  $("zoom-out").addEventListener("click", () => zoomBy(1 / 0.6));
  $("zoom-all").addEventListener("click", () => zoomTo(0, 1));
  new ResizeObserver(() => drawTimeline()).observe(canvas.parentElement);
}
