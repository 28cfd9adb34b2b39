// A short message at the foot of the window, read out by screen readers.
// "venti" is what the scripts of this theme share.
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
