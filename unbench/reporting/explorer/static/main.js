// Draws everything, and again after each choice.

/** After a choice that leaves data set, scenario and preset as they are. */
async function redrawChoice() {
  drawTable(redrawChoice);
  drawSides(redrawChoice);
  await Promise.all([drawTradeoff(redrawChoice), drawCompared()]);
}

/** After one that does not: other methods and metrics are on offer. */
function redrawAll() {
  drawSelects(redrawAll);
  drawMethods(redrawChoice);
  drawMetrics(redrawChoice);
  return redrawChoice();
}

async function begin() {
  tips();
  if (!DATA.cells.length) {
    document.querySelector("main").replaceChildren(make("p", {}, "No runs are stored in these results."));
  } else {
    listen(redrawChoice);
    listenTradeoff(redrawChoice);
    chooseFirst();
    await redrawAll();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawChoice);
  }
  performance.mark("interactive");
  document.documentElement.dataset.ready = "true";
}

begin();
