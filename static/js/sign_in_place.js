// Before a form is sent: asks whether the session still lives. If not, signs in inside of a dialog, and sends the form then.
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
  dialog.querySelectorAll("[data-part]").forEach((each) => (each.hidden = each.dataset.part !== part));
  if (part !== "form") dialog.querySelector("[data-sign-in-form]").replaceChildren();
};

// Ids of the page stay unique: those of the form that was fetched get a prefix.
const own = (element) => {
  for (const name of ["id", "for", "aria-describedby"]) {
    const value = element.getAttribute(name);
    if (value) element.setAttribute(name, value.split(" ").map((id) => `in-place-${id}`).join(" "));
  }
};

let address = "";
const showForm = async (answer) => {
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const content = document.importNode(page.querySelector("main .card, main form"), true);
  content.querySelectorAll("h1").forEach((heading) => heading.remove());
  content.querySelectorAll("a").forEach((link) => (link.target = "_blank"));
  content.querySelectorAll("*").forEach(own);
  const username = content.querySelector('[name="username"]');
  if (username) {
    username.value = dialog.dataset.user;
    username.readOnly = true;
  }
  address = answer.url;
  show("form");
  dialog.querySelector("[data-sign-in-form]").replaceChildren(content);
  prepare(content);
  if (dialog.open) focusFirst();
};
const focusFirst = () => dialog.querySelector('[name="password"], [name="code"]')?.focus();

// Looks at an answer of the server: signed in, another step, or something else that comes first.
const goOn = async (answer) => {
  if (path(answer.url) === dialog.dataset.state) {
    const { user, token, needs_second_factor: needsMore } = await answer.json();
    if (user) useToken(token);
    if (user === dialog.dataset.user && (!needsMore || dialog.dataset.settingUp)) return true;
    if (user === dialog.dataset.user) {
      show("elsewhere");
      return false;
    }
    if (user) show("other");
    return !user && goOn(await fetch(`${dialog.dataset.signIn}?next=${encodeURIComponent(dialog.dataset.state)}`));
  }
  if (path(answer.url).startsWith(dialog.dataset.signIn)) await showForm(answer);
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
  const answer = await fetch(form.getAttribute("action") || address, { method: "POST", body: new FormData(form) });
  if (!(await goOn(answer))) return;
  finish(true);
  dialog.close();
});

// Returns whether the user of this page is signed in, after asking for the password if need be.
export const signedIn = async () => {
  let answer;
  try {
    answer = await fetch(dialog.dataset.state, { cache: "no-store" });
  } catch {
    return true; // The server does not answer: the browser says so when the form is sent.
  }
  if (await goOn(answer)) return true;
  return ended();
};

const isGuarded = (form) =>
  dialog && form.method === "post" && !form.closest("dialog") && !form.dataset.passkey && !form.hasAttribute("hx-post");

document.addEventListener(
  "submit",
  async (event) => {
    const form = event.target;
    if (!isGuarded(form)) return;
    if (form.dataset.sessionLives) {
      delete form.dataset.sessionLives;
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    if (form.dataset.asking) return;
    form.dataset.asking = "yes";
    const lives = await signedIn();
    delete form.dataset.asking;
    if (!lives) return;
    form.dataset.sessionLives = "yes";
    form.requestSubmit(event.submitter);
  },
  true,
);
