// Builds what the pages load. The form and the code editor are files of their own, for most pages need no code editor.
import { readFileSync, readdirSync, writeFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "../openwisp_controller/config/static/config/built");
const common = {
  absWorkingDir: here, bundle: true, minify: true, target: ["chrome111", "firefox113", "safari16.4"], charset: "utf8",
  legalComments: "none", metafile: true, logLevel: "warning", alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" },
};

mkdirSync(out, { recursive: true });
const editor = await build({ ...common, entryPoints: { editor: "src/main.js" }, format: "iife", outdir: out });
const code = await build({ ...common, entryPoints: { code: "src/code.js" }, format: "esm", outdir: out });

const used = new Set();
for (const { metafile } of [editor, code]) {
  for (const file of Object.keys(metafile.inputs)) {
    const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1];
    if (name) used.add(name);
  }
}
const notices = [...used].sort().map((name) => {
  const directory = join(here, "node_modules", name);
  const { version } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  const license = readdirSync(directory).find((file) => /^licen[cs]e/i.test(file));
  if (!license) throw new Error(`${name} carries no licence`);
  return `${name} ${version}\n\n${readFileSync(join(directory, license), "utf8").trim()}\n`;
});
writeFileSync(join(out, "licenses.txt"), `Libraries inside editor.js and code.js.\n\n${notices.join("\n----\n\n")}`);
