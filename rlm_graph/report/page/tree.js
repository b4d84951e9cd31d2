// Sub-calls as a tree: turns, their calls, the calls of children; of the whole run, and of one cell.

const tree = { closed: new Set(), words: [], document: -1, lists: [] };

function drawRow(row) {
  if (row.turn !== undefined) return drawTurn(row);
  const { call } = row;
  const failed = call.failed !== null;
  const answer = call.end < 0 ? "\u2026" : firstLine(textOf(call, "answer"));
  const twist = call.below ? (tree.closed.has(call) ? "\u25b8" : "\u25be") : "";
  const tokens = column(call, "in") + column(call, "out");
  const element = make("div", { class: `call d${Math.min(5, row.level + 1)}`, "aria-level": row.level + 1 },
    make("span", { class: "prompt" }, call.below ? make("span", { class: "twist", "aria-hidden": "true" }, twist) : null,
      make("span", {}, told(call) || "(the journal has not kept what was asked)")),
    make("span", { class: failed ? "reply failed" : "reply" }, failed ? `\u2715 ${call.failed}: ${answer}` : answer),
    make("span", { class: "of" }, make("i", { class: `dot ${call.model >= 0 ? colourOf(call.model) : ""}` }), modelName(call)),
    make("span", { class: "num tokens", title: "tokens" }, tokens ? number(tokens) : ""),
    make("span", { class: "num" }, took(call)));
  element.classList.toggle("open", panel.call === call);
  if (call.below) element.setAttribute("aria-expanded", String(!tree.closed.has(call)));
  return element;
}

function drawTurn(row) {
  const open = !tree.closed.has(row.turn);
  const element = make("div", { class: "iteration", "aria-level": 1 },
    make("span", {}, `${open ? "\u25be" : "\u25b8"} Iteration ${page.chunks[row.turn].iteration}`),
    make("span", {}, counted(row.calls, "sub-call") + (row.failed ? `, ${number(row.failed)} failed` : "")));
  element.setAttribute("aria-expanded", String(open));
  return element;
}

function openRow(row, target) {
  const key = row.turn !== undefined ? row.turn : row.call.below && target && target.closest(".twist") ? row.call : null;
  if (key === null) return openCall(row.call);
  if (tree.closed.has(key)) tree.closed.delete(key);
  else tree.closed.add(key);
  return showTree();
}

function turnKeys(event, row) {
  const key = row.turn !== undefined ? row.turn : row.call.below ? row.call : null;
  if (key === null || !["ArrowLeft", "ArrowRight"].includes(event.key)) return false;
  if (event.key === "ArrowLeft") tree.closed.add(key);
  else tree.closed.delete(key);
  showTree();
  return true;
}

function isWanted(call) {
  if (tree.document >= 0 && !call.slices.some((slice) => slice[0] === tree.document)) return false;
  if (!tree.words.length) return true;
  if (call.words === null) {
    call.words = [textOf(call, "prompt"), textOf(call, "answer"), modelName(call), call.kind, call.failed || "", call.failed ? "failed" : ""]
      .join("\n").toLowerCase();
  }
  return tree.words.every((word) => call.words.includes(word));
}

// What is asked, without what all calls of the same cell begin with: a loop's prompts differ after that.
function told(call) {
  const text = textOf(call, "prompt"), { made } = page.chunks[call.turn];
  if (!made.shared) made.shared = new Map();
  const place = `${call.up} ${call.cell} ${call.kind}`;
  if (!made.shared.has(place)) {
    const beside = made.filter((one) => one.up === call.up && one.cell === call.cell && one.kind === call.kind);
    made.shared.set(place, beside.length > 2 ? sharedBeginning(beside.map((one) => textOf(one, "prompt"))) : 0);
  }
  const shared = made.shared.get(place);
  return shared > 16 ? `\u2026 ${firstLine(text.slice(shared))}` : firstLine(text);
}

function sharedBeginning(texts) {
  let length = texts[0].length;
  for (const text of texts) {
    let at = 0;
    while (at < length && text[at] === texts[0][at]) at += 1;
    length = at;
  }
  return length && length < texts[0].length ? texts[0].slice(0, length).search(/\S*$/) : 0;
}

// The rows of some calls; of a child's calls, those whose parents are open.
function rowsOf(calls, level) {
  const rows = [], hidden = new Set();
  for (const call of calls) {
    const parent = call.up >= 0 ? page.chunks[call.turn].made[call.up] : null;
    if (parent && (hidden.has(parent) || tree.closed.has(parent))) { hidden.add(call); continue; }
    rows.push({ call, level: level + call.depth });
  }
  return rows;
}

function showTree() {
  if (!tree.list) {
    tree.list = new RowList($("tree"), {
      role: "tree", label: "Sub-calls", rowRole: "treeitem", draw: drawRow, open: openRow, key: turnKeys, most: 18,
    });
  }
  const filtered = tree.words.length > 0 || tree.document >= 0;
  const wanted = filtered ? page.calls.filter(isWanted) : page.calls;
  const rows = [];
  for (let at = 0; at < wanted.length;) {
    const { turn } = wanted[at], from = at;
    while (at < wanted.length && wanted[at].turn === turn) at += 1;
    const calls = wanted.slice(from, at);
    rows.push({ turn, calls: calls.length, failed: calls.filter((call) => call.failed !== null).length });
    if (!tree.closed.has(turn)) rows.push(...(filtered ? calls.map((call) => ({ call, level: 1 })) : rowsOf(calls, 1)));
  }
  $("calls-figure").hidden = !page.calls.length;
  $("filter-count").textContent = filtered ? `${number(wanted.length)} of ${number(page.calls.length)}` : "";
  tree.list.show(rows);
  for (const list of tree.lists) if (list.box.isConnected) list.show(list.calls());
}

function filterTree(text) {
  tree.words = text.toLowerCase().split(/\s+/).filter(Boolean);
  showTree();
}

function filterByDocument(document_) {
  tree.document = tree.document === document_ ? -1 : document_;
  showTree();
  if (tree.document >= 0) $("calls").scrollIntoView({ block: "start" });
}

// The calls of one cell, drawn when somebody opens them.
function mountCell(details) {
  const box = details.querySelector(".list");
  if (!details.open || box.hasAttribute("role")) return;
  const turn = Number(details.dataset.turn), cell = Number(details.dataset.cell);
  const list = new RowList(box, {
    role: "tree", label: `Sub-calls of iteration ${page.chunks[turn].iteration}`, rowRole: "treeitem", draw: drawRow,
    open: openRow, key: turnKeys, most: 10,
  });
  list.calls = () => rowsOf(callsOfCell(turn, cell), 0);
  tree.lists.push(list);
  list.show(list.calls());
}

function callsOfCell(turn, cell) {
  const made = page.chunks[turn] ? page.chunks[turn].made : [];
  const top = (call) => (call.up < 0 ? call : top(made[call.up]));
  return made.filter((call) => top(call).cell === cell);
}
