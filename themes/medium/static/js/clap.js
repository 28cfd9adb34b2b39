// Counts claps: in this browser only, and up to fifty per thinkpiece.
"use strict";
(() => {
  const MOST = 50;
  const buttons = document.querySelectorAll("[data-clap]");
  if (!buttons.length) return;
  const key = "venti-clap:" + buttons[0].dataset.clap;
  let claps = 0;
  try {
    const kept = Number.parseInt(localStorage.getItem(key), 10);
    if (kept > 0) claps = Math.min(kept, MOST);
  } catch {
    // Without storage, the claps count for this visit only.
  }

  function show() {
    for (const button of buttons) {
      const count = button.querySelector(".clap-count");
      count.hidden = claps === 0;
      count.textContent = claps;
      button.classList.toggle("clapped", claps > 0);
    }
  }

  function clap(event) {
    const button = event.currentTarget;
    if (claps < MOST) {
      claps += 1;
      try {
        localStorage.setItem(key, claps);
      } catch {
        // Without storage, the claps are not kept.
      }
      show();
      button.classList.remove("clapping");
      void button.offsetWidth; // restarts the animation
      button.classList.add("clapping");
    }
    const { said, full } = button.dataset;
    venti.say(claps < MOST ? said.replace("{count}", claps) : full);
  }

  for (const button of buttons) button.addEventListener("click", clap);
  show();
})();
