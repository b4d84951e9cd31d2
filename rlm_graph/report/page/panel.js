// One sub-call, whole: what was asked, what came back, which parts of the context stand in it.

const panel = { call: null, before: null };

function openCall(call) {
  if (panel.call === null) panel.before = document.activeElement;
  panel.call = call;
  const box = $("panel");
  box.replaceChildren(...panelParts(call));
  box.hidden = false;
  box.scrollTop = 0;
  box.querySelector("h2").focus({ preventScroll: true });
  timelineSelect(call, false);
  tree.list.paint(true);
}

function closePanel() {
  if (panel.call === null) return;
  panel.call = null;
  $("panel").hidden = true;
  if (panel.before && panel.before.isConnected) panel.before.focus({ preventScroll: true });
  tree.list.paint(true);
}

function stepCall(by) {
  const at = page.calls.indexOf(panel.call) + by;
  if (page.calls[at]) openCall(page.calls[at]);
}

function panelParts(call) {
  const button = (text, label, act) => make("button", { type: "button", class: "quiet", "aria-label": label, on: { click: act } }, text);
  const facts = [
    ["Model", call.model >= 0 ? page.models[call.model] : ""],
    ["Began", call.start < 0 ? "" : `+${duration(call.start)}`],
    ["Took", took(call)],
    ["Tokens", column(call, "in") || column(call, "out") ? `${number(column(call, "in"))} read, ${number(column(call, "out"))} written` : ""],
    ["Requests", column(call, "requests") ? number(column(call, "requests")) : call.kind === "llm_query" && !call.failed ? "0, from a cache" : ""],
    ["Cost", column(call, "cost") === null ? "unknown" : column(call, "cost") ? money(column(call, "cost")) : ""],
  ].filter(([, value]) => value);
  return [
    make("div", { class: "top" },
      make("h2", { id: "panel-title", tabindex: "-1" }, `${KINDS[call.kind]} of iteration ${page.chunks[call.turn].iteration}`),
      button("\u2191", "The call before (k)", () => stepCall(-1)),
      button("\u2193", "The next call (j)", () => stepCall(1)),
      button("Close", "Close (Escape)", closePanel)),
    make("dl", { class: "facts" }, ...facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)))),
    make("p", { class: "label" }, "Asked"),
    make("pre", {}, ...marked(call), rest(call, "prompt")),
    ...readParts(call),
    make("p", { class: call.failed === null ? "label" : "label bad" }, call.failed === null ? "Answered" : `Failed: ${call.failed}`),
    make("pre", { class: call.failed === null ? null : "error" }, call.end < 0 ? "\u2026" : textOf(call, "answer"), rest(call, "answer")),
    ...column(call, "child").flatMap(childTurn),
  ];
}

const rest = (call, name) => (cutOf(call, name) ? make("em", {}, ` [... ${number(cutOf(call, name))} more characters]`) : null);

// The prompt, with what stands in the context marked. Places count characters, not JavaScript's units.
function marked(call) {
  const text = textOf(call, "prompt");
  const characters = /[\ud800-\udbff]/.test(text) ? Array.from(text) : null;
  const piece = (from, to) => (characters ? characters.slice(from, to).join("") : text.slice(from, to));
  const parts = [];
  let at = 0;
  for (const [, start, end, place] of call.slices) {
    if (place < at) continue;
    parts.push(piece(at, place), make("mark", {}, piece(place, place + end - start)));
    at = place + end - start;
  }
  parts.push(piece(at, undefined));
  return parts;
}

function readParts(call) {
  if (!call.slices.length) return [];
  return [
    make("p", { class: "label" }, "Stands in the context"),
    ...call.slices.slice(0, 50).map((slice) =>
      make("button", { type: "button", class: "read", on: { click: () => { closePanel(); showSlice(slice); } } }, sliceName(slice))),
    ...(call.slices.length > 50 ? [make("p", { class: "label" }, `and ${number(call.slices.length - 50)} more`)] : []),
  ];
}

function sliceName([document_, start, end]) {
  const { chars } = page.parts;
  const whole = start === 0 && end === chars[document_];
  return `${documentName(document_)}${whole ? ", whole" : `, characters ${number(start)} to ${number(end)}`}`;
}

function documentName(document_) {
  const { names, chars } = page.parts;
  if (names && names[document_]) return names[document_];
  return chars.length === 1 ? "the context" : `text ${number(document_)}`;
}

// A turn of a child. Its code was highlighted and escaped when the page was written.
function childTurn(turn, at) {
  const cells = turn.cells.flatMap((cell) => {
    const code = make("code", {});
    code.innerHTML = cell.code.replace(/\n$/, "").split("\n").map((line) => `<span class="l">${line}\n</span>`).join("");
    const printed = typeof cell.stdout === "string" ? cell.stdout : cell.stdout[0];
    return [
      make("pre", { class: "code" }, code),
      printed ? make("p", { class: "label" }, `Printed ${counted(cell.chars, "character")}`) : null,
      printed ? make("pre", {}, printed) : null,
      cell.error ? make("pre", { class: "error" }, cell.error) : null,
    ].filter(Boolean);
  });
  return make("div", { class: "child" }, make("p", { class: "label" }, `The child's iteration ${at + 1}`),
    turn.reasoning ? make("div", { class: "reasoning" }, turn.reasoning) : null, ...cells);
}
