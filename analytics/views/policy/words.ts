/** Values as text. */
import { t } from "@shell/i18n";

export function shown(value: unknown): string {
  if (value === undefined || value === null) return t("none");
  return typeof value === "string" ? value : JSON.stringify(value);
}
