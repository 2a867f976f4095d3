// Sets light or dark before the page is drawn: the choice in this browser, else the preference of the system.
// Not a module: modules run after the page is parsed, and a dark page would flash in light colours first.
(() => {
  "use strict";
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      // Data fixes store their own theme under this name, which may be "auto".
      const kept = localStorage.getItem("theme");
      return kept === "light" || kept === "dark" ? kept : null;
    } catch {
      return null; // Storage is disabled: use the preference of the system.
    }
  };
  const apply = () => {
    document.documentElement.dataset.bsTheme = chosen() ?? (prefersDark.matches ? "dark" : "light");
  };

  apply();
  prefersDark.addEventListener("change", apply);
  window.addEventListener("storage", apply);
})();
