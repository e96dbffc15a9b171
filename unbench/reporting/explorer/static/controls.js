// The form at the top: which comparison, which methods, which metrics.

const LEVELS = [["dataset", "Data set"], ["scenario", "Scenario"], ["preset", "Preset"], ["place", "Model and version"]];

function drawSelects(redraw) {
  const box = document.getElementById("selects");
  const focused = document.activeElement?.id;
  let candidates = DATA.cells.map((found, number) => ({ found, number }));
  const parts = LEVELS.map(([name, title]) => {
    const values = [...new Set(candidates.map(({ found }) => found[name]))];
    const here = candidates;
    const select = make("select", { id: `select-${name}`, onchange: (event) => {
      const prefer = here.filter(({ found }) => found[name] === event.target.value);
      // The other choices stay as they are where that is possible.
      const likeness = ({ found }) => LEVELS.filter(([other]) => found[other] === cell()[other]).length;
      state.cell = prefer.reduce((best, one) => likeness(one) > likeness(best) ? one : best).number;
      chooseFirst();
      redraw();
    } }, values.map((value) => make("option", { value }, value)));
    select.value = cell()[name];
    candidates = candidates.filter(({ found }) => found[name] === cell()[name]);
    return make("label", {}, title, select);
  });
  box.replaceChildren(...parts);
  if (focused) document.getElementById(focused)?.focus();
}

function choices(id, groups, isOn, set, redraw) {
  const box = document.querySelector(`#${id} .choices`);
  const fieldsets = [...groups].map(([title, entries]) => {
    const checks = entries.map(({ name, text, meaning }) => [name, make("input", { type: "checkbox", checked: isOn(name),
      "data-name": name, onchange: (event) => { set([name], event.target.checked); redraw(); } }), text, meaning]);
    const all = (on) => () => {
      set(checks.map(([name]) => name), on);
      checks.forEach(([, input]) => { input.checked = on; });
      redraw();
    };
    return make("fieldset", {}, make("legend", {}, title),
      make("button", { type: "button", onclick: all(true), "aria-label": `all: ${title}` }, "all"),
      make("button", { type: "button", onclick: all(false), "aria-label": `none: ${title}` }, "none"),
      make("div", { class: "options" },
        checks.map(([, input, text, meaning]) => make("label", { class: "check", title: meaning }, input, text))));
  });
  box.replaceChildren(...fieldsets);
}

function grouped(entries) {
  const groups = new Map();
  for (const entry of entries) groups.set(entry.group, [...groups.get(entry.group) ?? [], entry]);
  return groups;
}

function drawMethods(redraw) {
  const names = new Map(cell().rows.map((row) => [row.method, row.family || "other"]));
  const entries = [...names].sort().map(([name, group]) => ({ name, text: name, group }));
  choices("methods", grouped(entries), (name) => !state.hidden.has(name),
    (found, on) => found.forEach((name) => on ? state.hidden.delete(name) : state.hidden.add(name)), redraw);
}

function drawMetrics(redraw) {
  const here = new Set(cell().rows.flatMap((row) => Object.keys(row.values)));
  const entries = DATA.columns.filter((column) => here.has(column.name))
    .map(({ name, title, meaning, group }) => ({ name, text: title === name ? name : `${title} (${name})`, meaning, group }));
  choices("metrics", grouped(entries), (name) => state.columns.includes(name), (found, on) => {
    const wanted = new Set(state.columns);
    found.forEach((name) => on ? wanted.add(name) : wanted.delete(name));
    state.columns = DATA.columns.map((column) => column.name).filter((name) => wanted.has(name));
  }, redraw);
}

function listen(redraw) {
  document.getElementById("controls").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("filter").addEventListener("input", (event) => { state.filter = event.target.value; redraw(); });
  for (const name of ["intervals", "variants", "oracles"]) {
    document.getElementById(name).addEventListener("change", (event) => { state[name] = event.target.checked; redraw(); });
  }
}
