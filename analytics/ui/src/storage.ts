import { effect, type Signal, signal } from "@preact/signals";

/** A choice that outlives the page. A browser that stores nothing still works. */
export function stored<T extends string>(key: string, choices: readonly T[], fallback: T): Signal<T> {
  let start = fallback;
  try {
    const kept = localStorage.getItem(key);
    start = choices.find((choice) => choice === kept) ?? fallback;
  } catch {}
  const choice = signal(start);
  effect(() => {
    try {
      localStorage.setItem(key, choice.value);
    } catch {}
  });
  return choice;
}
