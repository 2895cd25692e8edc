import { type Key, t } from "./i18n";
import { place } from "./router";

interface Props {
  /** Of the parameter in the address. */
  name: string;
  label: Key;
  options: readonly string[];
  choose: (name: string, value: string) => void;
  told?: (option: string) => string;
}

/** One of some values, or any. A value of the address that is none of them is shown all the same. */
export function Choice({ name, label, options, choose, told = (option) => option }: Props) {
  const chosen = place.value.query.get(name) ?? "";
  return (
    <label>
      <span>{t(label)}</span>
      <select
        name={name}
        value={chosen}
        class={chosen ? "set" : ""}
        onChange={(event) => choose(name, event.currentTarget.value)}
      >
        <option value="">{t("filter.any")}</option>
        {options.map((option) => (
          <option key={option} value={option}>
            {told(option)}
          </option>
        ))}
        {chosen && !options.includes(chosen) && <option value={chosen}>{chosen}</option>}
      </select>
    </label>
  );
}
