// Words and figures, and elements that hold them.

const numbers = new Intl.NumberFormat("en-US");
const number = (value) => numbers.format(value);
const counted = (value, noun) => `${number(value)} ${noun}${value === 1 ? "" : "s"}`;

function duration(ms) {
  if (ms < 0) return "";
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 99950) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3600000) return `${Math.floor(ms / 60000)} min ${Math.round((ms % 60000) / 1000)} s`;
  return `${Math.floor(ms / 3600000)} h ${Math.round((ms % 3600000) / 60000)} min`;
}

function money(usd) {
  if (usd === null) return "unknown";
  return usd >= 0.1 || !usd ? `$${usd.toFixed(2)}` : `$${usd.toPrecision(2)}`;
}

const KINDS = { llm_query: "Sub-call", rlm_query: "Child", tool: "Tool call", ask_user: "Question" };

const modelName = (call) => (call.model >= 0 ? page.models[call.model] : KINDS[call.kind].toLowerCase());
const colourOf = (model) => `m${model % 8}`;

// An element with texts and elements in it; whatever is a string becomes text, never HTML.
function make(name, attributes, ...inside) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") Object.entries(value).forEach(([event, act]) => element.addEventListener(event, act));
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...inside.filter((one) => one !== null && one !== undefined && one !== ""));
  return element;
}

const firstLine = (text) => text.slice(0, 300).replace(/\s+/g, " ").trim();

const announce = (text) => { $("announce").textContent = text; };
