// Makes and uses passkeys: asks the browser for one before a form is sent, and puts the browser's answer into the form.
const known = () => typeof window.PublicKeyCredential?.parseRequestOptionsFromJSON === "function";

const ask = async (form) => {
  const { publicKey } = JSON.parse(form.dataset.passkeyOptions);
  const credential =
    form.dataset.passkey === "add"
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
  return JSON.stringify(credential.toJSON());
};

const showProblem = (form, shown) => {
  const problem = form.querySelector("[data-passkey-problem]");
  problem.textContent = shown ? problem.dataset.passkeyProblem : "";
  problem.hidden = !shown;
};

// Forms that use a passkey are hidden until it is known that this browser has passkeys.
export const prepare = (root) => {
  if (known()) root.querySelectorAll("form[data-passkey][hidden]").forEach((form) => (form.hidden = false));
};

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.passkey || form.elements.answer.value) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  showProblem(form, false);
  try {
    form.elements.answer.value = await ask(form);
  } catch {
    // The user has turned it down, it took too long, or this browser has no passkeys.
    showProblem(form, true);
    return;
  }
  form.requestSubmit();
});

prepare(document);
