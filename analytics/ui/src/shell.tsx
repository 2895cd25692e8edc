/** What surrounds every page: the name, the navigation, and the two choices a reader may make. */
import type { ComponentType } from "preact";
import { type Key, language, t } from "./i18n";
import { Icon } from "./parts";
import { followLinks, place } from "./router";
import { type Theme, theme } from "./theme";

export interface Page {
  slug: string;
  title: Key;
  render: ComponentType<{ rest: string }>;
}

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const THEME_ICON = { system: "auto", light: "sun", dark: "moon" } as const;

/** A part of the path as text; one that is no valid encoding stands for itself. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function Shell({ pages }: { pages: readonly [Page, ...Page[]] }) {
  const path = place.value.path.replace(/\/+$/, "");
  const [, slug = "", ...rest] = path.split("/");
  const page = slug === "" ? pages[0] : pages.find((candidate) => candidate.slug === slug);
  const Shown = page?.render;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: catches clicks on real links below
    // biome-ignore lint/a11y/useKeyWithClickEvents: a key on a link arrives as a click
    <div class="shell" onClick={followLinks}>
      <a class="skip" href="#main">
        {t("shell.skip")}
      </a>
      <header>
        <a class="brand" href="/">
          <img src="/icon.svg" alt="" width="22" height="22" />
          Trimtab
        </a>
        <nav aria-label={t("shell.navigation")}>
          {pages.map((entry) => (
            <a key={entry.slug} href={`/${entry.slug}`} aria-current={entry === page ? "page" : undefined}>
              {t(entry.title)}
            </a>
          ))}
        </nav>
        <div class="choices">
          <button
            type="button"
            onClick={() => {
              language.value = language.value === "en" ? "zh" : "en";
            }}
            lang={language.value === "en" ? "zh-CN" : "en"}
            title={t("shell.language")}
          >
            {language.value === "en" ? "中文" : "English"}
          </button>
          <button
            type="button"
            class="square"
            onClick={() => {
              theme.value = NEXT[theme.value];
            }}
            title={t(`shell.theme.${theme.value}`)}
            aria-label={t(`shell.theme.${theme.value}`)}
          >
            <Icon name={THEME_ICON[theme.value]} />
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {Shown ? (
          <Shown rest={rest.map(decoded).join("/")} />
        ) : (
          <div class="notice">
            <h1>{t("shell.nowhere.title")}</h1>
            <p>{t("shell.nowhere.advice")}</p>
          </div>
        )}
      </main>
    </div>
  );
}
