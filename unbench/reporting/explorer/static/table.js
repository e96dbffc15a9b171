// The table of methods.

function drawTable(redraw) {
  const table = document.getElementById("board");
  const focused = document.activeElement?.dataset?.focus;
  const columns = state.columns.map((name) => COLUMNS.get(name));
  const rows = visibleRows();
  const pinned = pinnedRows().filter((row) => !state.hidden.has(row.method));
  const own = new Set(pinned.map((row) => row.label));
  // An oracle that has a row of its own is not shown twice.
  const top = references().filter((one) => one.kind === "floor" || !one.members.some((label) => own.has(label)));
  table.replaceChildren(
    make("caption", {}, `${cell().title}. ${cell().about}. ${rows.length + pinned.length} of ${cell().rows.length} rows.`),
    make("thead", {}, make("tr", {},
      heading("label", "Method", "", redraw),
      columns.map((column) => heading(column.name, column.title, column.meaning, redraw)),
      heading("n", "Seeds", "runs that ended well", redraw))),
    make("tbody", { class: "pinned" },
      pinned.map((row) => methodRow(row, columns, redraw)),
      top.map((reference) => referenceRow(reference, columns))),
    make("tbody", {}, rows.map((row) => methodRow(row, columns, redraw))),
  );
  if (focused) [...table.querySelectorAll("[data-focus]")].find((one) => one.dataset.focus === focused)?.focus();
}

function heading(key, title, meaning, redraw) {
  const sorted = state.sort.key === key;
  const direction = sorted ? state.sort.ascending ? "ascending" : "descending" : "none";
  const sort = () => {
    state.sort = { key, ascending: sorted ? !state.sort.ascending : true };
    redraw();
    say(`Sorted by ${title}, ${state.sort.ascending ? "ascending" : "descending"}`);
  };
  return make("th", { scope: "col", "aria-sort": direction },
    make("button", { type: "button", title: meaning, onclick: sort, "data-focus": `sort ${key}` }, title));
}

function methodRow(row, columns, redraw) {
  const side = Object.keys(state.sides).find((name) => state.sides[name] === row.label);
  const select = () => { choose(row.label); redraw(); };
  const italic = row.kind === "method" ? row.label : make("em", {}, row.label);
  const explained = { oracle: " (oracle)", nothing: " (no unlearning)" }[row.kind] ?? null;
  return make("tr", { "data-label": row.label, "data-side": side ?? null },
    make("th", { scope: "row", title: row.label },
      make("button", { type: "button", class: "name", onclick: select, "aria-pressed": String(Boolean(side)),
        "data-focus": `row ${row.label}` }, italic), explained,
      side ? make("span", { class: `side ${side}` }, side) : null),
    columns.map((column) => make("td", {}, valueOf(row, column))),
    make("td", {}, seedsOf(row)));
}

function valueOf(row, column) {
  const content = shown(row.values[column.name], reasonOf(row, column), column, state.intervals, row.n);
  if (column.name === "avg_gap" && row.tie) {
    content.splice(1, 0, make("span", { title: "not above its noise floor: a tie with retraining", role: "img",
      "aria-label": ", a tie with retraining" }, " ≈"));
  }
  return content;
}

function seedsOf(row) {
  if (!row.failed) return String(row.n);
  return [`${row.n} `, make("span", { class: "missing", tabindex: "0", title: row.failed, "data-tip": row.failed,
    role: "note", "aria-label": row.failed }, "!")];
}

function referenceRow(reference, columns) {
  const name = reference.kind === "oracle" ? "oracle" : "noise floor";
  const why = reference.kind === "oracle" ? "not a measure of the oracle" : "the floor is known for distances to the oracle";
  const title = reference.of ? `${name} of ${reference.of}` : name;
  return make("tr", { "data-reference": reference.kind },
    make("th", { scope: "row", title }, title),
    columns.map((column) => make("td", {}, shown(reference.values[column.name], why, column, state.intervals, reference.n))),
    make("td", {}, String(reference.n)));
}
