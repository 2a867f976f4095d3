// Asks before unsaved changes of a form are left behind.
(() => {
  "use strict";

  let changed = false;
  document.addEventListener("input", (event) => {
    if (event.target.form?.dataset.unsaved) changed = true;
  });
  document.addEventListener("submit", () => {
    changed = false;
  });
  window.addEventListener("beforeunload", (event) => {
    if (changed) event.preventDefault();
  });
})();
