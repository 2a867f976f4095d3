// Ticks all rows of a page by the box in the head of a list, and counts what is ticked in the bar of acts.
const boxes = (card) => [...card.querySelectorAll("td .pick input")];

function count(card) {
  const bar = card.querySelector("[data-picked]");
  const everyone = card.querySelector("input[name=everyone]:checked");
  const ticked = boxes(card).filter((box) => box.checked).length;
  const head = card.querySelector("[data-pick-page]");
  if (head) head.checked = ticked > 0 && ticked === boxes(card).length;
  if (bar) bar.textContent = everyone ? bar.dataset.all : `${ticked} ${bar.dataset.word}`;
}

document.addEventListener("change", (event) => {
  const card = event.target.closest(".card");
  if (!card || !event.target.closest(".pick")) return;
  if (event.target.matches("[data-pick-page]")) {
    for (const box of boxes(card)) box.checked = event.target.checked;
  }
  count(card);
});
