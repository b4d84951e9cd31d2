// The beginning: data is unpacked, everything drawn, and a page of a run that goes on begins to follow it.

function showAll() {
  showTree();
  layTimeline();
  layStrip();
}

async function begin() {
  document.querySelectorAll(".script.copy").forEach((one) => { one.hidden = false; });
  takeData(await unpacked($("data").textContent));
  $("data").textContent = "";
  mountTimeline();
  mountStrip();
  mountKeys();
  showAll();
  mountTheme();
  mountContents();
  document.querySelectorAll("details.asked[open]").forEach(mountCell);
  document.documentElement.dataset.ready = "";
  const url = document.documentElement.dataset.live;
  if (url) follow(url);
}

begin();
