// Where the session has ended, htmx is answered with the sign-in page, which has no place inside another one: go there.
document.addEventListener("htmx:beforeSwap", (event) => {
  const signIn = document.body.dataset.signIn;
  const answered = event.detail.xhr.responseURL;
  if (!signIn || !answered || new URL(answered).pathname !== signIn || location.pathname === signIn) return;
  event.preventDefault();
  location.assign(`${signIn}?next=${encodeURIComponent(location.pathname + location.search)}`);
});
