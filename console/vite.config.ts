// How the console is bundled: one script, one worker, one style sheet, each named by its content. Nothing inline, as the
// page's policy allows nothing inline.
import { defineConfig } from "vite";

/** A running server to develop against: `HEADWATER=http://127.0.0.1:4566 npx vite`. */
const server = process.env["HEADWATER"] ?? "http://127.0.0.1:4566";
const own = { target: server, changeOrigin: true, headers: { origin: server } };

export default defineConfig({
  base: "/_headwater/console/",
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false },
  worker: { format: "es" },
  server: {
    proxy: {
      "^/_headwater/(metrics|health|deliveries|streams|workflows|console/(session|login|logout))": own,
      "^/$": { ...own, bypass: (request) => (request.method === "POST" ? undefined : request.url) },
    },
  },
});
