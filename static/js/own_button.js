// Presses the button of its part of a form with the Enter key, not the first button of the form.
document.addEventListener("keydown", (event) => {
  const part = event.key === "Enter" && event.target.matches("input") && event.target.closest("[data-own-button]");
  if (!part) return;
  event.preventDefault();
  part.querySelector("button").click();
});
