// Makes the table of orgs a tree: rows open and close, and the arrow keys, Home, End, Enter and M work.
// Without this script every org is listed, indented by its level.
const MANY = 40; // rows above which orgs of the third level and below start closed
const OPEN = "orgs-open";
const FOCUS = "orgs-focus";

const read = () => {
  try {
    return JSON.parse(sessionStorage.getItem(OPEN)) || {};
  } catch {
    return {}; // Storage is disabled, or holds something else.
  }
};

const remember = (key, value) => {
  try {
    sessionStorage.setItem(key, value);
  } catch {
    // Storage is disabled: the next page begins anew.
  }
};

const rowsOf = (table) => [...table.querySelectorAll("tr[data-org]")];
const levelOf = (row) => Number(row.dataset.level);
const button = (row) => row.querySelector("button[data-open]");
const isOpen = (row) => row.getAttribute("aria-expanded") !== "false";
const visible = (table) => rowsOf(table).filter((row) => !row.hidden);

const parentOf = (row) => {
  let above = row.previousElementSibling;
  while (above && levelOf(above) >= levelOf(row)) above = above.previousElementSibling;
  return above;
};

// Hides the rows below closed ones.
const draw = (table) => {
  let closedAt = Infinity;
  for (const row of rowsOf(table)) {
    const level = levelOf(row);
    row.hidden = level > closedAt;
    if (!row.hidden) closedAt = button(row) && !isOpen(row) ? level : Infinity;
  }
};

const set = (row, open) => {
  row.setAttribute("aria-expanded", String(open));
  const toggle = button(row);
  toggle.setAttribute("aria-label", open ? toggle.dataset.close : toggle.dataset.open);
};

const toggle = (row, open) => {
  const table = row.closest("table");
  set(row, open);
  draw(table);
  remember(OPEN, JSON.stringify({ ...read(), [row.dataset.org]: open }));
};

const focus = (row) => {
  if (!row) return;
  for (const other of rowsOf(row.closest("table"))) other.tabIndex = -1;
  row.tabIndex = 0;
  row.focus();
};

const setUp = (table) => {
  const rows = rowsOf(table);
  if (!rows.length || table.getAttribute("role") === "treegrid") return;
  table.setAttribute("role", "treegrid");
  for (const row of table.querySelectorAll("tr")) {
    row.setAttribute("role", "row");
    for (const cell of row.children) cell.setAttribute("role", cell.tagName === "TH" ? "columnheader" : "gridcell");
  }
  const stored = read();
  const chosen = rows.find((row) => "chosen" in row.dataset);
  const above = new Set();
  for (let row = chosen && parentOf(chosen); row; row = parentOf(row)) above.add(row);
  for (const row of rows) {
    row.setAttribute("aria-level", row.dataset.level);
    row.querySelector("[data-level-word]").remove();
    row.querySelector("a").tabIndex = -1;
    row.tabIndex = -1;
    if (row === chosen) {
      row.removeAttribute("aria-current");
      row.setAttribute("aria-selected", "true");
    }
    const toggleButton = button(row);
    if (!toggleButton) continue;
    row.querySelector(".leaf").remove();
    toggleButton.hidden = false;
    toggleButton.tabIndex = -1;
    const usual = rows.length <= MANY || levelOf(row) < 3;
    set(row, "treeOpen" in table.dataset || above.has(row) || (stored[row.dataset.org] ?? usual));
  }
  draw(table);
  (chosen ?? rows[0]).tabIndex = 0;
  document.querySelector("[data-tree-keys]")?.removeAttribute("hidden");
};

const keys = {
  ArrowDown: (row, all) => focus(all[all.indexOf(row) + 1]),
  ArrowUp: (row, all) => focus(all[all.indexOf(row) - 1]),
  Home: (row, all) => focus(all[0]),
  End: (row, all) => focus(all.at(-1)),
  ArrowRight: (row, all) => {
    if (!button(row)) return;
    if (isOpen(row)) focus(all[all.indexOf(row) + 1]);
    else toggle(row, true);
  },
  ArrowLeft: (row) => {
    if (button(row) && isOpen(row)) toggle(row, false);
    else focus(parentOf(row));
  },
  Enter: (row) => row.querySelector("a").click(),
  m: (row) => {
    if (row.dataset.move) location.assign(row.dataset.move);
  },
};

document.addEventListener("keydown", (event) => {
  const row = event.target.closest?.("[data-tree] tr[data-org]");
  if (!row || event.ctrlKey || event.altKey || event.metaKey) return;
  // A key on a link or a button inside of a row is that of the link or the button.
  if (event.target !== row && (event.key === "Enter" || event.key === " ")) return;
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  act(row, visible(row.closest("table")));
});

document.addEventListener("click", (event) => {
  const pressed = event.target.closest("[data-tree] button[data-open]");
  if (pressed) {
    const row = pressed.closest("tr");
    toggle(row, !isOpen(row));
    focus(row);
  } else if (event.target.closest("[data-tree] tr[data-org] a")) {
    // The page of the org has the same tree: the focus stays in it.
    remember(FOCUS, "yes");
  }
});

const start = () => document.querySelectorAll("[data-tree]").forEach(setUp);

start();
document.addEventListener("htmx:afterSettle", start);
try {
  if (sessionStorage.getItem(FOCUS)) {
    sessionStorage.removeItem(FOCUS);
    const chosen = document.querySelector("[data-tree] tr[data-chosen]");
    if (chosen?.offsetParent) focus(chosen);
  }
} catch {
  // Storage is disabled: the focus begins at the top of the page.
}
