/** The decisions of the list as a file. */
import { file, Trouble } from "@shell/api";
import { t } from "@shell/i18n";
import { TroubleNotice } from "@shell/parts";
import { useState } from "preact/hooks";

const FORMATS = ["csv", "json", "parquet"] as const;
type Format = (typeof FORMATS)[number];
const LIMIT = 100_000;

/** `filters`: those of the list, as a query. */
export function Exports({ filters }: { filters: string }) {
  const [busy, setBusy] = useState<Format>();
  const [failed, setFailed] = useState<{ trouble: Trouble; format: Format }>();

  const run = (format: Format) => {
    setBusy(format);
    setFailed(undefined);
    const path = `/api/v1/decisions/export?format=${format}&limit=${LIMIT}${filters && `&${filters}`}`;
    file(path, `decisions.${format}`)
      .catch((error: unknown) => {
        const trouble = error instanceof Trouble ? error : new Trouble("failed", String(error));
        setFailed({ trouble, format });
      })
      .finally(() => setBusy(undefined));
  };

  return (
    <>
      <fieldset class="decisions-exports">
        <legend class="sr-only">{t("export.title")}</legend>
        <span class="muted small" aria-hidden="true">
          {t("export.title")}
        </span>
        {FORMATS.map((format) => (
          <button
            key={format}
            type="button"
            class="quiet"
            disabled={busy !== undefined}
            onClick={() => run(format)}
          >
            {t(busy === format ? "export.busy" : `export.${format}`)}
          </button>
        ))}
      </fieldset>
      {failed && <TroubleNotice trouble={failed.trouble} retry={() => run(failed.format)} />}
    </>
  );
}
