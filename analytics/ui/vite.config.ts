import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const here = fileURLToPath(new URL(".", import.meta.url));

/** Packs once at build time what the sidecar would otherwise pack at each start. */
function packed(): Plugin {
  return {
    name: "packed",
    writeBundle(options) {
      const folder = options.dir ?? `${here}dist`;
      for (const name of readdirSync(folder, { recursive: true, encoding: "utf-8" })) {
        const path = `${folder}/${name}`;
        if (!/\.(js|css|svg)$/.test(name) || !statSync(path).isFile()) continue;
        writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
      }
    },
  };
}

/** Loaded by a page as soon as it runs, so that the browser may as well begin before that. */
const AT_ONCE = ["/views/policy/yaml.ts"];

/** Writes which files each page needs besides the shell's: the sidecar names them in the index.html of that page. */
function listed(): Plugin {
  return {
    name: "listed",
    generateBundle(_options, bundle) {
      const chunks = Object.values(bundle).filter((file) => file.type === "chunk");
      const shell = chunks.find((chunk) => chunk.isEntry);
      const needs: Record<string, string[]> = {};
      for (const page of chunks) {
        const slug = /\/views\/(\w+)\/page\.tsx$/.exec(page.facadeModuleId ?? "")?.[1];
        if (!slug) continue;
        const later = chunks.filter(
          (chunk) =>
            page.dynamicImports.includes(chunk.fileName) &&
            AT_ONCE.some((name) => chunk.facadeModuleId?.endsWith(name)),
        );
        const files = new Set<string>();
        for (const chunk of [page, ...later]) {
          for (const name of [chunk.fileName, ...chunk.imports]) files.add(name);
          for (const name of chunk.viteMetadata?.importedCss ?? []) files.add(name);
        }
        if (shell) files.delete(shell.fileName);
        needs[slug] = [...files];
      }
      this.emitFile({ type: "asset", fileName: "pages.json", source: JSON.stringify(needs) });
    },
  };
}

export default defineConfig({
  root: here,
  plugins: [packed(), listed()],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  resolve: {
    alias: { "@shell": `${here}src`, "@views": fileURLToPath(new URL("../views", import.meta.url)) },
    // Pages live in the folders of their views, outside this one, where no node_modules is in sight.
    dedupe: ["preact", "preact/hooks", "preact/jsx-runtime", "@preact/signals", "mermaid", "yaml"],
  },
  build: {
    target: "es2022",
    outDir: "dist",
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1500,
  },
  server: {
    proxy: { "/api": "http://127.0.0.1:8080", "/health": "http://127.0.0.1:8080" },
    fs: { allow: ["../.."] },
  },
});
