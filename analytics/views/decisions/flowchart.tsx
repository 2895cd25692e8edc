/** A Mermaid picture. The library is large and comes only when a picture is looked at. */
import { text } from "@shell/api";
import { t } from "@shell/i18n";
import { useLoad } from "@shell/load";
import { Copy, Loading, TroubleNotice, watchEdges } from "@shell/parts";
import { said } from "@shell/phrases";
import { dark } from "@shell/theme";
import { useEffect, useRef, useState } from "preact/hooks";

let drawn = 0;

export function Flowchart({ path, version = "" }: { path: string; version?: string }) {
  const source = useLoad(path + version, (signal) => text(path, signal));
  if (source.trouble && source.value === undefined)
    return <TroubleNotice trouble={source.trouble} retry={source.again} />;
  if (source.value === undefined) return <Loading rows={5} />;
  return (
    <div class="drawing">
      <div class="tools">
        <Copy text={source.value} label={t("one.flow.copy")} />
        <a href={path}>{t("one.flow.text")}</a>
      </div>
      <Picture source={source.value} />
    </div>
  );
}

function Picture({ source }: { source: string }) {
  const box = useRef<HTMLDivElement>(null);
  const [state, setState] = useState<"drawing" | "drawn" | "failed">("drawing");
  const night = dark.value;
  const told = worded(source);

  useEffect(() => {
    let current = true;
    draw(told, night)
      .then((svg) => {
        if (!current || !box.current) return;
        // Mermaid's own output under securityLevel strict, which has passed its sanitizer.
        box.current.innerHTML = svg;
        raiseTitles(box.current);
        keepSize(box.current);
        setState("drawn");
      })
      .catch(() => current && setState("failed"));
    return () => {
      current = false;
    };
  }, [told, night]);

  useEffect(() => (box.current ? watchEdges(box.current) : undefined), [state, told, night]);

  return (
    <>
      {state === "drawing" && <Loading rows={5} />}
      {state === "failed" && <p role="alert">{t("one.flow.failed")}</p>}
      <section class="picture" ref={box} aria-label={t("one.flow")} data-state={state} />
    </>
  );
}

/** Arrows enter a group through its title: it is drawn last, on a ground of its own. */
function raiseTitles(box: HTMLElement): void {
  for (const title of box.querySelectorAll(".cluster-label")) title.closest("g.root")?.append(title);
}

/** A small picture is not blown up: its own width is Mermaid's `max-width`. */
function keepSize(box: HTMLElement): void {
  const picture = box.querySelector("svg");
  picture?.style.setProperty("--natural", picture.style.maxWidth || "34rem");
  const natural = Number.parseFloat(picture?.style.maxWidth ?? "");
  box.closest(".columns")?.toggleAttribute("data-wide", natural > BESIDE_TABLES_MAX);
}

/** A wider picture would be too small to read in half a page: it stands above its tables. In pixels. */
const BESIDE_TABLES_MAX = 820;

/** The text carries colours for any renderer; on a dark page these take their place. */
const NIGHT: Record<string, string> = {
  step: "fill:#1c2b3d,stroke:#5b87b8,color:#d9e6f5",
  quiet: "fill:#262f38,stroke:#66727f,color:#ccd5dd",
  rejected: "fill:#3b211c,stroke:#c2614b,color:#f4c9be",
  wait: "fill:#352b14,stroke:#c79a35,color:#f3e2b5",
  best: "fill:#18301f,stroke:#559a6b,color:#cdecd6",
};

function nightly(source: string): string {
  return source.replace(/^( *classDef (\w+)) .*$/gm, (line, head: string, name: string) => {
    const colours = NIGHT[name];
    return colours ? `${head} ${colours}` : line;
  });
}

/** Labels in the reader's language. What is put in is written as the server writes it: nothing that Mermaid reads. */
function worded(source: string): string {
  return source
    .replace(/"([^"]*)"/g, (_whole, label: string) => `"${label.split("<br/>").map(row).join("<br/>")}"`)
    .replace(/^(acc(?:Title|Descr): )(.*)$/gm, (_line, head: string, words: string) => head + row(words));
}

const JOINER = "\u2060";

function row(label: string): string {
  const english = label
    .replace(/#(\d+);/g, (_entity, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll(JOINER, "");
  const words = said(english);
  if (words === english) return label;
  return words.replace(/[^\p{L}\p{N}\p{M} /,]|[ﬂ¶]/gu, (sign) => {
    const entity = `#${sign.codePointAt(0)};`;
    return "\\$:ﬂ¶".includes(sign) ? `${entity}#8288;` : entity;
  });
}

async function draw(source: string, night: boolean): Promise<string> {
  const { default: mermaid } = await import("mermaid");
  mermaid.initialize({
    startOnLoad: false,
    securityLevel: "strict",
    theme: night ? "dark" : "neutral",
    fontFamily: "inherit",
    suppressErrorRendering: true,
    flowchart: {
      curve: "basis",
      nodeSpacing: 28,
      rankSpacing: 38,
      padding: 10,
      subGraphTitleMargin: { top: 4, bottom: 12 },
      useMaxWidth: true,
      wrappingWidth: 260,
    },
  });
  drawn += 1;
  const { svg } = await mermaid.render(`flowchart-${drawn}`, night ? nightly(source) : source);
  return svg;
}
