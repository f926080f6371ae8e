// The stage's own controls: section, explosion, colours, names, parts, clicks and keys.

const $ = (id) => document.getElementById(id);
const STEP = 0.12;

export function bindStage(page) {
  const { stage, data } = page;
  const section = () => {
    $("section-place").disabled = $("section-axis").value === "none";
    stage.setSection($("section-axis").value, Number($("section-place").value));
  };
  $("explode").addEventListener("input", (event) => stage.setExplosion(Number(event.target.value)));
  $("section-axis").addEventListener("change", section);
  $("section-place").addEventListener("input", section);
  $("colours").addEventListener("change", (event) => { stage.setColours(event.target.value); section(); });
  $("home").addEventListener("click", () => { stage.point(null); stage.home(); });
  $("nearer").addEventListener("click", () => stage.turn(0, 0, 0.8));
  $("farther").addEventListener("click", () => stage.turn(0, 0, 1.25));
  for (const box of document.querySelectorAll("[data-part]")) box.addEventListener("change", () => stage.show(box.dataset.part, box.checked));
  for (const button of document.querySelectorAll("[data-at]")) button.addEventListener("click", () => {
    stage.point(JSON.parse(button.dataset.at));
    $("view").scrollIntoView({ behavior: "smooth", block: "center" });
  });
  keys(stage);
  clicks(page);
  hovers(page);
  page.relabel = names(stage, data);
  $("names").addEventListener("change", page.relabel);
}

function keys(stage) {
  const moves = { ArrowLeft: [-STEP, 0, 1], ArrowRight: [STEP, 0, 1], ArrowUp: [0, -STEP, 1], ArrowDown: [0, STEP, 1], "+": [0, 0, 0.9], "=": [0, 0, 0.9], "-": [0, 0, 1 / 0.9] };
  $("view").addEventListener("keydown", (event) => {
    if (event.key === "0" || event.key === "Home") stage.home();
    else if (moves[event.key]) stage.turn(...moves[event.key]);
    else return;
    event.preventDefault();
  });
}

function clicks({ stage, data }) {
  let down = null;
  $("view").addEventListener("pointerdown", (event) => (down = [event.clientX, event.clientY]));
  $("view").addEventListener("pointerup", (event) => {
    if (!down || Math.hypot(event.clientX - down[0], event.clientY - down[1]) > 5) return;
    choose(data, stage, stage.pick(event.clientX, event.clientY)?.part ?? null);
  });
}

// What a mouse points at lights up. Looked for once a frame, and never while it drags.
function hovers(page) {
  let at = null;
  $("view").addEventListener("pointermove", (event) => (at = event.pointerType === "mouse" && !event.buttons ? [event.clientX, event.clientY] : null));
  $("view").addEventListener("pointerleave", () => { at = null; page.stage.highlight(null); });
  page.hover = () => {
    if (!at) return;
    const part = page.stage.pick(...at)?.part ?? null;
    page.stage.highlight(part);
    $("view").style.cursor = part ? "pointer" : "";
    at = null;
  };
}

const bucketOf = (part) => (part.startsWith("card-") ? part.slice(5).replace("-", ".") : null);

// What a part is: its role in words, what it weighs and takes, how large it is where it stands.
function told(data, { name, role, box, grams, hours }) {
  const bucket = bucketOf(name);
  const label = bucket && data.numbers[bucket]?.label;
  const what = { card: `card of bucket ${bucket}${label ? ` (${label})` : ""}`, cup: `cup of ${data.outputs[Number(name.slice(5))]}`, tray: "tray of gutters", stand: "part of the stand" }[role] ?? role;
  const size = [0, 1, 2].map((axis) => (box[1][axis] - box[0][axis]).toFixed(0)).join(" x ");
  const made = grams ? `about ${grams.toFixed(0)} g and ${hours.toFixed(1)} h to print` : "cut from a sheet";
  return `${name}: ${what}, ${made}, ${size} mm.`;
}

// Lights up a part, and its bucket's row in the table, and tells what it is beside the stage.
function choose(data, stage, name) {
  stage.choose(name);
  for (const row of document.querySelectorAll("tr.chosen")) row.classList.remove("chosen");
  const part = data.parts.find((one) => one.name === name);
  const bucket = part ? bucketOf(name) : null;
  const rows = [...document.querySelectorAll("[data-bucket]")].filter((row) => row.dataset.bucket === bucket);
  for (const row of rows) row.classList.add("chosen");
  $("chosen").hidden = !part;
  if (!part) return;
  const numbers = data.numbers[bucket];
  const keeps = numbers ? ` It keeps ${numbers.built} mL as built; trained ${numbers.trained}, lowered ${numbers.lowered}. It spills ${numbers.spills}.` : "";
  $("chosen").textContent = told(data, part) + keeps;
}

function names(stage, data) {
  const layer = $("labels");
  const labels = [];
  for (const pool of data.scene?.pools ?? []) {
    const place = [(pool.x[0] + pool.x[1]) / 2, pool.y - pool.depth / 2, pool.rim_z + 4];
    const port = pool.name.startsWith("L0.") ? data.inputs[Number(pool.name.split(".b")[1])] : "";
    labels.push([place, port ? port.split(" (")[0] : pool.name]);
  }
  for (const glass of data.scene?.glasses ?? []) labels.push([[(glass.x[0] + glass.x[1]) / 2, (glass.y[0] + glass.y[1]) / 2, glass.floor_z + 4], glass.label]);
  const spans = labels.map(([place, text]) => {
    const span = document.createElement("span");
    span.textContent = text;
    layer.append(span);
    return [place, span];
  });
  let seen = "";
  return () => {
    const on = $("names").checked && stage.explosion < 0.02;
    const now = on ? stage.camera.matrixWorld.elements.join() + stage.renderer.domElement.clientWidth : "off";
    if (now === seen) return;
    seen = now;
    layer.hidden = !on;
    for (const [place, span] of on ? spans : []) {
      const [x, y, ahead] = stage.project(place);
      span.hidden = !ahead;
      span.style.transform = `translate(-50%, -50%) translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
    }
  };
}
