/** Findings by severity over time, as columns; the same in words for who cannot see them. */
import { t, toSecond } from "@shell/i18n";
import { SEVERITIES, type Timeline } from "./model";

const WIDE = 960;
const HIGH = 120;

export function TimelineChart({ timeline }: { timeline: Timeline }) {
  const start = Date.parse(timeline.start);
  const stepMs = timeline.step_seconds * 1000;
  const count = Math.max(1, Math.ceil((Date.parse(timeline.end) - start) / stepMs));
  const width = WIDE / count;
  const sums = timeline.steps.map((step) => SEVERITIES.reduce((sum, name) => sum + step[name], 0));
  const most = Math.max(1, ...sums);
  const total = sums.reduce((sum, one) => sum + one, 0);
  return (
    <figure class="audit-timeline">
      <svg
        viewBox={`0 0 ${WIDE} ${HIGH}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={t("audit.timeline.said", {
          total,
          critical: timeline.totals.critical,
          high: timeline.totals.high,
        })}
      >
        {timeline.steps.map((step) => {
          const x = Math.floor((Date.parse(step.time) - start) / stepMs) * width;
          let top = HIGH;
          return SEVERITIES.map((name) => {
            const height = (step[name] / most) * (HIGH - 6);
            top -= height;
            return height > 0 ? (
              <rect
                key={`${step.time}${name}`}
                class={name}
                x={x + 0.1 * width}
                y={top}
                width={0.8 * width}
                height={height}
              >
                <title>
                  {toSecond(step.time)} · {t(`audit.severity.${name}`)} {step[name]}
                </title>
              </rect>
            ) : null;
          });
        })}
      </svg>
      <figcaption class="muted small">
        <span>{toSecond(timeline.start)}</span>
        <span>{t("audit.timeline.most", { n: most })}</span>
        <span>{toSecond(timeline.end)}</span>
      </figcaption>
    </figure>
  );
}
