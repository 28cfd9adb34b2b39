// Shows a short message at the bottom of the window, which screen readers announce.
// The global "venti" is shared by the scripts of this theme.
"use strict";
window.venti = {
  say(text) {
    const toast = document.querySelector(".toast");
    if (!toast) return;
    toast.textContent = text;
    toast.classList.add("toast-shown");
    clearTimeout(this.saying);
    this.saying = setTimeout(() => toast.classList.remove("toast-shown"), 4000);
  },
};
