// Asks before the user leaves a form with unsaved changes.
const FILLED_IN = "form[data-unsaved][data-changed], form[data-unsaved] [data-changed]";
const filledIn = () => document.querySelector(FILLED_IN) !== null;
let changed = filledIn();

document.addEventListener("input", (event) => {
  if (event.target.form?.dataset.unsaved && !event.target.closest("[data-not-saved]")) changed = true;
});
document.addEventListener("htmx:afterSwap", () => {
  if (filledIn()) changed = true;
});
document.addEventListener("submit", (event) => {
  // Other forms of the page send something else.
  if (event.target.dataset.unsaved && !event.defaultPrevented) changed = false;
});
window.addEventListener("beforeunload", (event) => {
  if (changed) event.preventDefault();
});
