// Bundles the page, and the notebook's widget, each into one module that the Python package ships.
import { readFile } from "node:fs/promises";
import { build } from "esbuild";

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
for (const [entry, name] of [["main", "dashboard"], ["notebook", "widget"]]) {
  await build({
    entryPoints: [`src/${entry}.ts`],
    outfile: `../gotask_dashboard/static/${name}.js`,
    bundle: true,
    minify: true,
    plugins: [tighten],
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
    charset: "utf8",
    legalComments: "none",
    banner: { js: `/* gotask ${name}, made from dashboard/web by \`npm run build\`; holds Preact (MIT) */` },
  });
}
