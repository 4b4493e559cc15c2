// A token and its place are elements with the same data-token: hovering or focusing one lights up both. All text of
// the formula is there as text; nothing is made here but text (textContent).
(() => {
  "use strict";

  const parts = new Map();
  for (const element of document.querySelectorAll("[data-token]")) {
    const listed = parts.get(element.dataset.token) || [];
    listed.push(element);
    parts.set(element.dataset.token, listed);
  }
  const told = document.getElementById("told");

  function light(token, on) {
    for (const element of parts.get(token)) element.classList.toggle("on", on);
    const said = parts.get(token).find((element) => element.dataset.said);
    told.textContent = on && said ? said.dataset.said : "";
  }

  for (const [token, elements] of parts) {
    for (const element of elements) {
      element.addEventListener("pointerenter", () => light(token, true));
      element.addEventListener("pointerleave", () => light(token, false));
      element.addEventListener("focus", () => light(token, true));
      element.addEventListener("blur", () => light(token, false));
    }
  }
  document.documentElement.dataset.ready = "yes";
})();
