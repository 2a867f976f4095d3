// The two buttons for light and dark. They hide each other, so the focus moves to the one that is left.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-choice]");
  if (!button) return;
  document.documentElement.dataset.bsTheme = button.dataset.themeChoice;
  try {
    localStorage.setItem("theme", button.dataset.themeChoice);
  } catch {
    // Storage is switched off: the choice holds for this page.
  }
  document.querySelector(`[data-theme-choice]:not([data-theme-choice="${button.dataset.themeChoice}"])`)?.focus();
});
