import { render } from "preact";
import { later } from "./later";
import { type Page, Shell } from "./shell";
import "./style.css";
import "./theme";

// By hand, in the order of the navigation.
const PAGES: readonly [Page, ...Page[]] = [
  {
    slug: "overview",
    title: "overview.title",
    render: later("overview", () => import("@views/overview/page").then((page) => page.OverviewPage)),
  },
  {
    slug: "decisions",
    title: "decisions.title",
    render: later("decisions", () => import("@views/decisions/page").then((page) => page.DecisionsPage)),
  },
  {
    slug: "pending",
    title: "pending.title",
    render: later("pending", () => import("@views/pending/page").then((page) => page.PendingPage)),
  },
  {
    slug: "evictions",
    title: "evictions.title",
    render: later("evictions", () => import("@views/evictions/page").then((page) => page.EvictionsPage)),
  },
  {
    slug: "heatmap",
    title: "heatmap.title",
    render: later("heatmap", () => import("@views/heatmap/page").then((page) => page.HeatmapPage)),
  },
  {
    slug: "tenants",
    title: "tenants.title",
    render: later("tenants", () => import("@views/tenants/page").then((page) => page.TenantsPage)),
  },
  {
    slug: "audit",
    title: "audit.title",
    render: later("audit", () => import("@views/audit/page").then((page) => page.AuditPage)),
  },
  {
    slug: "policy",
    title: "policy.title",
    render: later("policy", () => import("@views/policy/page").then((page) => page.PolicyPage)),
  },
  {
    slug: "performance",
    title: "performance.title",
    render: later("performance", () =>
      import("@views/performance/page").then((page) => page.PerformancePage),
    ),
  },
  {
    slug: "analyzer",
    title: "analyzer.title",
    render: later("analyzer", () => import("@views/analyzer/page").then((page) => page.AnalyzerPage)),
  },
];

const root = document.getElementById("app");
// A console of some tools says which pages it has; the first of them is its home.
const named = document.documentElement.dataset.pages?.split(" ");
const [home = PAGES[0], ...others] = named ? PAGES.filter((page) => named.includes(page.slug)) : PAGES;
if (root) render(<Shell pages={[home, ...others]} />, root);
