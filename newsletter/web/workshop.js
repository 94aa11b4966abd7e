// Asks once a second whether a template has changed, and loads the page anew; without it, reload by hand.
"use strict";
const shown = document.documentElement.dataset.version;
const state = document.getElementById("state");
async function look() {
  try {
    const answer = await fetch("/version", { cache: "no-store" });
    const { version } = await answer.json();
    if (version !== shown) {
      location.reload();
      return;
    }
    state.textContent = "Watching for changes";
  } catch {
    state.textContent = "The workshop has ended";
  }
  setTimeout(look, 700);
}
look();
