// Shows a sentence of the page when a request of htmx fails, and hides it again.
const find = () => document.getElementById("page-error");

const say = (key) => {
  const place = find();
  if (!place) return;
  place.querySelector("[data-page-error-text]").textContent = place.dataset[key];
  place.hidden = false;
};

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-page-error-close]")) find().hidden = true;
});
document.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  say({ 403: "forbidden", 404: "missing", 503: "unavailable" }[status] || "failed");
});
document.addEventListener("htmx:sendError", () => say("unreachable"));
document.addEventListener("htmx:timeout", () => say("unreachable"));
document.addEventListener("htmx:afterRequest", (event) => {
  const place = find();
  if (place && event.detail.successful) place.hidden = true;
});
