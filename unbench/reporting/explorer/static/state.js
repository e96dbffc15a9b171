// What the person has chosen, and what follows from it.

const DATA = JSON.parse(document.getElementById("data").textContent);
const COLUMNS = new Map(DATA.columns.map((column) => [column.name, column]));
const state = {
  cell: largest(),
  hidden: new Set(), // methods that are not shown, by name
  columns: DATA.columns.filter((column) => column.chosen).map((column) => column.name),
  sort: { key: "avg_gap", ascending: true },
  filter: "",
  intervals: false,
  variants: false,
  oracles: false,
  sides: { A: null, B: null }, // labels
  seed: null,
};

/** The place of the comparison with most methods, which is shown first. */
function largest() {
  const sizes = DATA.cells.map(({ rows }) => new Set(rows.filter((row) => row.n > 0).map((row) => row.method)).size);
  return Math.max(0, sizes.indexOf(Math.max(...sizes)));
}

function cell() {
  return DATA.cells[state.cell];
}

function rowOf(label) {
  return cell().rows.find((row) => row.label === label) ?? null;
}

/** Why a row has no value in a column. */
function reasonOf(row, column) {
  if (column.pooled) return "no evaluated shadow models; 'unbench shadow' and 'unbench evaluate' make them";
  if (row.n === 0) return `no run ended well: ${row.failed}`;
  return column.evaluated ? "not evaluated; 'unbench evaluate' does that" : "does not apply to this method";
}

/** Rows that pass the choices, pinned ones aside, in the chosen order; what is missing comes last. */
function visibleRows() {
  const { key, ascending } = state.sort;
  const wanted = state.filter.toLowerCase();
  const pinned = new Set(pinnedRows().map((row) => row.label));
  const rows = cell().rows.filter((row) => !pinned.has(row.label) && !state.hidden.has(row.method)
    && (state.variants || !row.variant) && row.label.toLowerCase().includes(wanted));
  const of = (row) => key === "label" ? row.label : key === "n" ? row.n
    : Array.isArray(row.values[key]) ? row.values[key][0] : null;
  const direction = ascending ? 1 : -1;
  return rows.map((row, place) => [row, of(row), place]).sort(([, a, i], [, b, j]) => {
    if (a === null || b === null) return a === b ? i - j : a === null ? 1 : -1;
    return (a < b ? -direction : a > b ? direction : 0) || i - j;
  }).map(([row]) => row);
}

/** The oracle's own row where retraining was run as a method: it is on top instead of among the others. */
function pinnedRows() {
  return cell().rows.filter((row) => row.kind === "oracle" && row.n > 0);
}

/** The oracle and the noise floor of the methods that share one; of every method if that is asked for. */
function references() {
  const found = cell().references;
  if (state.oracles || !found.length) return found;
  const first = found.find((reference) => reference.of === "post-hoc methods") ?? found[0];
  return found.filter((reference) => reference.of === first.of);
}

/** Takes the side of the method that was chosen longest ago, so that two clicks compare two methods. */
function choose(label) {
  const { A, B } = state.sides;
  if (label === A || label === B) state.sides = { A: B, B: A };
  else state.sides = { A: label, B: A };
  say(`Comparing ${state.sides.A} with ${state.sides.B ?? "nothing"}`);
}

/** The best method beside doing nothing, until a person chooses. */
function chooseFirst() {
  const rows = cell().rows.filter((row) => row.n > 0);
  const nothing = rows.find((row) => row.kind === "nothing");
  const methods = rows.filter((row) => row.kind === "method");
  const known = methods.filter((row, place) => Object.keys(cell().outputs[cell().rows.indexOf(row)].runs).length);
  const [first, second] = [...(known.length ? known : methods), ...rows.filter((row) => row.kind !== "method")];
  state.sides = { A: first?.label ?? null, B: (nothing !== first && nothing || second)?.label ?? null };
}
