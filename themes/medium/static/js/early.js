// Runs before the first paint: the reader's choice of colours, the sign that scripts run, and
// the faces of the text, asked for early. They are optional: a page shows them if they are there
// when it is first painted, and else does without, so that no text ever moves under a reader.
(root => {
  root.dataset.script = "";
  try {
    const scheme = localStorage.getItem("venti-theme");
    if (scheme === "light" || scheme === "dark") root.dataset.theme = scheme;
  } catch {
    // A browser that keeps nothing follows the device.
  }
  for (const [family, href] of Object.entries(document.currentScript.dataset)) {
    if (location.protocol === "file:") {
      // Browsers preload no font from a disk, but there they need not wait long for one.
      const face = new FontFace(family, 'url("' + href + '")', { weight: "400 700", display: "swap" });
      document.fonts.add(face);
    } else {
      const link = document.createElement("link");
      Object.assign(link, { rel: "preload", as: "font", type: "font/woff2", crossOrigin: "", href });
      document.head.append(link);
    }
  }
})(document.documentElement);
