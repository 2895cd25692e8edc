/** A table of its own width: a caption, named columns, and rows. */
import type { ComponentChildren } from "preact";
import { Wide } from "./parts";

/** What a column is called, or that and its classes: `number` for figures, `middle` and `wide` for what gives way. */
export type Column = string | readonly [string, string];

interface Props {
  caption: ComponentChildren;
  /** The caption is for readers of screens: a heading says it to the others. */
  quiet?: boolean;
  name?: string;
  columns: readonly Column[];
  children: ComponentChildren;
}

export function Table({ caption, quiet = false, name, columns, children }: Props) {
  return (
    <Wide>
      <table class={name}>
        <caption class={quiet ? "sr-only" : undefined}>{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => {
              const [word, kind] = typeof column === "string" ? [column] : column;
              return (
                <th key={word} scope="col" class={kind}>
                  {word}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </Wide>
  );
}
