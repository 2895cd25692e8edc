/** Values as text. */
import { moment, t } from "@shell/i18n";

export function shown(value: unknown): string {
  if (value === undefined || value === null) return t("none");
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A moment to the second. */
export function toSecond(iso: string): string {
  return moment(iso).replace(/[.,]\d{3}$/, "");
}
