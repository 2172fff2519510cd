// The frame around a photo's part for the badge: dragged, or moved by keys. All else is in the page without it: what is
// chosen here goes into the fields of its forms, and the preview is asked of the server.
"use strict";

const box = document.getElementById("frame");
const svg = box.querySelector("svg");
const inside = svg.querySelector(".inside");
const outside = svg.querySelector(".outside");
const portrait = document.getElementById("portrait");
const forms = [document.getElementById("area"), document.getElementById("keep")];
const { width: pictureWidth, height: pictureHeight } = svg.viewBox.baseVal;
const tallness = ((9 / 7) * pictureWidth) / pictureHeight; // hundredths of the height for one of the width
const least = Number(box.dataset.least);
const most = Math.min(100, 100 / tallness);
const area = Object.fromEntries(["left", "top", "width"].map((name) => [name, Number(forms[0].elements[name].value)]));
let waiting = 0;

function put(left, top, width) {
  area.width = Math.min(most, Math.max(least, width));
  area.left = Math.min(100 - area.width, Math.max(0, left));
  area.top = Math.min(100 - area.width * tallness, Math.max(0, top));
  show();
}

function size(factor) {
  const width = Math.min(most, Math.max(least, area.width * factor));
  put(area.left + (area.width - width) / 2, area.top + ((area.width - width) * tallness) / 2, width);
}

function show() {
  const [x, y] = [(area.left * pictureWidth) / 100, (area.top * pictureHeight) / 100];
  const wide = (area.width * pictureWidth) / 100;
  const high = (wide * 9) / 7;
  for (const [name, value] of Object.entries({ x, y, width: wide, height: high })) inside.setAttribute(name, value);
  outside.setAttribute("d", `M0 0H${pictureWidth}V${pictureHeight}H0Z M${x} ${y}h${wide}v${high}h${-wide}Z`);
  for (const form of forms) for (const name in area) form.elements[name].value = area[name].toFixed(2);
  clearTimeout(waiting);
  waiting = setTimeout(preview, 150);
}

function preview() {
  const address = new URL(portrait.src);
  for (const name in area) address.searchParams.set(name, area[name].toFixed(2));
  portrait.src = address;
}

const keys = {
  ArrowLeft: () => put(area.left - 1, area.top, area.width),
  ArrowRight: () => put(area.left + 1, area.top, area.width),
  ArrowUp: () => put(area.left, area.top - 1, area.width),
  ArrowDown: () => put(area.left, area.top + 1, area.width),
  "+": () => size(1.05),
  "=": () => size(1.05),
  "-": () => size(1 / 1.05),
};

box.tabIndex = 0;
box.setAttribute("role", "application");
box.setAttribute("aria-label", box.dataset.label);
box.title = box.dataset.label;
box.addEventListener("keydown", (event) => {
  if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  keys[event.key]();
});

let held = null;
box.addEventListener("pointerdown", (event) => {
  held = { x: event.clientX, y: event.clientY, left: area.left, top: area.top };
  box.setPointerCapture(event.pointerId);
  box.focus();
  event.preventDefault();
});
box.addEventListener("pointermove", (event) => {
  if (held === null) return;
  const { a: across, d: down } = svg.getScreenCTM(); // screen pixels for one of the picture's
  const [x, y] = [(event.clientX - held.x) / across, (event.clientY - held.y) / down];
  put(held.left + (x / pictureWidth) * 100, held.top + (y / pictureHeight) * 100, area.width);
});
for (const end of ["pointerup", "pointercancel"]) box.addEventListener(end, () => (held = null));
box.addEventListener(
  "wheel",
  (event) => {
    if (document.activeElement !== box) return;
    event.preventDefault();
    size(event.deltaY < 0 ? 1.05 : 1 / 1.05);
  },
  { passive: false },
);

for (const name in area) {
  forms[0].elements[name].addEventListener("change", () => {
    const given = Object.keys(area).map((each) => Number(forms[0].elements[each].value) || 0);
    put(...given);
  });
}
forms[0].addEventListener("submit", (event) => {
  const move = event.submitter?.value;
  const step = { left: [-2.5, 0], right: [2.5, 0], up: [0, -2.5], down: [0, 2.5] }[move];
  event.preventDefault();
  if (step) put(area.left + step[0], area.top + step[1], area.width);
  else if (move === "larger" || move === "smaller") size(move === "larger" ? 1.1 : 1 / 1.1);
});
