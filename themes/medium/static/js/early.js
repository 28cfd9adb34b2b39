// Runs before the first paint: the reader's choice of colours, and the sign that scripts run.
(root => {
  root.dataset.script = "";
  try {
    const scheme = localStorage.getItem("venti-theme");
    if (scheme === "light" || scheme === "dark") root.dataset.theme = scheme;
  } catch {
    // A browser that keeps nothing follows the device.
  }
})(document.documentElement);
