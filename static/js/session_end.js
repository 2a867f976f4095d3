// After the end of a session, a request of htmx gets the sign-in page instead of its part of the page.
// If something was typed, the user signs in in place and the request is made again; else the sign-in opens as a page.
import { hasTyped, mayBeSent } from "./sign_in_place.js";

document.addEventListener("htmx:beforeSwap", async (event) => {
  const signIn = document.body.dataset.signIn;
  const answered = event.detail.xhr.responseURL;
  if (!signIn || !answered || new URL(answered).pathname !== signIn || location.pathname === signIn) return;
  event.preventDefault();
  if (!hasTyped()) {
    location.assign(`${signIn}?next=${encodeURIComponent(location.pathname + location.search)}`);
    return;
  }
  const { verb, path, elt, target } = event.detail.requestConfig;
  if (await mayBeSent(path)) window.htmx.ajax(verb, path, { source: elt, target });
});
