/** Quantities of Kubernetes, for people. */
import { figures } from "./i18n";

const FACTORS: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};
const BINARY = ["Ei", "Pi", "Ti", "Gi", "Mi", "Ki"] as const;
const IN_BYTES = /memory|storage/;

/** `426250m` of cpu -> 426; `1096320Mi` of memory -> 1.05Ti; what is no quantity stays as it is. */
export function quantity(resource: string, text: string): string {
  const read = /^(\d+(?:\.\d+)?)([numkMGTPE]|[KMGTPE]i)?$/.exec(text);
  if (!read) return text;
  const value = Number(read[1]) * (FACTORS[read[2] ?? ""] ?? 1);
  if (IN_BYTES.test(resource)) {
    const unit = BINARY.find((one) => value >= (FACTORS[one] ?? 1));
    return `${figures(value / (FACTORS[unit ?? ""] ?? 1))}${unit ?? ""}`;
  }
  return value > 0 && value < 1 ? `${figures(value * 1000)}m` : figures(value);
}
