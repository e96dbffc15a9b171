"use strict";
// Numbers and elements. Texts of results enter the page as text nodes and attributes, never as markup.

const DASH = "–";

/** An element with attributes, properties (on..., checked, value) and children; null children are left out. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on") || name === "checked" || name === "value") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** A number as the leaderboard writes it: points with two digits, seconds and MiB with about three. */
function digits(value, written) {
  if (written === "points") return [2, ""];
  if (written === "count") return [0, ""];
  const size = Math.abs(value);
  if (written === "amount") return [size < 1 ? 3 : size < 10 ? 2 : size < 100 ? 1 : 0, ""];
  return [size === 0 || size >= 100 ? 0 : Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(size)))), ""];
}

function written(value, column, like = value) {
  if (column.written === "amount" && value !== 0 && Math.abs(value) < 0.001 && Math.abs(like) < 0.001) {
    return value < 0 ? ">-0.001" : "<0.001";
  }
  const text = value.toFixed(digits(like, column.written)[0]);
  return column.written === "count" ? Number(text).toLocaleString("en-GB") : text;
}

function signed(value, column) {
  return (value > 0 ? "+" : "") + written(value, column);
}

/** Mean and spread; the spread has the digits of the mean. */
function meanSpread([mean, spread], column) {
  const text = written(mean, column);
  return spread === null || text.includes("0.001") && text.length > 5 ? text : `${text} ± ${written(spread, column, mean)}`;
}

function interval([mean, , low, high], column) {
  return low === null ? null : `[${written(low, column, mean)}, ${written(high, column, mean)}]`;
}

/** A dash that says why, to the pointer, the keyboard and the screen reader alike. */
function missing(reason) {
  return make("span", { class: "missing", tabindex: "0", title: reason, "data-tip": reason, role: "note",
    "aria-label": `missing: ${reason}` }, DASH);
}

/** The content of a cell of a table. */
function shown(value, reason, column, withInterval, n) {
  if (!Array.isArray(value)) return [missing(value || reason)];
  const content = [meanSpread(value, column)];
  if (withInterval) {
    const ends = interval(value, column);
    const why = column.pooled ? "this metric has none" : n === 1 ? "it needs at least two seeds" : "there is no spread";
    content.push(make("span", { class: "interval" }, ends ?? missing(`no interval: ${why}`)));
  }
  return content;
}

/** Reasons are shown beside what has the focus; the browser itself shows titles to the pointer only. */
function tips() {
  const tip = make("div", { class: "tip", role: "tooltip", hidden: true });
  document.body.append(tip);
  const place = () => {
    const target = document.activeElement?.closest("[data-tip]");
    tip.hidden = !target;
    if (!target) return;
    tip.textContent = target.dataset.tip;
    const box = target.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${box.bottom + tip.offsetHeight + 8 > innerHeight ? box.top - tip.offsetHeight - 6 : box.bottom + 6}px`;
  };
  document.addEventListener("focusin", place);
  document.addEventListener("focusout", () => { tip.hidden = true; });
  document.addEventListener("scroll", () => { if (!tip.hidden) place(); }, true); // the focus itself may scroll
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
}

function say(text) {
  document.getElementById("status").textContent = text;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
