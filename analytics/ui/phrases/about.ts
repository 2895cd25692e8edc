/** What plugins and their arguments are, in Chinese: each folder keeps its own. */
const found = import.meta.glob<Record<string, string>>(
  ["../../../extender/*/about.zh.json", "../../../extender/plugins/*/about.zh.json"],
  { eager: true, import: "default" },
);

export default Object.assign({}, ...Object.values(found)) as Record<string, string>;
