// The network as a drawing: buckets layer by layer, each branch as wide as its share, water where it is now. SVG alone.
// One pixel is as much water in every bucket, and in every cup.

const SPACE = "http://www.w3.org/2000/svg";
const [WIDE, TALL] = [360, 560];
const HEAD = 46; // above the first buckets, for jugs
const FOOT = 24; // below the cups, for their names
const NAMED = 8; // buckets in a row that still have room for words
const SHARED = 16; // branches in a layer that still have room for their shares
const FULL = 12; // stroke of a branch that carries the whole pour

function make(parent, kind, attributes, text) {
  const node = document.createElementNS(SPACE, kind);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

export class Schematic {
  constructor(host, data, water) {
    this.water = water;
    this.ml = (volume) => (volume / 1000).toFixed(1);
    this.svg = make(host, "svg", { viewBox: `0 0 ${WIDE} ${TALL}`, role: "img", "aria-label": "Every bucket, branch and cup of the network, with its water" });
    const rows = water.layers.length + 1;
    const deep = Math.min(((TALL - HEAD - FOOT) / rows) * 0.5, 96);
    const step = (TALL - HEAD - FOOT - deep) / (rows - 1);
    const most = Math.max(...water.pools.map((pool) => pool.met), 1);
    this.perVolume = (0.74 * deep) / most;
    const capacity = Math.max(...(data.scene?.glasses.map((glass) => glass.capacity_ml * 1000) ?? [100000]));
    this.perCup = deep / capacity;
    const ducts = make(this.svg, "g", {});
    this.percents = make(this.svg, "g", {});
    this.buckets = water.layers.flatMap((layer, depth) => layer.retained.map((_, i) => this.#vessel(layer.retained.length, depth, i, step, deep)));
    this.cups = data.outputs.map((name, j) => this.#vessel(data.outputs.length, rows - 1, j, step, deep, name));
    this.buckets.forEach((bucket, b) => this.#bucket(bucket, water.pools[b], b < water.inputs ? data.inputs[b].split(" (")[0] : ""));
    const crowded = water.layers.map((_, depth) => water.ducts.filter((duct) => duct.from >= water.first[depth] && duct.from < (water.first[depth + 1] ?? Infinity)).length > SHARED);
    this.ducts = water.ducts.map((duct) => this.#duct(ducts, duct, crowded));
    this.phase = 0;
  }

  #vessel(count, row, i, step, deep, name) {
    const cell = WIDE / count;
    const wide = Math.min(cell * 0.7, 70);
    const x = cell * (i + 0.5) - wide / 2;
    const y = HEAD + row * step;
    const group = make(this.svg, "g", { class: name === undefined ? "bucket" : "bucket cup" });
    const water = make(group, "rect", { class: "water", x, y: y + deep, width: wide, height: 0 });
    make(group, "path", { class: "walls", d: `M${x} ${y}V${y + deep}H${x + wide}V${y}` });
    const told = make(group, "text", { class: "told", x: x + wide / 2, y: y + deep - 6 });
    if (name !== undefined && count <= NAMED) make(group, "text", { class: "name", x: x + wide / 2, y: y + deep + 15 }, name);
    make(group, "title", {}, name ?? "");
    return { group, water, told, x, y, wide, deep, middle: x + wide / 2, words: count <= NAMED };
  }

  #bucket(at, pool, label) {
    const sill = at.y + at.deep - pool.met * this.perVolume;
    make(at.group, "path", { class: "sill", d: `M${at.x - 3} ${sill}H${at.x + at.wide + 3}` });
    at.group.querySelector("title").textContent = `${pool.name}${label ? ` (${label})` : ""} keeps ${this.ml(pool.met)} mL${pool.siphon ? `, then flushes all but ${this.ml(pool.retained)} mL` : ""}`;
    if (label) {
      at.jug = make(at.group, "path", { class: "jet", d: `M${at.middle - at.wide / 4} ${at.y - 10}V${at.y + at.deep - 3}` });
      if (at.words) make(at.group, "text", { class: "name", x: at.middle, y: at.y - 27 }, label);
      at.left = make(at.group, "text", { class: "left", x: at.middle, y: at.y - 14 });
    } else if (at.words) make(at.group, "text", { class: "name", x: at.middle, y: at.y - 5 }, pool.name);
  }

  #duct(parent, duct, crowded) {
    const from = this.buckets[duct.from];
    const to = duct.to >= 0 ? this.buckets[duct.to] : this.cups[-1 - duct.to];
    const [x0, y0, x1, y1] = [from.middle, from.y + from.deep, to.middle, to.y - (to.words && duct.to >= 0 ? 15 : 2)];
    const bend = (y1 - y0) / 2;
    const d = `M${x0} ${y0}C${x0} ${y0 + bend} ${x1} ${y1 - bend} ${x1} ${y1}`;
    const share = make(parent, "path", { class: "share", d, "stroke-width": (0.8 + 7 * duct.share).toFixed(2) });
    make(share, "title", {}, `${duct.name}: ${(100 * duct.share).toFixed(1)} %`);
    const flow = make(parent, "path", { class: "flow", d, "stroke-width": 0 });
    const layer = this.water.first.findLastIndex((first) => duct.from >= first);
    if (!crowded[layer] && duct.share < 0.999) {
      const before = this.water.ducts.filter((other) => other.from === duct.from).indexOf(duct);
      const t = 0.24 + 0.15 * (before % 4);
      const s = 1 - t;
      const place = (a, b, c, e) => s ** 3 * a + 3 * s * s * t * b + 3 * s * t * t * c + t ** 3 * e;
      make(this.percents, "text", { class: "percent", x: place(x0, x0, x1, x1), y: place(y0, y0 + bend, y1 - bend, y1) + 3 }, `${Math.round(100 * duct.share)}%`);
    }
    return { flow, duct };
  }

  // Everything as it is now; `won` the cup that leads, `seconds` since the last time.
  show(won, seconds) {
    const { water } = this;
    this.phase = (this.phase + 60 * seconds) % 16;
    this.buckets.forEach((bucket, b) => {
      this.#fill(bucket, water.volumes[b], this.perVolume);
      if (!bucket.jug) return;
      bucket.jug.setAttribute("stroke-width", water.pouring[b] > 0 && !water.still ? 5 : 0);
      bucket.left.textContent = water.poured[b] > 0 ? (water.waiting[b] > 0 ? `${this.ml(water.waiting[b])} to pour` : `${this.ml(water.poured[b])} mL in`) : "";
    });
    this.cups.forEach((cup, j) => {
      this.#fill(cup, water.cups[j], this.perCup);
      cup.group.classList.toggle("won", j === won);
      cup.group.classList.toggle("final", j === won && water.still);
    });
    this.ducts.forEach(({ flow, duct }, d) => {
      const now = water.flows[d] / water.rate;
      flow.setAttribute("stroke-width", now > 0.002 ? (1 + FULL * Math.sqrt(Math.min(now, 1))).toFixed(2) : 0);
      if (now > 0.002) flow.setAttribute("stroke-dashoffset", (-this.phase).toFixed(1));
      flow.dataset.duct = duct.name;
    });
  }

  #fill({ water, told, y, deep, words }, volume, perVolume) {
    const height = Math.min(volume * perVolume, deep);
    told.setAttribute("y", Math.max(y + deep - height - 4, y + 11).toFixed(2));
    water.setAttribute("y", (y + deep - height).toFixed(2));
    water.setAttribute("height", height.toFixed(2));
    if (words) told.textContent = volume > 50 ? this.ml(volume) : "";
  }
}
