import { signal } from "@preact/signals";

export interface Place {
  path: string;
  query: URLSearchParams;
}

const read = (): Place => ({
  path: window.location.pathname,
  query: new URLSearchParams(window.location.search),
});

export const place = signal<Place>(read());

window.addEventListener("popstate", () => {
  place.value = read();
});

/** Go somewhere inside the console. `replace` leaves no step in the history. */
export function go(href: string, replace = false): void {
  const moved = new URL(href, window.location.href).pathname !== window.location.pathname;
  if (replace) window.history.replaceState(null, "", href);
  else window.history.pushState(null, "", href);
  place.value = read();
  if (moved) {
    window.scrollTo(0, 0);
    document.getElementById("main")?.focus({ preventScroll: true });
  }
}

/** Plain clicks on links of ours stay in the page; all others are the browser's. */
export function followLinks(event: MouseEvent): void {
  if (
    event.defaultPrevented ||
    event.button !== 0 ||
    event.metaKey ||
    event.ctrlKey ||
    event.shiftKey ||
    event.altKey
  )
    return;
  const link = (event.target as Element).closest?.("a");
  if (!link || link.target || link.origin !== window.location.origin || link.hasAttribute("download")) return;
  if (link.pathname.startsWith("/api/") || link.getAttribute("href")?.startsWith("#")) return;
  event.preventDefault();
  go(link.href);
}
