// Bundles src/ into ../assets/viewer.js: `npm ci && npm run build`. The banner names the sources' hash, which a test checks.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { buildSync } from "esbuild";

const files = [...readdirSync("src").sort().map((name) => `src/${name}`), "package.json", "package-lock.json"];
const digest = createHash("sha256");
for (const file of files) digest.update(readFileSync(file));
const three = JSON.parse(readFileSync("package.json")).dependencies.three;

buildSync({
  entryPoints: ["src/main.js"],
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "ascii",
  legalComments: "none",
  outfile: "../assets/viewer.js",
  banner: { js: `/* pelu_fab viewer, MIT. three.js ${three}, MIT, (c) three.js authors. sources ${digest.digest("hex")} */` },
});
