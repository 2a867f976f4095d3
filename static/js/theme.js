// Sets light or dark before the page is drawn: what was chosen here, else what the system prefers.
// No module, as modules run when the page has been read: a page in the dark would first be seen in light colours.
(() => {
  "use strict";
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      // Data fixes keep a theme of their own under this name, which may be "auto".
      const kept = localStorage.getItem("theme");
      return kept === "light" || kept === "dark" ? kept : null;
    } catch {
      return null; // Storage is switched off: the system decides.
    }
  };
  const apply = () => {
    document.documentElement.dataset.bsTheme = chosen() ?? (prefersDark.matches ? "dark" : "light");
  };

  apply();
  prefersDark.addEventListener("change", apply);
  window.addEventListener("storage", apply);
})();
