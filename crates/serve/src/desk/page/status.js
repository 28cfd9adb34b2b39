// The status line. Screen readers announce it, and it is shown for a few seconds.

const line = document.getElementById('status');
let fading = 0;

export function say(text) {
  line.textContent = text;
  line.classList.add('status-shown');
  clearTimeout(fading);
  fading = setTimeout(() => line.classList.remove('status-shown'), 6000);
}
