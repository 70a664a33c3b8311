// Bundles the page into the one module that the Python package ships; `--dev` also the fake transport.
import { readFile } from "node:fs/promises";
import { build } from "esbuild";

const common = {
  bundle: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  charset: "utf8",
  legalComments: "none",
};
// The style sheet is text to esbuild: its line breaks are taken out here.
const tighten = {
  name: "tighten",
  setup(the) {
    the.onLoad({ filter: /style\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replace(/([;{},])\n/g, "$1").replace(/;\}/g, "}"),
      loader: "ts",
    }));
  },
};
const out = "../gotask_dashboard/static/dashboard.js";
await build({
  ...common,
  entryPoints: ["src/main.ts"],
  outfile: out,
  minify: true,
  plugins: [tighten],
  banner: { js: "/* gotask dashboard, made from dashboard/web by `npm run build`; holds Preact (MIT) */" },
});
if (process.argv.includes("--dev")) {
  await build({ ...common, entryPoints: ["dev/fake.ts"], outfile: "dev/out/fake.js" });
}
