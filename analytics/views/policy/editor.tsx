/** The policy as text: line numbers, and every problem beside the line that it is about. */
import { t } from "@shell/i18n";
import { Icon } from "@shell/parts";
import { useRef } from "preact/hooks";

export interface Problem {
  line: number;
  path: string;
  message: string;
}

export function Editor({
  text,
  problems,
  edit,
}: {
  text: string;
  problems: readonly Problem[];
  edit: (text: string) => void;
}) {
  const area = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLDivElement>(null);
  const lines = text.split("\n").length;
  const marked = new Set(problems.map((problem) => problem.line));
  const show = (line: number) => {
    const box = area.current;
    if (!box || line < 1) return;
    const before =
      text
        .split("\n")
        .slice(0, line - 1)
        .join("\n").length + (line > 1 ? 1 : 0);
    const length = text.split("\n")[line - 1]?.length ?? 0;
    box.focus();
    box.setSelectionRange(before, before + length);
    const height = Number.parseFloat(getComputedStyle(box).lineHeight);
    box.scrollTop = Math.max(0, (line - 4) * height);
  };
  return (
    <div class="editor">
      <div class="text">
        <div class="gutter" ref={gutter} aria-hidden="true">
          {Array.from({ length: lines }, (_, at) => (
            <span key={at} class={marked.has(at + 1) ? "marked" : ""}>
              {at + 1}
            </span>
          ))}
        </div>
        <textarea
          ref={area}
          name="policy"
          aria-label={t("policy.yaml")}
          aria-describedby="yaml-problems"
          aria-invalid={problems.length > 0}
          wrap="off"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          value={text}
          onInput={(event) => edit(event.currentTarget.value)}
          onScroll={(event) => {
            if (gutter.current) gutter.current.scrollTop = event.currentTarget.scrollTop;
          }}
        />
      </div>
      <div id="yaml-problems" role="status" class="problems">
        {problems.map((problem) => (
          <button
            type="button"
            key={`${problem.line}/${problem.path}/${problem.message}`}
            onClick={() => show(problem.line)}
          >
            <Icon name="alert" />
            <span>
              {problem.line > 0 && <span class="strong">{t("policy.line", { n: problem.line })} </span>}
              {problem.path && <code>{problem.path}</code>} {problem.message}
            </span>
          </button>
        ))}
      </div>
    </div>
  );
}
