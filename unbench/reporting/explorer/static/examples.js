// What is known of single examples: confusion matrices, losses, forgotten images.

const MODELS = ["original", "unlearned", "oracle"];
const SPLITS = ["retain", "forget", "test"];
const MOST_CLASSES = 20; // a larger matrix cannot be read
const FIRST_IMAGES = 12;
let drawings = []; // histograms that are shown

/** The run of a side with the chosen seed, or null. */
function runOf(label) {
  const number = cell().rows.findIndex((row) => row.label === label);
  const place = number < 0 ? undefined : cell().outputs[number].runs[state.seed];
  return place === undefined ? null : DATA.runs[place];
}

function whyNoRun(label) {
  const number = cell().rows.findIndex((row) => row.label === label);
  if (number < 0) return "No method is chosen.";
  const { runs, reason } = cell().outputs[number];
  return reason || `Outputs are stored for seed ${Object.keys(runs).join(", ")} only.`;
}

function className(number) {
  return cell().classes?.[number] ?? String(number);
}

function pair(render) {
  return make("div", { class: "pair" }, ["A", "B"].map((side) => {
    const label = state.sides[side];
    const title = make("h4", {}, make("span", { class: `side ${side}` }, side), ` ${label ?? DASH}`);
    const run = runOf(label);
    return make("div", { "data-side": side }, title, run ? render(run, label) : make("p", { class: "hint" }, whyNoRun(label)));
  }));
}

function confusions() {
  return pair((run, label) => make("div", { class: "matrices" }, SPLITS.map((split) =>
    run.confusion[split] ? confusion(run.confusion[split], run.classes, split, label)
      : make("p", { class: "hint" }, `${split}: ${run.missing.join("; ") || "nothing is stored"}`))));
}

function confusion(counts, classes, split, label) {
  const total = counts.reduce((sum, [, , n]) => sum + n, 0);
  const right = counts.reduce((sum, [truth, said, n]) => sum + (truth === said ? n : 0), 0);
  const summary = make("summary", {}, `${split}: ${right} of ${total} right (${(100 * right / total).toFixed(2)} %)`);
  const body = classes <= MOST_CLASSES ? matrix(counts, classes, split, label) : frequent(counts);
  return make("details", { open: split === "forget", "data-split": split }, summary, make("div", { class: "scroll" }, body));
}

function matrix(counts, classes, split, label) {
  const found = new Map(counts.map(([truth, said, n]) => [truth * classes + said, n]));
  const sums = new Map();
  for (const [truth, , n] of counts) sums.set(truth, (sums.get(truth) ?? 0) + n);
  const numbers = [...Array(classes).keys()];
  const entry = (truth, said) => {
    const n = found.get(truth * classes + said) ?? 0;
    const kind = truth === said ? "right" : "wrong";
    return make("td", n ? { class: kind, style: `background: rgba(var(--${kind}), ${(0.15 + 0.5 * n / sums.get(truth)).toFixed(2)})` }
      : {}, n ? String(n) : "");
  };
  return make("table", { class: "matrix" },
    make("caption", { class: "quiet" }, `${label} on ${split}: rows are true classes, columns what it says`),
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "true"),
      numbers.map((said) => make("th", { scope: "col", title: className(said) }, short(className(said)))))),
    make("tbody", {}, numbers.map((truth) => make("tr", {},
      make("th", { scope: "row", title: className(truth) }, short(className(truth))), numbers.map((said) => entry(truth, said))))));
}

function short(name) {
  return name.length > 9 ? `${name.slice(0, 8)}…` : name;
}

function frequent(counts) {
  const wrong = counts.filter(([truth, said]) => truth !== said).sort((a, b) => b[2] - a[2]).slice(0, 15);
  if (!wrong.length) return make("p", { class: "hint" }, "No mistakes.");
  return make("table", {}, make("caption", {}, "The most frequent mistakes"),
    make("thead", {}, make("tr", {}, ["true", "said", "images"].map((title) => make("th", { scope: "col" }, title)))),
    make("tbody", {}, wrong.map(([truth, said, n]) => make("tr", {}, make("th", { scope: "row" }, className(truth)),
      make("td", {}, className(said)), make("td", {}, String(n))))));
}

/** The charts are drawn once they are in the page, which is when they have a width. */
function losses() {
  drawings.forEach((drawing) => drawing.finalize());
  drawings = [];
  const waiting = [];
  const content = pair((run, label) => make("div", { class: "panels" }, ["forget", "retain", "test"].map((split) => {
    const box = make("div", { class: "plot", role: "img", "aria-label": lossesInWords(run, split, label) });
    if (run.losses[split]) waiting.push([box, lossSpec(run.losses[split])]);
    const content = run.losses[split] ? box : make("p", { class: "hint" }, run.missing.join("; ") || "nothing is stored");
    return make("div", { "data-split": split }, make("h4", {}, split), content);
  })));
  const draw = async () => {
    for (const [box, spec] of waiting) drawings.push(await vegaEmbed(box, spec, EMBED));
  };
  return [make("p", { class: "key hint" }, MODELS.map(key)), content, draw];
}

function strokes() {
  return { original: [colour("family-3"), [2, 2]], unlearned: [colour("b"), [1, 0]], oracle: [colour("a"), [6, 3]] };
}

function key(model) {
  const [stroke, dash] = strokes()[model];
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  const line = document.createElementNS(space, "line");
  for (const [name, value] of Object.entries({ width: 30, height: 8, "aria-hidden": "true" })) picture.setAttribute(name, value);
  const looks = { x1: 0, x2: 30, y1: 4, y2: 4, stroke, "stroke-width": 2, "stroke-dasharray": dash.join(" ") };
  for (const [name, value] of Object.entries(looks)) line.setAttribute(name, value);
  picture.append(line);
  return make("span", {}, picture, model);
}

function lossSpec(found) {
  const values = MODELS.filter((model) => found[model]).flatMap((model) => {
    const total = found[model].reduce((sum, n) => sum + n, 0);
    const bins = found[model].map((n, bin) => ({ model, loss: DATA.edges[bin], share: 100 * n / total }));
    return [...bins, { model, loss: DATA.edges.at(-1), share: bins.at(-1).share }];
  });
  const looks = strokes(), domain = MODELS;
  return {
    width: "container", height: "container", background: null, autosize: { type: "fit", contains: "padding" },
    data: { values }, mark: { type: "line", interpolate: "step-after" },
    encoding: {
      x: { field: "loss", type: "quantitative", title: "loss, nats", scale: { type: "log", nice: false },
        axis: { values: [1e-4, 1e-2, 1, 10], format: "~g" } },
      y: { field: "share", type: "quantitative", title: "% of images", axis: { tickCount: 3 } },
      color: { field: "model", scale: { domain, range: domain.map((model) => looks[model][0]) }, legend: null },
      strokeDash: { field: "model", scale: { domain, range: domain.map((model) => looks[model][1]) }, legend: null },
    },
    config: vegaConfig(),
  };
}

/** The bin that holds the middle image, for those who do not see the curve. */
function lossesInWords(run, split, label) {
  const median = (counts) => {
    let left = counts.reduce((sum, n) => sum + n, 0) / 2;
    return counts.findIndex((n) => (left -= n) <= 0);
  };
  const said = MODELS.filter((model) => run.losses[split]?.[model])
    .map((model) => `${model} ${DATA.edges[median(run.losses[split][model])]}`);
  return `Losses of ${label} on ${split}; median, nats: ${said.join(", ") || "nothing is stored"}`;
}

function images() {
  const forgotten = cell().forgotten[state.seed];
  if (!forgotten) return make("p", { class: "hint" }, "No forgotten images are known: no per-example outputs are stored.");
  const runs = { A: runOf(state.sides.A), B: runOf(state.sides.B) };
  if (!runs.A && !runs.B) return make("p", { class: "hint" }, "Neither method has stored outputs with this seed.");
  const list = make("ul", { class: "images" });
  const places = [...forgotten.ids.keys()];
  const answer = (run, place) => run?.said.unlearned?.[place]?.[0];
  const differ = places.filter((place) => answer(runs.A, place) !== answer(runs.B, place));
  let only = false, most = FIRST_IMAGES;
  const more = make("button", { type: "button", onclick: () => { most = Infinity; fill(); } });
  const fill = () => {
    const wanted = only ? differ : places;
    list.replaceChildren(...wanted.slice(0, most).map((place) => imageCard(forgotten, place, runs)));
    more.textContent = `Show all ${wanted.length}`;
    more.hidden = wanted.length <= most;
  };
  fill();
  const check = make("input", { type: "checkbox", id: "differ", onchange: (event) => { only = event.target.checked; fill(); } });
  return [
    make("p", { class: "hint" }, `${forgotten.ids.length} of the ${forgotten.total} forgotten images of seed ${state.seed}. `,
      forgotten.images ? null : `The images themselves: ${forgotten.reason}.`),
    runs.A && runs.B ? make("label", { class: "check" }, check, `only the ${differ.length} on which A and B differ`) : null,
    list, more];
}

function imageCard(forgotten, place, runs) {
  const truth = forgotten.labels[place], id = forgotten.ids[place];
  const picture = forgotten.images && make("img", { src: forgotten.images[place],
    alt: `forgotten image ${id}, of class ${className(truth)}` });
  if (picture) picture.onload = () => picture.classList.toggle("small", picture.naturalWidth < 72);
  const sides = ["A", "B"].filter((side) => runs[side]);
  const said = (run, model) => {
    const found = run.said[model]?.[place];
    if (!found) return make("td", {}, missing(run.missing.join("; ") || "nothing is stored"));
    const right = found[0] === truth;
    return make("td", { class: right ? "right" : "wrong" }, `${right ? "✓" : "✗"} ${short(className(found[0]))} ${Math.round(found[1])} %`);
  };
  return make("li", {}, picture, make("table", {},
    make("caption", {}, `${id}: ${className(truth)}`),
    make("thead", {}, make("tr", {}, make("td", {}), sides.map((side) => make("th", { scope: "col" }, side)))),
    make("tbody", {}, MODELS.map((model) => make("tr", {}, make("th", { scope: "row" }, model),
      sides.map((side) => said(runs[side], model)))))));
}
