/** A Mermaid picture. The library is large and comes only when a picture is looked at. */
import { text } from "@shell/api";
import { t } from "@shell/i18n";
import { useLoad } from "@shell/load";
import { Copy, Loading, TroubleNotice } from "@shell/parts";
import { dark } from "@shell/theme";
import { useEffect, useRef, useState } from "preact/hooks";

let drawn = 0;

export function Flowchart({ path, version = "" }: { path: string; version?: string }) {
  const source = useLoad(path + version, (signal) => text(path, signal));
  if (source.trouble && source.value === undefined)
    return <TroubleNotice trouble={source.trouble} retry={source.again} />;
  if (source.value === undefined) return <Loading rows={5} />;
  return (
    <div class="flowchart">
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

  useEffect(() => {
    let current = true;
    draw(source, night)
      .then((svg) => {
        if (!current || !box.current) return;
        // Mermaid's own output under securityLevel strict, which has passed its sanitizer.
        box.current.innerHTML = svg;
        setState("drawn");
      })
      .catch(() => current && setState("failed"));
    return () => {
      current = false;
    };
  }, [source, night]);

  return (
    <>
      {state === "drawing" && <Loading rows={5} />}
      {state === "failed" && <p role="alert">{t("one.flow.failed")}</p>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a picture wider than its frame is scrolled by keys */}
      <section class="picture" ref={box} tabIndex={0} aria-label={t("one.flow")} data-state={state} />
    </>
  );
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
      useMaxWidth: true,
      wrappingWidth: 260,
    },
  });
  drawn += 1;
  const { svg } = await mermaid.render(`flowchart-${drawn}`, source);
  return svg;
}
