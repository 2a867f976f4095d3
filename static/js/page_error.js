// What every page does: light and dark, the viewer's time zone, and what htmx leaves to us when an answer is no page.
(() => {
  "use strict";

  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) {
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `time_zone=${zone}; path=/; max-age=31536000; samesite=lax${secure}`;
  }

  // The two buttons hide each other, so the focus moves to the one that is left.
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

  const say = (key) => {
    const place = document.getElementById("page-error");
    if (!place) return;
    place.querySelector("[data-page-error-text]").textContent = place.dataset[key];
    place.hidden = false;
  };

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-page-error-close]")) document.getElementById("page-error").hidden = true;
  });

  // The session has ended: the answer is the sign-in page, which has no place inside another one.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const signIn = document.body.dataset.signIn;
    const answered = event.detail.xhr.responseURL;
    if (!signIn || !answered || new URL(answered).pathname !== signIn || location.pathname === signIn) return;
    event.preventDefault();
    location.assign(`${signIn}?next=${encodeURIComponent(location.pathname + location.search)}`);
  });

  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    say({ 403: "forbidden", 404: "missing", 503: "unavailable" }[status] || "failed");
  });
  document.addEventListener("htmx:sendError", () => say("unreachable"));
  document.addEventListener("htmx:timeout", () => say("unreachable"));
  document.addEventListener("htmx:afterRequest", (event) => {
    const place = document.getElementById("page-error");
    if (place && event.detail.successful) place.hidden = true;
  });
})();
