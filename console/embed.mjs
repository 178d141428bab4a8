// Bundles the console into FOLDER/console, packs each file, and writes FOLDER/console.rs: what the server embeds, as
// (path, content type, tag, packed bytes).
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

const folder = resolve(process.argv[2] ?? "dist");
const out = join(folder, "console");
await build({ logLevel: "warn", build: { outDir: out, emptyOutDir: true } });

const rows = [];
const files = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
for (const file of files.map((entry) => join(entry.parentPath, entry.name)).sort()) {
  const name = relative(out, file).split(sep).join("/");
  const type = TYPES[name.slice(name.lastIndexOf("."))];
  if (type === undefined) throw new Error(`${name}: no content type is known for it`);
  const bytes = readFileSync(file);
  const tag = createHash("sha256").update(bytes).digest("hex").slice(0, 32);
  writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
  rmSync(file);
  const path = `concat!(env!("OUT_DIR"), "/console/${name}.gz")`;
  rows.push(`    ("${name}", "${type}", "\\"${tag}\\"", include_bytes!(${path})),\n`);
}
writeFileSync(join(folder, "console.rs"), `&[\n${rows.join("")}]\n`);
