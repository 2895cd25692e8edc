/** The caller's token, where the console asks for one. It lives as long as the tab, and nowhere but in it. */
import { signal } from "@preact/signals";

const KEY = "trimtab.token";

function kept(): string {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

export const token = signal(kept());

/** An empty text signs out. */
export function signIn(text: string): void {
  token.value = text.trim();
  try {
    if (token.value) sessionStorage.setItem(KEY, token.value);
    else sessionStorage.removeItem(KEY);
  } catch {}
}
