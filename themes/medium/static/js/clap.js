// Claps: counted in this browser and nowhere else, up to fifty a thinkpiece.
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
    // Nothing is kept; the claps of this visit still count.
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
        // As above.
      }
      show();
      button.classList.remove("clapping");
      void button.offsetWidth; // lets the animation start over
      button.classList.add("clapping");
    }
    const { said, full } = button.dataset;
    venti.say(claps < MOST ? said.replace("{count}", claps) : full);
  }

  for (const button of buttons) button.addEventListener("click", clap);
  show();
})();
