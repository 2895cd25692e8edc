import { DecisionsPage } from "@views/decisions/page";
import { EvictionsPage } from "@views/evictions/page";
import { render } from "preact";
import { type Page, Shell } from "./shell";
import "./style.css";
import "./theme";

// By hand, in the order of the navigation.
const PAGES: readonly [Page, ...Page[]] = [
  { slug: "decisions", title: "decisions.title", render: DecisionsPage },
  { slug: "evictions", title: "evictions.title", render: EvictionsPage },
];

const root = document.getElementById("app");
if (root) render(<Shell pages={PAGES} />, root);
