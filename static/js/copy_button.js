// Buttons that copy the text of another element: shown where the browser can copy, they say when it is done.
for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  const label = button.querySelector("span");
  label.setAttribute("aria-live", "polite");
  const words = label.textContent;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    label.textContent = button.dataset.copied;
    setTimeout(() => {
      label.textContent = words;
    }, 3000);
  });
}
