import { computed, effect, signal } from "@preact/signals";
import { stored } from "./storage";

export type Theme = "system" | "light" | "dark";

const system = window.matchMedia("(prefers-color-scheme: dark)");
const systemDark = signal(system.matches);
system.addEventListener("change", (change) => {
  systemDark.value = change.matches;
});

export const theme = stored<Theme>("trimtab.theme", ["system", "light", "dark"], "system");
export const dark = computed(() => theme.value === "dark" || (theme.value === "system" && systemDark.value));

effect(() => {
  if (theme.value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
});
