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

export default defineConfig({
  root: here,
  plugins: [packed()],
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
    fs: { allow: [".."] },
  },
});
