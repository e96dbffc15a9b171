// Two methods side by side.

const BEYOND = 0.05; // of p by Holm's method

function drawSides(redraw) {
  const focused = document.activeElement?.id;
  const rows = cell().rows;
  const chooser = (side) => {
    const select = make("select", { id: `side-${side}`, onchange: (event) => {
      state.sides = { ...state.sides, [side]: event.target.value };
      redraw();
    } }, rows.map((row) => make("option", { value: row.label }, row.label)));
    select.value = state.sides[side];
    return make("label", {}, `Method ${side}`, select);
  };
  const seeds = [...new Set(["A", "B"].flatMap((side) => seedsWithOutputs(state.sides[side])))].sort((a, b) => a - b);
  if (!seeds.includes(state.seed)) state.seed = seeds[0] ?? null;
  const seed = make("select", { id: "seed", onchange: (event) => { state.seed = event.target.value; redraw(); } },
    seeds.map((one) => make("option", { value: one }, one)));
  seed.value = state.seed;
  const swap = make("button", { type: "button", id: "swap", onclick: () => {
    state.sides = { A: state.sides.B, B: state.sides.A };
    redraw();
  } }, "Swap");
  document.getElementById("sides").replaceChildren(chooser("A"), chooser("B"), swap,
    ...(seeds.length ? [make("label", {}, "Seed of what is shown per image", seed)] : []));
  if (focused) document.getElementById(focused)?.focus();
}

function seedsWithOutputs(label) {
  const number = cell().rows.findIndex((row) => row.label === label);
  return number < 0 ? [] : Object.keys(cell().outputs[number].runs);
}

function drawCompared() {
  const box = document.getElementById("compared");
  const rows = [rowOf(state.sides.A), rowOf(state.sides.B)];
  if (!rows[0] || !rows[1]) {
    box.replaceChildren(make("p", { class: "hint" }, "There are not two methods here to compare."));
    return Promise.resolve();
  }
  const section = (title, ...content) => [make("h3", {}, title), ...content];
  const [legend, charts, draw] = losses();
  box.replaceChildren(
    make("p", { class: "hint" }, "Mean ± sample standard deviation, 95 % interval over seeds, and the mean difference on the ",
      "seeds that both have. Beyond noise: p below 0.05 in a paired t-test, corrected by Holm's method for all pairs of ",
      "methods; the interval of a difference is of this pair alone. Metrics of shadow models have one value each, and an ",
      "interval over the models. Other metrics are chosen above."),
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "metrics of both methods" }, metricsTable(...rows)),
    ...section("Confusion matrices", make("p", { class: "hint" }, "Rows are true classes, columns what the unlearned model says."), confusions()),
    ...section("Losses", legend, charts),
    ...section("Forgotten images", ...[images()].flat().filter(Boolean)),
    ...section("How to repeat them", origin(rows)));
  return draw();
}

function metricsTable(a, b) {
  const names = DATA.columns.filter((column) => state.columns.includes(column.name)
    && (a.values[column.name] !== undefined || b.values[column.name] !== undefined));
  const head = (side, label) => make("th", { scope: "col" }, make("span", { class: `side ${side}` }, side), ` ${label}`);
  return make("table", { id: "metrics-compared" },
    make("caption", { class: "quiet" }, `${a.label} and ${b.label} by the metrics that are chosen above`),
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Metric"), head("A", a.label), head("B", b.label),
      make("th", { scope: "col" }, "A − B"), make("th", { scope: "col" }, "Is it noise?"))),
    make("tbody", {}, names.map((column) => make("tr", { "data-metric": column.name },
      make("th", { scope: "row", title: column.meaning }, column.title),
      [a, b].map((row) => make("td", {}, shown(row.values[column.name], reasonOf(row, column), column, true, row.n))),
      difference(a, b, column))),
    make("tr", {}, make("th", { scope: "row" }, "Seeds"), [a, b].map((row) => make("td", {}, seedsOf(row))), make("td"), make("td"))));
}

function difference(a, b, column) {
  const first = cell().rows.indexOf(a), second = cell().rows.indexOf(b);
  const found = (cell().comparisons[column.name] ?? []).find(([i, j]) => i === first && j === second || i === second && j === first);
  if (!found) {
    const why = missing(a === b ? "one method with itself"
      : column.pooled ? "one value for all shadow models: there are no seeds to compare on"
      : "no paired comparison of these runs is stored; 'unbench evaluate' makes it for its metrics");
    return [make("td", {}, why), make("td", {}, why.cloneNode(true))];
  }
  const [i, , mean, low, high, p, reason] = found;
  const sign = i === first ? 1 : -1;
  const ends = low === null ? null : sign > 0 ? [low, high] : [-high, -low];
  const verdict = p === null ? missing(reason ?? "no p-value is stored")
    : make("span", { class: "verdict" }, p < BEYOND ? "beyond noise" : "within noise");
  return [
    make("td", {}, mean === null ? missing(reason ?? "no difference is stored") : signed(sign * mean, column),
      ends && make("span", { class: "interval" }, `[${ends.map((end) => written(end, column)).join(", ")}]`)),
    make("td", {}, verdict, p === null ? null : make("span", { class: "interval" }, `p = ${p < 0.001 ? "<0.001" : p.toFixed(3)}`))];
}

function origin(rows) {
  return make("div", { class: "pair" }, rows.map((row, place) => make("div", {},
    make("h4", {}, make("span", { class: `side ${"AB"[place]}` }, "AB"[place]), ` ${row.label}`),
    make("dl", {},
      make("dt", {}, "Hyper-parameters"), make("dd", {}, row.hparams || "none"),
      make("dt", {}, "Versions"), make("dd", {}, row.versions),
      row.notes.length ? [make("dt", {}, "To know"), row.notes.map((note) => make("dd", {}, note))] : null),
    row.commands ? make("pre", { tabindex: "0" }, row.commands) : null)));
}
