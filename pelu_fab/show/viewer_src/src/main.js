// Ties the page to the water and to the stage. Everything here also works without WebGL, but for the stage itself.
import { unpack } from "./mesh.js";
import { Stage } from "./stage.js";
import { Schematic } from "./schematic.js";
import { Water } from "./water.js";
import { Film } from "./film.js";
import { bindStage } from "./sight.js";

const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const unit = 1000 * data.unit_ml; // mm3
const { features, columns, most } = data.measures; // each jug: (value - offset) * factor units of a measurement; its fullest
const ml = (volume) => (volume / 1000).toFixed(1);
const water = data.recovered.length ? new Water(data) : null;
const film = water ? new Film(water) : null;
const drawing = water ? new Schematic($("schematic"), data, water) : null;
const page = { data, water, drawing, stage: null, paused: false, ready: false, doubt: "" };
page.show = (seconds) => show(seconds);
window.peluFab = page;

// One slider a measurement, which may fill two jugs.
const jugs = [...new Set(columns)].map((i) => ({ slide: $(`jug-${i}`), field: $(`jug-field-${i}`), told: $(`jug-ml-${i}`) }));
const cups = data.outputs.map((_, j) => ({ box: $(`cup-${j}`), level: $(`cup-level-${j}`), told: $(`cup-ml-${j}`), soon: $(`cup-soon-${j}`) }));
const cells = new Map([...document.querySelectorAll("[data-now]")].map((cell) => [cell.dataset.now, cell]));

const values = () => jugs.map(({ field }) => Number(field.value) || 0);
const volumes = (measured = values()) => features.map(({ offset, factor }, i) => Math.max((measured[columns[i]] - offset) * factor, 0) * unit);

function setJug(i, value) {
  const { slide, field, told } = jugs[i];
  slide.value = field.value = value;
  tellJug(i);
  told.title = "";
}

// The measurements that pour so many units.
function setJugs(units) {
  jugs.forEach((_, m) => {
    const i = columns.indexOf(m);
    const { offset, factor } = features[i];
    setJug(m, +(factor ? offset + units[i] / factor : offset).toFixed(6));
  });
}

function tellJug(m) {
  const filled = volumes().filter((_, i) => columns[i] === m);
  jugs[m].told.textContent = `${filled.map(ml).join(" + ")} mL`;
  foretell();
}

// What the cups will hold of what the jugs hold now, added to nothing.
function foretell() {
  if (!water) return;
  const poured = water.poured.some((volume) => volume > 0);
  const { cups: found } = water.final(poured ? water.poured : volumes());
  cups.forEach(({ soon }, j) => (soon.textContent = `${poured ? "settles at" : "will hold"} ${ml(found[j])}`));
}

// What is odd about the measurements: beyond those of the data, likely in another unit. As `--sample` says it.
const SCALES = [10, 100, 1000, 0.1, 0.01, 0.001, 2.54, 1 / 2.54];

function doubts() {
  return values().map((value, m) => {
    const { name, low, high } = features[columns.indexOf(m)];
    const slack = 0.1 * (high - low); // not a number where the data's range is not known
    if (!(value < low - slack || value > high + slack)) return "";
    const other = SCALES.map((scale) => value * scale).find((meant) => meant >= low && meant <= high);
    const meant = other === undefined ? "" : `, ${+other.toPrecision(5)} would be among them: likely another unit`;
    return ` ${name} is ${value}, the data go from ${low} to ${high}${meant}.`;
  }).join("");
}

// More than a jug holds is poured only if asked twice.
function refused() {
  const filled = volumes();
  const over = filled.findIndex((volume, i) => volume > most[i] * unit * 1.0001);
  const asked = values().join();
  if (over < 0 || page.asked === asked) return false;
  page.asked = asked;
  const told = `${features[over].name} would be ${ml(filled[over])} mL, its jug holds ${ml(most[over] * unit)} mL.`;
  $("answer").textContent = `${told}${doubts()} Pour again to pour it all the same.`;
  return true;
}

function pour(more) {
  if (refused()) return;
  page.doubt = doubts();
  if (!more) empty();
  pause(false);
  water.pour(volumes());
  film.shoot();
  page.label = more ? null : page.preset;
  foretell();
  $("answer").textContent = `The water is running …${page.doubt}`;
  page.stage?.lightUp(null);
  show(0);
  wake();
}

function empty() {
  water.empty();
  film.clear();
  page.stage?.lightUp(null);
  foretell();
  show(0);
  $("answer").textContent = "Ready: V0 stands in the cards that divide their water. Set the jugs, then pour.";
}

// The fullest of the cups that say something: the waste wins nothing, and where cups mean numbers none does.
const reads = data.scene?.readouts ?? [];
const contest = reads.find(({ kind }) => kind === "fullest");
const rivals = data.outputs.filter((name) => (contest?.cups.length ? contest.cups.includes(name) : name !== "waste"));

function winner() {
  return water.still ? leader() : -1;
}

// The cup that is fullest now.
function leader() {
  if (reads.length && !contest) return -1;
  const held = water.cups.map((volume, j) => (rivals.includes(data.outputs[j]) || !rivals.length ? volume : 0));
  const top = Math.max(...held);
  return top >= 100 ? held.indexOf(top) : -1; // mm3: no eye tells less from an empty cup
}

function tellAnswer() {
  const won = winner();
  const ordered = [...water.cups].sort((a, b) => b - a);
  if (won < 0 && !readouts()) $("answer").textContent = "Nothing reached a cup: every card kept its water.";
  else {
    const lead = ordered.length > 1 ? ` It leads by ${ml(ordered[0] - ordered[1])} mL.` : "";
    const label = page.label === undefined || page.label === null ? "" : ` The data says ${data.outputs[page.label]}.`;
    $("answer").textContent = (readouts() || `The fullest cup says ${data.outputs[won]}.${lead}${label}`) + page.doubt;
  }
  page.stage?.lightUp(won < 0 ? null : `out.y${won}`);
}

// Where the cups mean more than which is fullest: a number, (plus - minus) * scale + offset, or whether that is above a
// mark; cups in units.
function readouts() {
  const cup = (names) => [names ?? []].flat().reduce((sum, name) => sum + water.cups[data.outputs.indexOf(name)] / unit, 0);
  const lines = reads.filter(({ kind }) => kind !== "fullest").map(({ name, kind, plus, minus, scale, offset, above, unit: of }) => {
    const gap = cup(plus) - cup(minus);
    return kind === "above" ? `${name}: ${gap > above ? "yes" : "no"}` : `${name} = ${(gap * scale + offset).toFixed(2)} ${of}`.trim();
  });
  return lines.length ? `${lines.join(", ")}.` : "";
}

const tallest = Math.max(...(data.scene?.glasses.map((glass) => glass.capacity_ml) ?? [100]));

function show(seconds) {
  const won = winner();
  cups.forEach(({ box, level, told }, j) => {
    told.textContent = ml(water.cups[j]);
    told.dataset.ml = water.cups[j] / 1000;
    const capacity = data.scene?.glasses.find((glass) => glass.port === `out.y${j}`)?.capacity_ml ?? tallest;
    level.style.height = `${Math.min((water.cups[j] / 1000 / capacity) * 100, 100)}%`;
    box.classList.toggle("won", j === won);
  });
  water.pools.forEach((pool, b) => {
    const cell = cells.get(pool.name);
    if (cell) cell.textContent = (water.volumes[b] / 1000).toFixed(2);
  });
  drawing.show(leader(), seconds);
  $("clock").textContent = `${water.time.toFixed(1)} s`;
  $("scrub").max = Math.max(film.end, water.time, 0.1);
  $("scrub").value = water.time;
  page.stage?.flowing(water, seconds);
}

let last = 0;
let running = false;

function wake() {
  if (!running) {
    running = true;
    last = performance.now();
    requestAnimationFrame(frame);
  }
}

function frame(now) {
  const passed = Math.min((now - last) / 1000, 0.1);
  last = now;
  if (water && !water.still && !page.paused) {
    const seconds = passed * Number($("speed").value);
    if (water.time < film.end) film.go(Math.min(water.time + seconds, film.end));
    else water.advance(seconds);
    show(passed);
    if (water.still) tellAnswer();
  }
  page.hover?.();
  page.stage?.draw();
  page.relabel?.();
  running = Boolean(page.stage) || Boolean(water && !water.still && !page.paused);
  if (running) requestAnimationFrame(frame);
}

function pause(paused) {
  page.paused = paused;
  $("pause").setAttribute("aria-pressed", paused);
  $("pause").textContent = paused ? "go on" : "pause";
  if (!paused) wake();
}

// To any time of the pour, and there it stands.
function scrub(time) {
  pause(true);
  film.go(time);
  show(0);
  if (water.still) tellAnswer();
  else {
    $("answer").textContent = `After ${water.time.toFixed(1)} of ${film.end.toFixed(1)} seconds.`;
    page.stage?.lightUp(null);
  }
}

function skip() {
  film.go(film.end);
  if (!water.still) water.settle();
  show(0);
  tellAnswer();
}

// The jugs as an address: #pour=51,35,14,2, what the sliders say. Opened, it sets them and pours.
async function link() {
  const address = `#pour=${values().join(",")}`;
  if (location.hash !== address) location.replace(address);
  try {
    await navigator.clipboard.writeText(location.href);
    $("link").textContent = "copied";
  } catch {
    $("link").textContent = "see the address bar";
  }
  setTimeout(() => ($("link").textContent = "Link"), 2000);
}

function follow() {
  const told = new URLSearchParams(location.hash.slice(1)).get("pour");
  const asked = (told ?? "").split(",").map(Number);
  if (told === null || asked.length !== jugs.length || !asked.every(Number.isFinite)) return false;
  if (asked.every((value, i) => value === values()[i]) && water.poured.some((volume) => volume > 0)) return true;
  asked.forEach((value, i) => setJug(i, value));
  page.preset = null;
  pour(false);
  return true;
}

function choose(row) {
  const sample = data.samples.inputs[row];
  if (!sample) return;
  setJugs(sample);
  page.preset = data.samples.labels?.[row];
  if ($("row")) $("row").value = row;
  pour(false);
}

function bindWater() {
  jugs.forEach(({ slide, field }, i) => {
    slide.addEventListener("input", () => { field.value = slide.value; page.preset = null; tellJug(i); });
    field.addEventListener("input", () => { slide.value = field.value; page.preset = null; tellJug(i); });
    tellJug(i);
  });
  $("pour").addEventListener("click", () => pour(false));
  $("pour-more").addEventListener("click", () => pour(true));
  $("empty").addEventListener("click", empty);
  $("pause").addEventListener("click", () => pause(!page.paused));
  $("link").addEventListener("click", link);
  window.addEventListener("hashchange", follow);
  $("skip").addEventListener("click", skip);
  $("scrub").addEventListener("input", (event) => scrub(Number(event.target.value)));
  for (const button of document.querySelectorAll("[data-row]")) button.addEventListener("click", () => choose(Number(button.dataset.row)));
  for (const button of document.querySelectorAll("[data-pour]")) button.addEventListener("click", () => {
    setJugs(JSON.parse(button.dataset.pour));
    page.preset = null;
    pour(false);
  });
  $("row")?.addEventListener("change", (event) => choose(Number(event.target.value)));
  $("any")?.addEventListener("click", () => choose(Math.floor(Math.random() * data.samples.inputs.length)));
}

// On a narrow screen the device and the drawing take turns.
function look(flat) {
  $("looks").classList.toggle("flat", flat);
  $("look").setAttribute("aria-pressed", flat);
  $("look").textContent = flat ? "in 3-D" : "as a drawing";
}

// Device, drawing, jugs and cups on the whole screen, where there is such a thing.
function whole() {
  const row = $("looks").parentElement;
  $("full").hidden = !document.fullscreenEnabled;
  $("full").addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : row.requestFullscreen()));
  document.addEventListener("fullscreenchange", () => ($("full").textContent = document.fullscreenElement ? "smaller" : "full screen"));
}

async function start() {
  whole();
  $("look").addEventListener("click", () => look(!$("looks").classList.contains("flat")));
  if (water) bindWater();
  try {
    page.stage = new Stage($("view"), data, await unpack($("mesh").textContent));
    document.body.classList.add("has-stage");
    page.stage.resize();
    bindStage(page);
  } catch (reason) {
    document.body.classList.add("no-stage");
    look(true);
    $("no-stage-why").textContent = `No 3-D here (${reason.message}); the picture and all numbers stand.`;
  }
  if (water) {
    show(0);
    const first = document.querySelector("[data-row]") ?? [...document.querySelectorAll("[data-pour]")].at(-1);
    if (!follow() && first && !window.matchMedia("(prefers-reduced-motion: reduce)").matches) first.click();
  }
  wake();
  page.ready = true;
}

start();
