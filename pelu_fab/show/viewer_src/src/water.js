// Live water: the network recovered from the STL, stepped in time. Volumes in mm3, levels in mm, time in s; what a
// card was primed with is not counted.
// The final state is worked out by the algebra and set exactly when nothing moves any more.

const GRAVITY = 9810;
const CALM = 0.1; // mm of head below which the rest is delivered at once, as in the ideal simulation
const STEP = 1 / 240;
const BROKEN = 10; // mm3 above what a flush leaves, at which its siphon has broken
const KEPT = ["poured", "waiting", "pouring", "volumes", "chutes", "flows", "cups", "running"]; // what a state is made of
const LONGEST = 3600; // s of water that is looked ahead

export class Water {
  constructor(data) {
    this.data = data;
    const scene = data.scene;
    const ml = 1000 * data.unit_ml;
    this.layers = data.recovered.map((layer) => ({
      retained: layer.retained_units.map((v) => v * ml),
      met: (layer.flush_units ?? layer.retained_units).map((v, i) => (v ?? layer.retained_units[i]) * ml), // what it keeps, till then
      shares: layer.shares,
    }));
    this.pools = this.layers.flatMap((layer, depth) => layer.retained.map((retained, unit) => this.#pool(scene, depth, unit, retained, layer.met[unit])));
    this.flushes = this.pools.some((pool) => pool.met > pool.retained);
    this.first = this.layers.map((_, depth) => this.layers.slice(0, depth).reduce((sum, layer) => sum + layer.retained.length, 0));
    this.ducts = this.layers.flatMap((layer, depth) => layer.shares.flatMap((row, i) => row.flatMap((share, j) => (share > 0 ? [this.#duct(scene, depth, i, j, share)] : []))));
    this.coefficient = scene?.coefficient ?? 54;
    this.viscosity = scene?.viscosity ?? 1;
    this.sillLength = scene?.sill_length ?? 1.6;
    this.inputs = this.layers[0].retained.length;
    this.rate = data.design_flow || 12000;
    this.empty();
  }

  #pool(scene, depth, unit, retained, met) {
    const name = `L${depth}.b${unit}`;
    const shape = scene?.pools.find((pool) => pool.name === name);
    const siphon = met > retained ? shape?.siphon ?? { passes: 9000, drop: 35 } : null;
    return { name, retained, met, siphon, area: shape?.area ?? 600, open: shape?.open_width ?? 30, flare: shape?.flare ?? 0, brim: shape?.brim ?? 0, primed: shape?.primed ?? 0, shape };
  }

  #duct(scene, depth, i, j, share) {
    const last = depth + 1 === this.layers.length;
    const target = last ? `out.y${j}` : `L${depth + 1}.b${j}`;
    const name = `L${depth}.b${i}->${target}`;
    return { name, from: this.first[depth] + i, to: last ? -1 - j : this.first[depth + 1] + j, share, seconds: scene?.seconds[name] ?? 0.5 };
  }

  empty() {
    this.time = 0;
    this.poured = new Float64Array(this.inputs);
    this.waiting = new Float64Array(this.inputs);
    this.pouring = new Float64Array(this.inputs);
    this.volumes = new Float64Array(this.pools.length);
    this.chutes = new Float64Array(this.ducts.length);
    this.flows = new Float64Array(this.ducts.length);
    this.cups = new Float64Array(this.layers.at(-1).shares[0].length);
    this.running = new Uint8Array(this.pools.length); // siphons that flush
    this.still = true;
  }

  pour(volumes) {
    volumes.forEach((volume, i) => {
      this.waiting[i] += volume;
      this.poured[i] += volume;
    });
    this.still = this.poured.every((volume) => volume === 0);
  }

  // What every bucket keeps and every cup gets of all that was poured: PeLU, layer after layer. Where a siphon flushes it
  // counts when the water comes, so it is run ahead: from here on, or of a fresh pour.
  final(poured = this.poured) {
    if (this.flushes) {
      const ahead = this.copy();
      if (poured !== this.poured) {
        ahead.empty();
        ahead.pour(poured);
      }
      ahead.advance(LONGEST);
      return { kept: Array.from(ahead.volumes), cups: Array.from(ahead.cups) };
    }
    let volumes = Array.from(poured);
    const kept = [];
    for (const { retained, shares } of this.layers) {
      const next = new Array(shares[0].length).fill(0);
      volumes.forEach((volume, i) => {
        const spill = Math.max(volume - retained[i], 0);
        kept.push(volume - spill);
        shares[i].forEach((share, j) => (next[j] += spill * share));
      });
      volumes = next;
    }
    return { kept, cups: volumes };
  }

  copy() {
    const copy = new Water(this.data);
    copy.back(this);
    return copy;
  }

  // All that changes, as it is now; and back to it.
  state() {
    return { time: this.time, still: this.still, ...Object.fromEntries(KEPT.map((name) => [name, this[name].slice()])) };
  }

  back(state) {
    for (const name of KEPT) this[name].set(state[name]);
    this.time = state.time;
    this.still = state.still;
  }

  head(index) {
    const { met, area, flare, brim } = this.pools[index];
    const above = Math.max(this.volumes[index] - met, 0);
    const full = area * brim + (flare * brim ** 2) / 2; // above the sill when all of a rising floor is under water
    if (above > full) return brim + (above - full) / (area + flare * brim);
    return (2 * above) / (area + Math.sqrt(area ** 2 + 2 * flare * above) + 1e-9);
  }

  flow(index) {
    const { siphon, met, area } = this.pools[index];
    if (siphon) {
      if (!this.running[index]) return 0;
      return siphon.passes * Math.sqrt(Math.max(1 + (this.volumes[index] - met) / (area * siphon.drop), 0.05));
    }
    const head = this.head(index);
    const quick = this.coefficient * head ** 1.5;
    const film = (GRAVITY * head ** 4) / (12 * this.viscosity * this.sillLength);
    return (this.pools[index].open * quick * film) / (quick + film + 1e-300);
  }

  advance(seconds) {
    for (let left = seconds; left > 1e-9 && !this.still; left -= STEP) this.#step(Math.min(STEP, left));
  }

  #step(dt) {
    this.pools.forEach((pool, b) => {
      if (pool.siphon) this.running[b] = this.running[b] ? this.volumes[b] > pool.retained + BROKEN : this.volumes[b] >= pool.met;
    });
    const leaving = this.pools.map((pool, b) => Math.min(this.flow(b) * dt, Math.max(this.volumes[b] - pool.retained, 0) / 2));
    let hand = this.rate * dt; // one jug after the other
    for (let i = 0; i < this.inputs; i++) {
      const portion = Math.min(this.waiting[i], hand);
      hand -= portion;
      this.waiting[i] -= portion;
      this.volumes[i] += portion;
      this.pouring[i] = portion / dt;
    }
    this.ducts.forEach((duct, d) => {
      const through = leaving[duct.from] * duct.share;
      const arriving = this.chutes[d] * (1 - Math.exp(-dt / duct.seconds));
      this.chutes[d] += through - arriving;
      this.flows[d] = arriving / dt;
      if (duct.to >= 0) this.volumes[duct.to] += arriving;
      else this.cups[-1 - duct.to] += arriving;
    });
    leaving.forEach((volume, b) => (this.volumes[b] -= volume));
    this.time += dt;
    const calm = this.pools.every((pool, b) => (pool.siphon ? !this.running[b] && this.volumes[b] < pool.met : this.head(b) < CALM));
    if (this.waiting.every((v) => v === 0) && calm && this.chutes.every((v) => v < 10)) this.#rest();
  }

  settle() {
    if (this.flushes) this.advance(LONGEST);
    else this.#rest();
  }

  #rest() {
    if (this.flushes) {
      this.flows.fill(0);
      this.pouring.fill(0);
      this.still = true;
      return;
    }
    const { kept, cups } = this.final();
    this.waiting.fill(0);
    this.pouring.fill(0);
    this.flows.fill(0);
    this.chutes.fill(0);
    this.volumes.set(kept);
    this.cups.set(cups);
    this.still = true;
  }

  // Elevation of a bucket's surface, from its volume.
  level(index) {
    const { shape, met, primed } = this.pools[index];
    if (!shape) return 0;
    const volume = this.volumes[index];
    if (volume > met) return shape.sill_z + this.head(index);
    return shape.floor_z + (shape.sill_z - shape.floor_z) * (met + primed > 0 ? (volume + primed) / (met + primed) : 1);
  }
}
