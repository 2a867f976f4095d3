// The buttons for light and dark. Each hides itself and shows the other, so the focus moves to the other.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-choice]");
  if (!button) return;
  document.documentElement.dataset.bsTheme = button.dataset.themeChoice;
  try {
    localStorage.setItem("theme", button.dataset.themeChoice);
  } catch {
    // Storage is disabled: the choice is lost with this page.
  }
  document.querySelector(`[data-theme-choice]:not([data-theme-choice="${button.dataset.themeChoice}"])`)?.focus();
});
