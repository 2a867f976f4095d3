// Before a form is sent: asks whether the session still lives, and whether this form needs a confirmation that it is you.
// If need be, signs in or confirms inside of a dialog, and sends the form then. Until then it stays as it is in the page.
import { prepare } from "./passkeys.js";

const dialog = document.getElementById("sign-in-place");
const path = (address) => new URL(address, location.href).pathname;

// Nothing typed is kept anywhere but in the page itself.
let typed = false;
document.addEventListener("input", (event) => {
  if (event.target.form?.method === "post") typed = true;
});
export const hasTyped = () => typed;

const useToken = (token) => {
  document.querySelectorAll('input[name="csrfmiddlewaretoken"]').forEach((input) => (input.value = token));
  document.body.setAttribute("hx-headers", JSON.stringify({ "X-CSRFToken": token }));
};

const show = (part) => {
  dialog.querySelectorAll("[data-part]").forEach((each) => (each.hidden = !each.dataset.part.split(" ").includes(part)));
  if (part !== "form" && part !== "confirm") dialog.querySelector("[data-sign-in-form]").replaceChildren();
};

// Ids of the page stay unique: those of the form that was fetched get a prefix.
const own = (element) => {
  for (const name of ["id", "for", "aria-describedby", "aria-labelledby"]) {
    const value = element.getAttribute(name);
    if (value) element.setAttribute(name, value.split(" ").map((id) => `in-place-${id}`).join(" "));
  }
};

let address = "";
const showForm = async (answer, part) => {
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const found = page.querySelector("main .ask") ?? page.querySelector("main .card, main form");
  if (!found?.querySelector("form") && !found?.matches("form")) return show("failed");
  const content = document.importNode(found, true);
  content.querySelectorAll("h1, a.btn").forEach((element) => element.remove());
  content.querySelectorAll("a").forEach((link) => (link.target = "_blank"));
  content.querySelectorAll("*").forEach(own);
  const username = content.querySelector('[name="username"]');
  if (username) {
    username.value = dialog.dataset.user;
    username.readOnly = true;
  }
  address = answer.url;
  show(part);
  dialog.querySelector("[data-sign-in-form]").replaceChildren(content);
  prepare(content);
  if (dialog.open) focusFirst();
};
// The field that is wrong, or the first one.
const WRONG = '[data-sign-in-form] [aria-invalid="true"], [data-sign-in-form] .is-invalid';
const focusFirst = () => (dialog.querySelector(WRONG) ?? dialog.querySelector('[name="password"], [name="code"]'))?.focus();

// The address that says who is signed in, and whether the form that is about to be sent needs a confirmation.
let state = "";
const fetchBefore = (page) => fetch(`${page}?next=${encodeURIComponent(state)}`);

// Looks at an answer of the server: ready to send, another step, or something else that comes first.
const goOn = async (answer) => {
  const { confirm, settingUp, signIn, state: statePath, user: ownUser } = dialog.dataset;
  if (path(answer.url) === statePath) {
    if (!answer.ok) {
      show("failed");
      return false;
    }
    const { user, token, needs_second_factor: needsMore, must_confirm: mustConfirm } = await answer.json();
    if (!user) return goOn(await fetchBefore(signIn));
    useToken(token);
    if (user === ownUser && (!needsMore || settingUp)) return !mustConfirm || goOn(await fetchBefore(confirm));
    show(user === ownUser ? "elsewhere" : "other");
    return false;
  }
  if (path(answer.url) === confirm) await showForm(answer, "confirm");
  else if (path(answer.url).startsWith(signIn)) await showForm(answer, "form");
  else show("elsewhere");
  return false;
};

let finish = () => {};
const ended = () =>
  new Promise((resolve) => {
    finish = resolve;
    if (!dialog.open) dialog.showModal();
    focusFirst();
  });
dialog?.addEventListener("close", () => finish(false));

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.closest("#sign-in-place [data-sign-in-form]")) return;
  event.preventDefault();
  try {
    const answer = await fetch(form.getAttribute("action") || address, { method: "POST", body: new FormData(form) });
    if (!(await goOn(answer))) return;
  } catch {
    show("failed");
    return;
  }
  finish(true);
  dialog.close();
});

const ask = async (address, fields) => {
  state = `${dialog.dataset.state}?${new URLSearchParams([["form", path(address)], ...fields])}`;
  let answer;
  try {
    answer = await fetch(state, { cache: "no-store" });
  } catch {
    return true; // The server does not answer: the browser says so when the form is sent.
  }
  try {
    if (await goOn(answer)) return true;
  } catch {
    show("failed");
  }
  return ended();
};

// Returns whether a request may be sent: the user of this page is signed in and has confirmed it is them, as far as need be.
// There is one dialog: who asks while it is open waits until it is closed.
let last = Promise.resolve();
export const mayBeSent = (address, fields = []) => {
  last = last.then(() => ask(address, fields));
  return last;
};

// The fields of a form by which the server decides whether it needs a confirmation; no other field is sent.
const decidingFields = (form) => {
  const names = (form.dataset.confirmFields ?? "").split(" ").filter(Boolean);
  const data = new FormData(form);
  return names.flatMap((name) => data.getAll(name).map((value) => [name, value]));
};

const addressOf = (form, submitter) => submitter?.getAttribute("formaction") || form.getAttribute("action") || location.href;

// A form that uses a passkey is sent twice: once to ask the browser for it, and with the browser's answer.
const hasAnswer = (form) => form.dataset.passkey && form.elements.answer.value;
const isGuarded = (form) =>
  dialog && form.method === "post" && !form.closest("#sign-in-place") && !form.hasAttribute("hx-post") && !hasAnswer(form);

document.addEventListener(
  "submit",
  async (event) => {
    const form = event.target;
    if (!isGuarded(form)) return;
    if (form.dataset.maySend) {
      delete form.dataset.maySend;
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    if (form.dataset.asking) return;
    form.dataset.asking = "yes";
    const maySend = await mayBeSent(addressOf(form, event.submitter), decidingFields(form));
    delete form.dataset.asking;
    if (!maySend) return;
    form.dataset.maySend = "yes";
    form.requestSubmit(event.submitter);
  },
  true,
);

// The same before htmx changes something.
document.addEventListener("htmx:confirm", async (event) => {
  const { elt, path: address, verb, issueRequest } = event.detail;
  if (!dialog || verb === "get") return;
  event.preventDefault();
  if (elt.dataset.asking) return;
  elt.dataset.asking = "yes";
  const maySend = await mayBeSent(address);
  delete elt.dataset.asking;
  if (maySend) issueRequest(true);
});
