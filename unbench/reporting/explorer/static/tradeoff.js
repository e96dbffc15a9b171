// The plot of gap against time. Vega-Lite draws it; its labels are placed by Vega so that none covers another.

const SHAPES = ["triangle-up", "circle", "diamond"]; // of families, so that colour is not all that tells them apart
let tradeoff = null; // the view that is shown

function tradeoffRows() {
  return [...pinnedRows().filter((row) => !state.hidden.has(row.method)), ...visibleRows()];
}

function tradeoffPoints() {
  const known = tradeoffRows().filter((row) => Array.isArray(row.values.avg_gap) && Array.isArray(row.values.unlearn_seconds));
  const times = known.map((row) => row.values.unlearn_seconds[0]).filter((time) => time > 0);
  const instant = Math.min(...times, 1) / 10; // a log scale has no place for 0
  return known.map((row) => {
    const [gap, spread] = row.values.avg_gap;
    const seconds = row.values.unlearn_seconds[0];
    const side = Object.keys(state.sides).find((name) => state.sides[name] === row.label) ?? "";
    return { label: row.label, name: side ? `${side}: ${row.label}` : row.label, side, family: row.family || "other",
      seconds: seconds > 0 ? seconds : instant, gap, low: Math.max(0, gap - (spread ?? 0)),
      high: gap + (spread ?? 0), Gap: meanSpread(row.values.avg_gap, COLUMNS.get("avg_gap")) + (row.tie ? " ≈" : ""),
      Seconds: meanSpread(row.values.unlearn_seconds, COLUMNS.get("unlearn_seconds")) };
  });
}

function tradeoffSpec(points, domains) {
  const found = references().filter((one) => one.of === references()[0].of);
  const level = (kind, name) => found.find((one) => one.kind === kind)?.values[name];
  const floor = level("floor", "avg_gap"), time = level("oracle", "unlearn_seconds");
  const ink = colour("ink"), soft = colour("soft");
  const largest = Math.max(...points.map((point) => point.high), 0.1);
  // One collapsed method would press the others onto the axis: logarithmic above the floor then.
  const bent = Array.isArray(floor) && floor[0] > 0 && largest > 12 * floor[0];
  const steps = [-2, -1, 0, 1, 2].flatMap((power) => [1, 2, 3, 5, 7].map((step) => Number((step * 10 ** power).toPrecision(1))));
  const y = { field: "gap", type: "quantitative", title: "Average Gap, points" + (bent ? " (log above the floor)" : ""),
    scale: { type: bent ? "symlog" : "linear", ...(bent ? { constant: floor[0] } : {}), domain: domains?.y ?? [-0.04 * largest, largest * 1.08], nice: false, zero: false },
    axis: { ...(bent ? { values: [0, ...steps.filter((step) => step >= floor[0] * 0.5)] } : {}), format: "~g" } };
  const x = { field: "seconds", type: "quantitative", title: "unlearning time, seconds (log scale)",
    scale: { type: "log", nice: false, domain: domains?.x ?? timeDomain(points, time) }, axis: { format: "~g", tickCount: 8 } };
  const rule = (channel, value, text, place) => [
    { data: { values: [{ at: value }] }, mark: { type: "rule", strokeDash: [6, 3], color: soft, clip: true },
      encoding: { [channel]: { ...{ x, y }[channel], field: "at" } } },
    { data: { values: [{ at: value, text }] }, mark: { type: "text", color: soft, fontSize: 11, clip: true, ...place },
      encoding: { [channel]: { ...{ x, y }[channel], field: "at" }, text: { field: "text" } } }];
  const families = [...new Set(cell().rows.map((row) => row.family || "other"))].sort();
  return {
    width: "container", height: "container", background: null, autosize: { type: "fit", contains: "padding" },
    data: { values: points },
    layer: [
      ...(Array.isArray(floor) ? rule("y", floor[0], `noise floor ${floor[0].toFixed(2)}`, { x: { expr: "width - 4" }, align: "right", dy: -6 }) : []),
      ...(Array.isArray(time) ? rule("x", time[0], `training the oracle: ${written(time[0], { written: "amount" })} s`,
        { y: 10, align: "right", dx: -6 }) : []),
      { mark: { type: "rule", opacity: 0.55, clip: true }, encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" },
        color: { field: "family", scale: { domain: families } } } },
      { name: "points",
        params: [{ name: "zoom", select: "interval", bind: "scales" }],
        mark: { type: "point", filled: true, size: 90, opacity: 1, clip: true, cursor: "pointer" },
        encoding: {
          x, y,
          color: { field: "family", type: "nominal", title: null,
            scale: { domain: families, range: [colour("family-1"), colour("family-2"), colour("family-3")] } },
          shape: { field: "family", type: "nominal", title: null, scale: { domain: families, range: SHAPES } },
          size: { condition: { test: "datum.side != ''", value: 260 }, value: 90 },
          stroke: { condition: { test: "datum.side != ''", value: ink }, value: null },
          tooltip: [{ field: "label", title: "Method" }, { field: "Gap" }, { field: "Seconds" }],
          description: { field: "label" },
        } },
    ],
    config: vegaConfig(),
  };
}

function timeDomain(points, time) {
  const times = [...points.map((point) => point.seconds), ...(Array.isArray(time) && time[0] > 0 ? [time[0]] : [])];
  return [Math.min(...times) / 1.6, Math.max(...times) * 2.2];
}

/** Colours of the page, light or dark. */
function vegaConfig() {
  const ink = colour("ink"), soft = colour("soft"), line = colour("line");
  const font = "system-ui, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";
  return { font, view: { stroke: null },
    axis: { labelColor: soft, titleColor: ink, gridColor: line, domainColor: line, tickColor: line, titleFontWeight: 500,
      labelFontSize: 11, titleFontSize: 12, gridOpacity: 0.6, labelOverlap: "greedy" },
    legend: { labelColor: ink, titleColor: ink, labelFontSize: 12, orient: "top", padding: 0 } };
}

/** `ast` interprets expressions instead of compiling them, which the page's security policy forbids. */
const EMBED = { mode: "vega-lite", ast: true, actions: false, renderer: "svg", defaultStyle: false,
  tooltip: { disableDefaultStyle: true } };

/** Names beside the points, left out where they would cover others. */
function withNames(spec) {
  const group = spec.marks.find((mark) => mark.name === "points_marks") ? spec : spec.marks.find((mark) => mark.marks);
  group.marks.push({ type: "text", name: "names", from: { data: "points_marks" }, interactive: false,
    encode: { enter: { fontSize: { value: 11 }, fill: { value: colour("ink") } },
      update: { text: { field: "datum.name" }, fontWeight: { signal: "datum.datum.side ? 'bold' : 'normal'" } } },
    transform: [{ type: "label", size: { signal: "[width, height]" }, offset: [5], sort: { field: "datum.datum.side", order: "descending" },
      anchor: ["right", "left", "top", "bottom", "top-right", "bottom-right", "top-left", "bottom-left"] }] });
  return spec;
}

async function drawTradeoff(redraw, domains = null) {
  const box = document.getElementById("plot"), note = document.getElementById("plot-note");
  const points = tradeoffPoints();
  const without = tradeoffRows().filter((row) => !points.some((point) => point.label === row.label)).map((row) => row.label);
  note.textContent = [
    without.length ? `Without a gap or a time: ${without.join(", ")}.` : "",
    points.some((point) => point.Seconds === "0.000") ? "0 seconds are drawn at the left edge." : "",
    points.some((point) => point.high > point.gap) ? "Whiskers: sample standard deviation over seeds." : "",
  ].filter(Boolean).join(" ");
  const focused = box.contains(document.activeElement) ? document.activeElement.dataset.label : null;
  tradeoff?.finalize();
  tradeoff = null;
  if (!points.length) {
    box.replaceChildren(make("p", {}, "No method has both a gap and a time."));
    return;
  }
  const result = await vegaEmbed(box, tradeoffSpec(points, domains), { ...EMBED, patch: withNames });
  tradeoff = result;
  result.view.addEventListener("click", (event, item) => { if (item?.datum?.label) pick(item.datum.label, redraw); });
  reachable(box, points);
  if (focused) [...box.querySelectorAll("[data-label]")].find((mark) => mark.dataset.label === focused)?.focus();
}

function pick(label, redraw) {
  choose(label);
  redraw();
}

/** Points can be reached by Tab; Vega alone makes them known to screen readers only. */
function reachable(box, points) {
  const svg = box.querySelector("svg");
  svg?.setAttribute("aria-label", `Gap to the oracle against unlearning time of ${points.length} methods`);
  for (const mark of box.querySelectorAll(".mark-symbol.points_marks path, .points_marks path")) {
    const point = mark.__data__?.datum;
    if (!point) continue;
    mark.setAttribute("tabindex", "0");
    mark.setAttribute("role", "button");
    mark.setAttribute("aria-label", `${point.label}: gap ${point.Gap}, ${point.Seconds} seconds`);
    mark.dataset.label = point.label;
    mark.dataset.tip = `${point.label}: gap ${point.Gap}, ${point.Seconds} s`;
  }
}

/** Buttons for those who do not use a wheel. */
function zoomBy(factor, redraw) {
  if (!tradeoff) return;
  const x = tradeoff.view.scale("x").domain().map(Math.log), y = tradeoff.view.scale("y").domain();
  const around = ([low, high]) => [(low + high) / 2 - (high - low) / 2 * factor, (low + high) / 2 + (high - low) / 2 * factor];
  // The good methods are at the bottom, so that is what stays in view.
  drawTradeoff(redraw, { x: around(x).map(Math.exp), y: [y[0], y[0] + (y[1] - y[0]) * factor] });
}

function listenTradeoff(redraw) {
  document.getElementById("zoom-in").onclick = () => zoomBy(0.6, redraw);
  document.getElementById("zoom-out").onclick = () => zoomBy(1 / 0.6, redraw);
  document.getElementById("zoom-reset").onclick = () => drawTradeoff(redraw);
  document.getElementById("plot").addEventListener("keydown", (event) => {
    const label = event.target.dataset?.label;
    if (!label || event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    pick(label, redraw);
  });
}
