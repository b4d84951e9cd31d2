// Keys that work anywhere, the theme, and buttons that copy.

const KEYS = [
  ["j, k", "next and previous iteration; in an open sub-call, next and previous call"], ["/", "filter sub-calls"], ["t", "timeline"], ["c", "context"],
  ["Arrow keys", "in a list or the timeline: from row to row, from call to call"], ["+, \u2212, 0", "in the timeline: zoom in, out, all; the wheel too"],
  ["Enter", "open a sub-call"], ["Escape", "close"], ["?", "these keys"],
];

function nextTurn(by) {
  const turns = [...document.querySelectorAll("#turns > .turn")], edge = 90;
  const tops = turns.map((turn) => turn.getBoundingClientRect().top);
  const to = by > 0 ? turns[tops.findIndex((top) => top > edge)] : turns[tops.findLastIndex((top) => top < edge - 30)];
  if (!to) return;
  to.scrollIntoView({ block: "start" });
  to.focus({ preventScroll: true });
}

function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented || $("help").open) return;
  if (event.key === "Escape") {
    if (panel.call) closePanel();
    else if (tree.words.length || tree.document >= 0) { $("filter").value = ""; tree.document = -1; filterTree(""); }
    return;
  }
  if (event.target.closest("input, textarea, select")) return;
  const to = (id, focus) => { $(id).scrollIntoView({ block: "start" }); if (focus) focus.focus({ preventScroll: true }); };
  const acts = {
    j: () => (panel.call ? stepCall(1) : nextTurn(1)), k: () => (panel.call ? stepCall(-1) : nextTurn(-1)),
    "/": () => { closePanel(); to("calls", $("filter")); }, t: () => to("timeline", $("timeline-canvas")), c: () => to("context"),
    "?": showHelp,
  };
  if (!acts[event.key]) return;
  acts[event.key]();
  event.preventDefault();
}

function showHelp() {
  const close = make("button", { type: "button", class: "quiet", on: { click: () => $("help").close() } }, "Close");
  $("help").replaceChildren(make("h2", { id: "help-title" }, "Keys"),
    make("dl", {}, ...KEYS.flatMap(([keys, what]) => [make("dt", {}, ...keys.split(", ").flatMap((one, at) => [at ? " " : "", make("kbd", {}, one)])), make("dd", {}, what)])), close);
  $("help").showModal();
}

// Light or dark: what the system says, until somebody chooses.
function mountTheme() {
  const root = document.documentElement, button = $("theme"), system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const told = () => { button.textContent = isDark() ? "Light" : "Dark"; button.setAttribute("aria-label", `Show it ${isDark() ? "light" : "dark"}`); drawTimeline(); drawStrip(); };
  button.hidden = false;
  button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; told(); });
  for (const one of [system, matchMedia("print")]) one.addEventListener("change", told);  // paper is light
  told();
}

async function copy(button) {
  const text = button.parentElement.querySelector("code").textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // a page that was opened from a file may not
    getSelection().selectAllChildren(button.parentElement.querySelector("code"));
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

function mountKeys() {
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", (event) => { const button = event.target.closest(".copy"); if (button) copy(button); });
  document.addEventListener("toggle", (event) => { if (event.target.matches && event.target.matches("details.asked")) mountCell(event.target); }, true);
  let later = 0;
  $("filter").addEventListener("input", () => { clearTimeout(later); later = setTimeout(() => filterTree($("filter").value), 80); });
  $("filter").addEventListener("keydown", (event) => { if (event.key === "ArrowDown" || event.key === "Enter") { event.preventDefault(); $("tree").focus(); } });
  window.addEventListener("beforeprint", () => document.querySelectorAll("details:not(.asked)").forEach((one) => { one.open = true; }));
}

// Where the reader is, in the table of contents.
function mountContents() {
  const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.getAttribute("href").slice(1), link]));
  const seen = new Set();
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) { if (entry.isIntersecting) seen.add(entry.target.id); else seen.delete(entry.target.id); }
    const here = [...links.keys()].filter((id) => seen.has(id) && !/^t\d/.test(id))[0];
    links.forEach((link, id) => link.classList.toggle("here", id === here || (/^t\d/.test(id) && seen.has(id))));
  }, { rootMargin: "-60px 0px -70% 0px" });
  links.forEach((_, id) => { if ($(id)) observer.observe($(id)); });
  return observer;
}
