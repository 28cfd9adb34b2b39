// Opens the device's share dialog, where one is available.
"use strict";
(() => {
  if (!navigator.share) return;
  venti.share = data =>
    navigator.share(data).catch(() => {
      // The reader cancelled.
    });
  for (const button of document.querySelectorAll("[data-share]")) {
    button.hidden = false;
    button.addEventListener("click", () =>
      venti.share({ title: button.dataset.share, url: venti.address() }),
    );
  }
})();
