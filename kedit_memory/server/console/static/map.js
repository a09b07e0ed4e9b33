// Zooms and moves the map by changing which part of the plane is shown.
"use strict";

(() => {
  const map = document.getElementById("map");
  if (!map) return;
  const svg = map.querySelector("svg");
  const labels = svg.querySelector(".labels");
  const texts = Array.from(labels.children, (one) => [Number(one.getAttribute("x")), Number(one.getAttribute("y"))]);
  const whole = svg.dataset.box.split(" ").map(Number);
  const LABELLED = 40, LETTER = 12, STEP = 0.2, FACTOR = 1.4, CLOSEST = 1 / 200;
  let [x, y, side] = whole;

  function show() {
    svg.setAttribute("viewBox", [x, y, side, side].join(" "));
    labels.setAttribute("font-size", (LETTER * side) / svg.clientWidth);
    const inside = texts.filter(([a, b]) => a >= x && a <= x + side && b >= y && b <= y + side);
    svg.classList.toggle("crowded", inside.length > LABELLED);
  }

  // The point (a, b) of the picture, each 0 to 1, stays where it is.
  function zoom(factor, a = 0.5, b = 0.5) {
    const next = Math.min(Math.max(side / factor, whole[2] * CLOSEST), 2 * whole[2]);
    x += (side - next) * a;
    y += (side - next) * b;
    side = next;
  }

  const moves = {
    in: () => zoom(FACTOR),
    out: () => zoom(1 / FACTOR),
    left: () => { x -= STEP * side; },
    right: () => { x += STEP * side; },
    up: () => { y -= STEP * side; },
    down: () => { y += STEP * side; },
    whole: () => { [x, y, side] = whole; },
  };
  const keys = {
    "+": "in", "=": "in", "-": "out", "0": "whole",
    ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down",
  };

  map.addEventListener("keydown", (event) => {
    const move = keys[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    moves[move]();
    show();
  });
  document.getElementById("moves").addEventListener("click", (event) => {
    const move = event.target.dataset.move;
    if (!move) return;
    moves[move]();
    show();
  });
  map.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const box = svg.getBoundingClientRect();
    zoom(event.deltaY < 0 ? FACTOR : 1 / FACTOR, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    show();
  }, { passive: false });

  let held = null;
  map.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button !== 0) return;
    held = [event.clientX, event.clientY];
    map.setPointerCapture(event.pointerId);
  });
  map.addEventListener("pointermove", (event) => {
    if (!held) return;
    x -= ((event.clientX - held[0]) * side) / svg.clientWidth;
    y -= ((event.clientY - held[1]) * side) / svg.clientWidth;
    held = [event.clientX, event.clientY];
    show();
  });
  for (const end of ["pointerup", "pointercancel"]) map.addEventListener(end, () => { held = null; });
  new ResizeObserver(show).observe(svg);
})();
