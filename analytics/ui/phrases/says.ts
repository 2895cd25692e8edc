/** What the extender and its plugins say of pods and nodes, in Chinese: each folder keeps its own. */
const found = import.meta.glob<Record<string, string>>(
  ["../../../extender/*/says.zh.json", "../../../extender/plugins/*/says.zh.json"],
  { eager: true, import: "default" },
);

export default Object.assign({}, ...Object.values(found)) as Record<string, string>;
