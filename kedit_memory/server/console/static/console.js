// After a part of a page was exchanged: what it says is told to screen readers, and its heading gets the focus.
"use strict";

document.addEventListener("htmx:afterSettle", (event) => {
  const part = event.target;
  const said = part.querySelector("[data-say]");
  if (said) document.getElementById("live").textContent = said.textContent.trim();
  const heading = part.querySelector("[data-focus], [role=alert]");
  if (heading) heading.focus();
});
