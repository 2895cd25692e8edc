/** The words of this view, which come with its code, and the phrases that its API says. */
import { learn } from "@shell/i18n";
import { learnPhrases, NAMED, SAYS } from "@shell/phrases";
import en from "./locales/en.json";
import zh from "./locales/zh.json";

type Words = Record<keyof typeof en, string>;

declare module "@shell/i18n" {
  interface Catalogue extends Words {}
}

learn({ en, zh });
learnPhrases(NAMED, SAYS, () => import("./says.zh.json"));
