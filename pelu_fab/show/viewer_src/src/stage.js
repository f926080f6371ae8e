// The device in 3-D: parts, water, section, explosion, names. Draws only when something changed.
import * as THREE from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import { Streams } from "./streams.js";
import { partArrays } from "./mesh.js";

const PORCELAIN = { card: 0xf6f2e9, cup: 0xdcebf5, jug: 0xdcebf5, tray: 0x333c4b, stand: 0x414b5c };
const PASTELS = [0xb89bc0, 0xbcc3ca, 0x6f9e86, 0x8fb8de, 0xf4c95d, 0xe07a5f, 0x81b29a, 0xc9ada7, 0x9fc9a5, 0xa3b18a, 0x7aa6c2, 0xd9a679];
const WATER = 0x2a8fd0;
const AIR = 1.12; // of the device's size, round it: its jets and names

export class Stage {
  constructor(canvas, data, buffer) {
    this.data = data;
    this.renderer = new THREE.WebGLRenderer({ canvas, antialias: true, alpha: true, preserveDrawingBuffer: true });
    this.renderer.localClippingEnabled = true;
    this.renderer.shadowMap.enabled = true;
    this.renderer.shadowMap.type = THREE.PCFShadowMap;
    this.renderer.shadowMap.autoUpdate = false;
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
    this.scene = new THREE.Scene();
    this.camera = new THREE.PerspectiveCamera(28, 1, 10, 100000);
    this.camera.up.set(0, 0, 1);
    this.controls = new OrbitControls(this.camera, canvas);
    this.controls.addEventListener("change", () => this.touch());
    this.#scrolls(canvas);
    this.plane = new THREE.Plane(new THREE.Vector3(0, -1, 0), 0);
    this.colours = "porcelain";
    this.explosion = 0;
    this.water = new THREE.Group();
    this.scene.add(this.water);
    this.#parts(buffer);
    this.#lights();
    this.#ground();
    this.streams = data.scene ? new Streams(this.water, data.scene) : null;
    this.marker = this.#marker();
    this.home();
    this.setColours("porcelain");
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
  }

  // A plain wheel and a finger that moves up or down scroll the page; with ctrl, or by two fingers, they zoom.
  #scrolls(canvas) {
    canvas.style.touchAction = "pan-y";
    const pass = (event) => event.ctrlKey || event.metaKey || event.stopPropagation();
    canvas.parentElement.addEventListener("wheel", pass, { capture: true, passive: true });
  }

  #parts(buffer) {
    this.box = new THREE.Box3();
    const arrays = partArrays(buffer, this.data.parts);
    this.parts = this.data.parts.map((part, number) => {
      const geometry = new THREE.BufferGeometry();
      geometry.setAttribute("position", new THREE.BufferAttribute(arrays[number].positions, 3));
      geometry.setIndex(new THREE.BufferAttribute(arrays[number].index, 1));
      geometry.computeBoundingBox();
      geometry.computeBoundingSphere();
      const material = new THREE.MeshStandardMaterial({ flatShading: true, roughness: 0.62, metalness: 0 });
      const mesh = new THREE.Mesh(geometry, material);
      mesh.castShadow = mesh.receiveShadow = true;
      const inside = new THREE.Mesh(geometry, new THREE.MeshBasicMaterial({ side: THREE.BackSide }));
      inside.visible = false;
      mesh.add(inside);
      mesh.name = part.name;
      this.scene.add(mesh);
      this.box.union(geometry.boundingBox);
      return { part, mesh, inside, middle: geometry.boundingBox.getCenter(new THREE.Vector3()), number };
    });
    this.middle = this.box.getCenter(new THREE.Vector3());
    this.size = this.box.getSize(new THREE.Vector3()).length();
  }

  #lights() {
    this.scene.add(new THREE.HemisphereLight(0xffffff, 0xb9c4cf, 1.7));
    const sun = new THREE.DirectionalLight(0xfff6e8, 2.1);
    sun.position.copy(this.middle).add(new THREE.Vector3(0.5, 0.9, 1.3).multiplyScalar(this.size));
    sun.target.position.copy(this.middle);
    sun.castShadow = true;
    sun.shadow.mapSize.set(2048, 2048);
    sun.shadow.bias = -0.0006;
    sun.shadow.normalBias = 0.6;
    const reach = this.size * 0.62;
    Object.assign(sun.shadow.camera, { left: -reach, right: reach, top: reach, bottom: -reach, near: 1, far: this.size * 4 });
    const fill = new THREE.DirectionalLight(0xdcecff, 0.7);
    fill.position.copy(this.middle).add(new THREE.Vector3(1, -1, 0.4).multiplyScalar(this.size));
    this.scene.add(sun, sun.target, fill);
  }

  #ground() {
    const table = new THREE.Mesh(new THREE.CircleGeometry(this.size * 1.2, 64), new THREE.ShadowMaterial({ opacity: 0.16 }));
    table.position.set(this.middle.x, this.middle.y, this.box.min.z - 0.3);
    table.receiveShadow = true;
    this.scene.add(table);
  }

  #marker() {
    const ball = new THREE.Mesh(new THREE.SphereGeometry(this.size / 90, 24, 16), new THREE.MeshBasicMaterial({ color: 0xd3342c, depthTest: false, transparent: true, opacity: 0.85 }));
    ball.renderOrder = 10;
    ball.visible = false;
    this.scene.add(ball);
    return ball;
  }

  home() {
    const [x, y] = this.data.view ?? [0.95, 1.25];
    const sight = new THREE.Vector3(x, y, 0.72).normalize();
    this.controls.target.copy(this.middle);
    this.camera.position.copy(this.middle).addScaledVector(sight, this.distance(sight));
    this.controls.update();
    this.touch();
  }

  // From which all corners of the parts' boxes are seen, by the way that `home` looks.
  distance(sight) {
    const right = new THREE.Vector3().crossVectors(this.camera.up, sight).normalize();
    const up = new THREE.Vector3().crossVectors(sight, right);
    const tan = Math.tan(THREE.MathUtils.degToRad(this.camera.fov / 2));
    const ends = this.parts.map(({ mesh }) => [mesh.geometry.boundingBox.min, mesh.geometry.boundingBox.max]);
    const corners = ends.flatMap((two) => two.flatMap(({ x }) => two.flatMap(({ y }) => two.map(({ z }) => new THREE.Vector3(x, y, z).sub(this.middle)))));
    return Math.max(...corners.map((c) => c.dot(sight) + AIR * Math.max(Math.abs(c.dot(up)), Math.abs(c.dot(right)) / (this.camera.aspect || 1)) / tan));
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.renderer.domElement;
    if (!width || !height) return;
    const first = !this.sized;
    this.sized = true;
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    this.renderer.setSize(width, height, false);
    if (first) this.home();
    this.touch();
  }

  touch() {
    this.dirty = true;
  }

  setColours(mode) {
    this.colours = mode;
    for (const { part, mesh, inside, number } of this.parts) {
      const base = new THREE.Color(mode === "part" ? PASTELS[number % PASTELS.length] : PORCELAIN[part.role] ?? 0xd9e2ec);
      const opacity = mode === "water" ? (part.role === "stand" ? 0.12 : 0.22) : part.role === "cup" && mode === "porcelain" ? 0.42 : 1;
      mesh.material.color.copy(base);
      mesh.material.transparent = opacity < 1;
      mesh.material.opacity = opacity;
      mesh.material.depthWrite = opacity === 1;
      mesh.castShadow = mode !== "water";
      mesh.renderOrder = opacity < 1 ? 3 : 0;
      inside.material.color.copy(base).multiplyScalar(0.78);
    }
    this.shadows();
  }

  setExplosion(amount) {
    const away = (1 + 0.85 * amount) / (1 + 0.85 * this.explosion);
    this.explosion = amount;
    const lift = (share) => this.middle.z + share * 0.5 * this.size * 0.55;
    const shift = lift(amount) - this.controls.target.z;
    if (away !== 1) {
      this.controls.target.z += shift;
      this.camera.position.z += shift;
      this.camera.position.sub(this.controls.target).multiplyScalar(away).add(this.controls.target);
      this.controls.update();
    }
    for (const { mesh, middle } of this.parts) {
      const away = middle.clone().sub(this.middle);
      mesh.position.set(away.x * 0.7, away.y * 0.7, (away.z + this.middle.z - this.box.min.z) * 0.9).multiplyScalar(amount);
    }
    this.water.visible = amount < 0.02;
    this.shadows();
  }

  // axis x, y or z, or none; place 0 to 1 through the device
  setSection(axis, place) {
    const on = axis !== "none";
    const planes = on ? [this.plane] : null;
    if (on) {
      const normal = { x: [-1, 0, 0], y: [0, -1, 0], z: [0, 0, -1] }[axis];
      this.plane.normal.set(...normal);
      this.plane.constant = this.box.min[axis] + place * (this.box.max[axis] - this.box.min[axis]);
    }
    for (const { mesh, inside } of this.parts) {
      mesh.material.clippingPlanes = inside.material.clippingPlanes = planes;
      mesh.material.clipShadows = true;
      inside.visible = on && this.colours !== "water";
      mesh.material.needsUpdate = inside.material.needsUpdate = true;
    }
    this.water.traverse((item) => item.material && (item.material.clippingPlanes = planes));
    this.shadows();
  }

  show(name, visible) {
    const found = this.parts.find(({ part }) => part.name === name);
    if (found) found.mesh.visible = visible;
    this.shadows();
  }

  shadows() {
    this.renderer.shadowMap.needsUpdate = true;
    this.touch();
  }

  // The cup that won in gold; what is pointed at or was clicked in blue.
  lightUp(port) {
    this.won = port === null ? null : `cup-${port.split(".")[1]}`;
    this.#glow();
  }

  highlight(name) {
    if (name === this.pointed) return;
    this.pointed = name;
    this.#glow();
  }

  choose(name) {
    this.chosen = name;
    this.#glow();
  }

  #glow() {
    for (const { part, mesh } of this.parts) {
      const blue = part.name === this.pointed || part.name === this.chosen;
      const gold = part.name === this.won;
      mesh.material.emissive.setHex(blue ? WATER : gold ? 0xe0a21b : 0);
      mesh.material.emissiveIntensity = blue ? 0.45 : gold ? 0.55 : 0;
    }
    this.touch();
  }

  point(place) {
    this.marker.visible = Boolean(place);
    if (place) {
      this.marker.position.set(...place);
      const shift = this.marker.position.clone().sub(this.controls.target);
      this.controls.target.add(shift);
      this.camera.position.add(shift);
      this.controls.update();
    }
    this.touch();
  }

  turn(right, up, zoom) {
    const offset = this.camera.position.clone().sub(this.controls.target);
    const ball = new THREE.Spherical().setFromVector3(new THREE.Vector3(offset.x, offset.z, -offset.y));
    ball.theta += right;
    ball.phi = THREE.MathUtils.clamp(ball.phi + up, 0.05, Math.PI - 0.05);
    ball.radius *= zoom;
    const turned = new THREE.Vector3().setFromSpherical(ball);
    this.camera.position.copy(this.controls.target).add(new THREE.Vector3(turned.x, -turned.z, turned.y));
    this.controls.update();
    this.touch();
  }

  // What lies under a point of the canvas: { part, at } or null.
  pick(x, y) {
    const bounds = this.renderer.domElement.getBoundingClientRect();
    const place = new THREE.Vector2(((x - bounds.left) / bounds.width) * 2 - 1, 1 - ((y - bounds.top) / bounds.height) * 2);
    const ray = new THREE.Raycaster();
    ray.setFromCamera(place, this.camera);
    const meshes = this.parts.filter(({ mesh }) => mesh.visible).map(({ mesh }) => mesh);
    const hit = ray.intersectObjects(meshes, false)[0];
    return hit ? { part: hit.object.name, at: hit.point.sub(hit.object.position).toArray() } : null;
  }

  // Where a point of the assembly stands on the canvas, in pixels.
  project(place) {
    const { clientWidth: width, clientHeight: height } = this.renderer.domElement;
    const point = new THREE.Vector3(...place).project(this.camera);
    return [((point.x + 1) / 2) * width, ((1 - point.y) / 2) * height, point.z < 1];
  }

  flowing(water, seconds) {
    this.streams?.update(water, seconds);
    this.touch();
  }

  draw() {
    if (!this.dirty) return false;
    this.dirty = false;
    this.renderer.render(this.scene, this.camera);
    return true;
  }
}

export { WATER };
