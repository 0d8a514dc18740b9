"use strict";
const cohort = document.getElementById("cohort");
const matrix = document.querySelector(".matrix");
const rows = matrix ? [...matrix.tBodies[0].rows] : [];
const controls = Object.fromEntries(["track", "name", "look", "shown"].map((id) => [id, document.getElementById(id)]));

// One page at a time: that of what the address names, or the first.
function turn() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1))) || cohort;
  const page = named.closest(".page") || cohort;
  document.querySelectorAll(".page.now").forEach((other) => other.classList.remove("now"));
  page.classList.add("now");
  document.documentElement.classList.toggle("overview", page === cohort);
  page.querySelectorAll("[data-from]").forEach((place) => place.closest("details") || fetchText(place));
  page.querySelectorAll("pre.code").forEach(number);
  const heading = page.querySelector("h1, h2");
  document.title = page === cohort ? heading.textContent : `${heading.textContent} – ${cohort.querySelector("h1").textContent}`;
  // Tab goes on from there, and a screen reader reads it.
  const place = named === page ? heading : named.querySelector("h2, h3") || named;
  place.tabIndex = -1;
  if (location.hash) place.focus({ preventScroll: true });
  if (named !== page) named.scrollIntoView();
  else window.scrollTo(0, page === cohort ? kept.page : 0);
  if (page === cohort && matrix) matrix.parentElement.scrollTop = kept.matrix;
}

// A text that several handed in, or that stands elsewhere, is copied to where it is read.
function fetchText(place) {
  const code = document.getElementById(place.dataset.from).querySelector("pre.code");
  if (!code) return;
  const copy = code.cloneNode(true);
  copy.querySelectorAll(".lines").forEach((lines) => lines.remove());
  copy.dataset.lines = place.dataset.lines || "";
  place.replaceWith(copy);
  number(copy);
  const marked = copy.querySelector(".lines b");
  if (marked) copy.scrollTop = marked.offsetTop - 60;
}

function number(code) {
  if (code.querySelector(".lines")) return;
  const first = Number(code.dataset.first);
  const count = code.textContent.replace(/\n$/, "").split("\n").length;
  const ranges = (code.dataset.lines || "").split(", ").filter(Boolean).map((range) => range.split("–").map(Number));
  const lines = document.createElement("span");
  lines.className = "lines";
  lines.setAttribute("aria-hidden", "true");
  for (let line = first; line < first + count; line++) {
    const marked = ranges.some(([from, to]) => line >= from && line <= (to || from));
    const label = document.createElement(marked ? "b" : "span");
    label.textContent = line;
    lines.append(label, "\n");
  }
  code.prepend(lines);
}

function filter() {
  const name = controls.name.value.trim().toLowerCase();
  for (const { value } of controls.track.options) {
    if (value) matrix.classList.toggle(`only-${value}`, value === controls.track.value);
  }
  let shown = 0;
  for (const row of rows) {
    const gone = !row.cells[0].textContent.toLowerCase().includes(name) || (controls.look.checked && !row.classList.contains("look"));
    row.classList.toggle("gone", gone);
    shown += !gone;
  }
  controls.shown.textContent = shown === rows.length ? "" : `${shown} of ${rows.length} shown`;
}

function sort(heading, button) {
  const column = heading.cellIndex;
  const falling = heading.getAttribute("aria-sort") === "ascending";
  const key = (row) => row.cells[column].dataset.rank ?? row.cells[column].textContent;
  const compare = button.dataset.kind === "number"
    ? (a, b) => Number(key(a)) - Number(key(b))
    : (a, b) => key(a).localeCompare(key(b), undefined, { numeric: true });
  const order = [...rows].sort((a, b) => (falling ? compare(b, a) : compare(a, b)));
  matrix.querySelectorAll("[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
  heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
  matrix.tBodies[0].append(...order);
}

// Back from a page, the matrix stands where it was left.
const kept = { page: 0, matrix: 0 };
document.addEventListener("click", (event) => {
  if (!event.target.closest("#cohort a")) return;
  kept.page = window.scrollY;
  kept.matrix = matrix ? matrix.parentElement.scrollTop : 0;
});
if (matrix) {
  matrix.tHead.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) sort(button.closest("th"), button);
  });
  for (const id of ["track", "name", "look"]) {
    for (const kind of ["input", "change"]) controls[id].addEventListener(kind, filter);
  }
  filter();
}
document.addEventListener("toggle", (event) => {
  const details = event.target;
  if (details.open) details.querySelectorAll("[data-from]").forEach(fetchText);
}, true);
window.addEventListener("hashchange", turn);
turn();
