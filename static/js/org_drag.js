// Moves an org by dragging it onto another one: a drop opens the page that says what would change, and asks.
// The library is loaded when everything else is, and only where the viewer may move an org.
const UNFOLD = 700; // milliseconds above a closed org until it opens

const levelOf = (row) => Number(row.dataset.level);
const isBelow = (row, above) => {
  for (let next = above.nextElementSibling; next && levelOf(next) > levelOf(above); next = next.nextElementSibling) {
    if (next === row) return true;
  }
  return false;
};
const parentOf = (row) => {
  let above = row.previousElementSibling;
  while (above && levelOf(above) >= levelOf(row)) above = above.previousElementSibling;
  return above;
};
const takes = (row, dragged) =>
  "takes" in row.dataset && row !== dragged && row !== parentOf(dragged) && !isBelow(row, dragged);

let dragged = null;
let target = null;
let over = null;
let unfolding = 0;

const choose = (row) => {
  target?.classList.remove("org-target");
  target = row;
  target?.classList.add("org-target");
};

// Where the pointer is; the page may move below it.
let pointer = null;
const look = () => {
  if (!pointer) return;
  const row = document.elementFromPoint(pointer.clientX, pointer.clientY)?.closest("[data-tree] tr[data-org]") ?? null;
  if (row === over) return;
  over = row;
  choose(row && takes(row, dragged) ? row : null);
  clearTimeout(unfolding);
  if (row?.getAttribute("aria-expanded") === "false") {
    unfolding = setTimeout(() => row.querySelector("button[data-open]").click(), UNFOLD);
  }
};

const follow = (event) => {
  pointer = event.touches?.[0] ?? event;
  look();
};

const MOVES = ["pointermove", "touchmove"];
const cancel = (event) => {
  if (event.key === "Escape") stop();
};

const start = (event) => {
  dragged = event.item;
  document.body.classList.add("org-dragging");
  for (const name of MOVES) document.addEventListener(name, follow, { passive: true });
  document.addEventListener("scroll", look, { capture: true, passive: true });
  document.addEventListener("keydown", cancel);
};

const stop = () => {
  for (const name of MOVES) document.removeEventListener(name, follow);
  document.removeEventListener("scroll", look, { capture: true });
  document.removeEventListener("keydown", cancel);
  document.body.classList.remove("org-dragging");
  clearTimeout(unfolding);
  choose(null);
  over = null;
  pointer = null;
};

const drop = () => {
  look();
  const onto = target;
  stop();
  if (onto) location.assign(`${dragged.dataset.move}?parent=${onto.dataset.org}`);
};

const prepare = (table) => {
  const body = table.tBodies[0];
  if (window.Sortable.get(body)) return;
  window.Sortable.create(body, {
    draggable: "tr[data-move]",
    handle: ".grip",
    // The same everywhere: the browser's own dragging knows neither fingers nor which row is below.
    forceFallback: true,
    fallbackClass: "org-lifted",
    dragClass: "org-lifted",
    ghostClass: "org-dragged",
    fallbackOnBody: true,
    fallbackTolerance: 4,
    // Nothing is sorted: the rows stay where they are.
    onMove: () => false,
    onStart: start,
    onEnd: drop,
  });
  for (const grip of table.querySelectorAll(".grip")) grip.hidden = false;
};

const prepareAll = async () => {
  for (const table of document.querySelectorAll("[data-tree][data-sortable]")) {
    await import(table.dataset.sortable);
    prepare(table);
  }
  if (window.Sortable) document.querySelector("[data-tree-drag]")?.removeAttribute("hidden");
};

if (document.readyState === "complete") prepareAll();
else window.addEventListener("load", prepareAll);
document.addEventListener("htmx:afterSettle", prepareAll);
