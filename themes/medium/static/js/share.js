// The device's own way of sharing, where it has one.
"use strict";
(() => {
  if (!navigator.share) return;
  venti.share = data =>
    navigator.share(data).catch(() => {
      // The reader thought better of it.
    });
  for (const button of document.querySelectorAll("[data-share]")) {
    button.hidden = false;
    button.addEventListener("click", () =>
      venti.share({ title: button.dataset.share, url: venti.address() }),
    );
  }
})();
