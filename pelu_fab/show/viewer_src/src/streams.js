// Water to look at: surfaces in buckets and cups, and streams that thicken with flow.
import * as THREE from "three";

const COLOUR = 0x2489cf;
const SHRINK = 0.06; // mm between water and walls, so that faces don't fight
const QUADS = [0, 1, 5, 0, 5, 4, 1, 2, 6, 1, 6, 5, 2, 3, 7, 2, 7, 6, 3, 0, 4, 3, 4, 7, 4, 5, 6, 4, 6, 7, 3, 2, 1, 3, 1, 0];

function material(opacity) {
  return new THREE.MeshStandardMaterial({ color: COLOUR, transparent: true, opacity, roughness: 0.12, metalness: 0.05, flatShading: true, side: THREE.DoubleSide });
}

function block(parts) {
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.BufferAttribute(new Float32Array(parts * 24), 3));
  geometry.setIndex(Array.from({ length: parts }, (_, k) => QUADS.map((i) => i + 8 * k)).flat());
  const mesh = new THREE.Mesh(geometry, material(0.82));
  mesh.frustumCulled = false;
  mesh.renderOrder = 1;
  return mesh;
}

function streaks() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 64;
  const context = canvas.getContext("2d");
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, 64, 64);
  for (let k = 0; k < 40; k++) {
    context.fillStyle = k % 2 ? "rgba(120,190,235,0.35)" : "rgba(215,240,255,0.5)";
    context.fillRect((k * 29) % 64, (k * 47) % 64, 2, 10 + ((k * 13) % 22));
  }
  const texture = new THREE.CanvasTexture(canvas);
  texture.wrapS = texture.wrapT = THREE.RepeatWrapping;
  return texture;
}

export class Streams {
  constructor(group, scene) {
    this.texture = streaks();
    this.pools = scene.pools.map((shape) => ({ shape, mesh: block(2) }));
    this.glasses = scene.glasses.map((shape) => ({ shape, mesh: block(1) }));
    const jugs = scene.pools.filter(({ name }) => name.startsWith("L0.")).map((pool) => this.#jug(pool));
    this.runs = [...scene.streams, ...jugs].map((run) => ({ run, mesh: this.#run(run) }));
    for (const { mesh } of [...this.pools, ...this.glasses, ...this.runs]) group.add(mesh);
  }

  #jug(pool) {
    const [x, y, z] = pool.inlet;
    return { ducts: [`in.x${pool.name.split(".b")[1]}`], start: [x, y, z + 45], end: [x, y, pool.floor_z], width: 3.2, is_fall: true };
  }

  #run(run) {
    const start = new THREE.Vector3(...run.start);
    const along = new THREE.Vector3(...run.end).sub(start);
    const length = Math.max(along.length(), 0.01);
    const across = new THREE.Vector3(1, 0, 0);
    const up = new THREE.Vector3().crossVectors(along.clone().normalize(), across);
    if (up.z < 0) up.negate();
    const geometry = new THREE.BoxGeometry(1, 1, 1);
    geometry.translate(0, 0.5, run.is_fall ? 0 : 0.5);
    const uv = geometry.attributes.uv;
    for (let i = 0; i < uv.count; i++) uv.setXY(i, (uv.getX(i) * run.width) / 12, (uv.getY(i) * length) / 24);
    const mesh = new THREE.Mesh(geometry, material(run.is_fall ? 0.72 : 0.85));
    mesh.material.map = this.texture;
    mesh.matrixAutoUpdate = false;
    mesh.userData = { basis: new THREE.Matrix4().makeBasis(across, along.clone().divideScalar(length), up).setPosition(start), length };
    mesh.renderOrder = 1;
    mesh.visible = false;
    return mesh;
  }

  update(water, seconds) {
    this.texture.offset.y += seconds * 3.5;
    water.pools.forEach((pool, index) => {
      const found = this.pools.find(({ shape }) => shape.name === pool.name);
      if (found) fillPool(found.mesh, found.shape, water.level(index), water.volumes[index] + pool.primed);
    });
    for (const { shape, mesh } of this.glasses) fillGlass(mesh, shape, water.cups[Number(shape.port.split(".y")[1])]);
    const flows = new Map(water.ducts.map((duct, d) => [duct.name, water.flows[d]]));
    water.pouring.forEach((flow, i) => flows.set(`in.x${i}`, flow));
    for (const { run, mesh } of this.runs) {
      const flow = run.ducts.reduce((sum, name) => sum + (flows.get(name) ?? 0), 0);
      mesh.visible = flow > 15;
      if (!mesh.visible) continue;
      // Depth as a channel's normal depth goes, flow per width to the 2/3; a floor to stay visible.
      const depth = 0.35 + 0.011 * (flow / run.width) ** (2 / 3) * 2.2;
      const narrowed = run.is_fall ? run.width * (0.55 + 0.45 * Math.min(flow / 6000, 1)) : run.width;
      mesh.matrix.copy(mesh.userData.basis).scale(new THREE.Vector3(narrowed - 2 * SHRINK, mesh.userData.length, depth));
      mesh.matrixWorldNeedsUpdate = true;
    }
  }
}

// A prism over a profile of four (y, z) points, from x0 to x1; corner order as QUADS expects.
function prism(array, offset, x0, x1, profile) {
  for (const [k, x] of [x0, x1].entries()) profile.forEach(([y, z], i) => array.set([x, y, z], offset + (k * 4 + i) * 3));
}

// Over the flat floor, and behind it over the rising one as far back as the level reaches.
function fillPool(mesh, shape, level, volume) {
  mesh.visible = volume > 5 && level > shape.floor_z + 0.02;
  if (!mesh.visible) return;
  const array = mesh.geometry.attributes.position.array;
  const [x0, x1] = [shape.x[0] + SHRINK, shape.x[1] - SHRINK];
  const front = shape.y - SHRINK;
  const low = shape.floor_z + SHRINK;
  const edge = Math.min(shape.y - shape.flat, front);
  const reach = Math.min((level - shape.floor_z) / shape.rise, shape.depth - shape.flat);
  const back = edge - reach + SHRINK;
  prism(array, 0, x0, x1, [[front, low], [front, level], [edge, level], [edge, low]]);
  prism(array, 24, x0, x1, [[edge, low], [edge, level], [back, level], [back, Math.min(low + reach * shape.rise, level)]]);
  mesh.geometry.attributes.position.needsUpdate = true;
}

function fillGlass(mesh, shape, volume) {
  mesh.visible = volume > 5;
  if (!mesh.visible) return;
  const [x0, x1] = shape.x;
  const [y0, y1] = shape.y;
  const level = shape.floor_z + Math.min(volume / ((x1 - x0) * (y1 - y0)), shape.height);
  const profile = [[y0 + SHRINK, shape.floor_z + SHRINK], [y0 + SHRINK, level], [y1 - SHRINK, level], [y1 - SHRINK, shape.floor_z + SHRINK]];
  prism(mesh.geometry.attributes.position.array, 0, x0 + SHRINK, x1 - SHRINK, profile);
  mesh.geometry.attributes.position.needsUpdate = true;
}
