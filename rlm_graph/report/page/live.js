// A run that goes on: the page asks for what has changed, and puts it in its place.

const PAUSE_MS = 1000;

function knownHashes() {
  const sections = [...document.querySelectorAll("[data-hash]")].map((one) => one.dataset.hash);
  return [...sections, ...page.chunks.map((chunk) => chunk.hash), `parts-${page.parts.chars.length}`];
}

async function follow(url) {
  let failures = 0;
  for (;;) {
    const began = performance.now();
    try {
      const answer = await fetch(`${url}?have=${knownHashes().join(",")}`, { cache: "no-store" });
      if (!answer.ok) throw new Error(`${answer.status}`);
      const news = await answer.json();
      takeNews(news);
      failures = 0;
      sayFollowing("", news.status === "running" ? "following" : news.goes_on ? news.status : "ended");
      if (!news.goes_on) { sayFollowing("over", "ended"); return; }
    } catch {
      failures += 1;
      if (failures > 2) sayFollowing("lost", "the server does not answer");
    }
    const took = performance.now() - began;
    await new Promise((resolve) => { setTimeout(resolve, Math.max(PAUSE_MS, 4 * took) * (document.hidden ? 5 : 1)); });
  }
}

function sayFollowing(kind, text) {
  const box = $("following");
  box.className = `following ${kind}`;
  const words = box.querySelector("span");
  if (words.textContent !== text) words.textContent = text;
}

function takeNews(news) {
  for (const [name, section] of Object.entries(news.sections)) replaceSection(document.querySelector(`[data-section="${name}"]`), section);
  const before = new Map(page.chunks.map((chunk) => [chunk.hash, chunk]));
  const chunks = news.chunks.map((chunk) => (chunk.calls ? chunk : before.get(chunk.hash)));
  const changed = Boolean(news.parts) || chunks.length !== page.chunks.length || chunks.some((chunk, at) => chunk !== page.chunks[at]);
  const turnsChanged = replaceTurns(news.turns);
  if ($("contents-turns").innerHTML !== news.contents) $("contents-turns").innerHTML = news.contents;
  if (!changed) {
    page.clock = news.clock;
    if (goesOn()) layTimeline();
    return;
  }
  takeData({ models: news.models, parts: news.parts, chunks, clock: news.clock });
  $("calls-lead").textContent = news.calls_lead;
  const again = (call) => call && (page.calls.find((one) => one.id === call.id) || null);
  panel.call = again(panel.call) || panel.call;
  timeline.selected = again(timeline.selected);
  showAll();
  if (turnsChanged) document.querySelectorAll("details.asked[open]").forEach(mountCell);
}

// What somebody has opened stays open.
function replaceSection(box, { html, hash }) {
  const open = [...box.querySelectorAll("details")].map((one) => one.open);
  box.innerHTML = html;
  box.dataset.hash = hash;
  box.querySelectorAll("details").forEach((one, at) => { one.open = Boolean(open[at]); });
  box.querySelectorAll(".script").forEach((one) => { one.hidden = false; });
}

function replaceTurns(turns) {
  const box = $("turns");
  let changed = false;
  turns.forEach((turn, at) => {
    const there = box.children[at];
    if (!turn.html || (there && there.dataset.hash === turn.hash)) return;
    changed = true;
    const holder = make("div");
    holder.innerHTML = turn.html;
    const made = holder.firstElementChild;
    made.querySelectorAll(".script").forEach((one) => { one.hidden = false; });
    if (!there) { box.append(made); return; }
    const open = [...there.querySelectorAll("summary")].filter((one) => one.parentElement.open).map((one) => one.parentElement.className);
    made.querySelectorAll("details").forEach((one) => { one.open = open.includes(one.className); });
    const focused = there === document.activeElement;
    there.replaceWith(made);
    if (focused) made.focus({ preventScroll: true });
  });
  while (box.children.length > turns.length) { box.lastElementChild.remove(); changed = true; }
  return changed;
}
