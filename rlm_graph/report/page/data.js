// What the page knows: chunks of sub-calls, one for each turn, read from the page or got from the server.

const page = { models: [], parts: { chars: [], names: null }, chunks: [], calls: [], clock: { runs: false, until: -1, thinks: -1 } };

const $ = (id) => document.getElementById(id);

async function unpacked(text) {
  const characters = atob(text), bytes = new Uint8Array(characters.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = characters.charCodeAt(at);
  const stream = new Response(bytes).body.pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(new TextDecoder().decode(await new Response(stream).arrayBuffer()));
}

// The calls of all chunks, as objects with what is often needed; texts stay in their columns.
function takeData(data) {
  page.models = data.models;
  page.clock = data.clock;
  if (data.parts) page.parts = data.parts;
  page.chunks = data.chunks;
  page.calls = [];
  page.chunks.forEach((chunk, turn) => {
    const columns = chunk.calls;
    if (chunk.made) {
      for (const call of chunk.made) { call.turn = turn; page.calls.push(call); }
      return;
    }
    chunk.made = (columns.id || []).map((id, row) => ({
      id, turn, row, columns,
      up: columns.up[row], cell: columns.cell[row], kind: columns.kind[row], model: columns.model[row],
      start: columns.start[row], end: columns.end[row], failed: columns.failed[row], slices: columns.slices[row],
      depth: 0, below: 0, lane: -1, until: -1, words: null,
    }));
    for (const call of chunk.made) {
      if (call.up >= 0) {
        const parent = chunk.made[call.up];
        call.depth = parent.depth + 1;
        parent.below += 1;
      }
      page.calls.push(call);
    }
  });
}

const took = (call) => (call.end >= 0 ? duration(call.end - call.start) : page.clock.runs ? "goes on" : "was cut off");

const column = (call, name) => call.columns[name][call.row];

// A text of a call: whole, or its beginning.
function textOf(call, name) {
  const text = column(call, name);
  return typeof text === "string" ? text : text[0];
}

function cutOf(call, name) {
  const text = column(call, name);
  return typeof text === "string" ? 0 : text[1] - text[0].length;
}
