/** The policy page: plugins, configuration, history and the shadow report. */
import { data, whole } from "@shell/api";
import { type Key, t } from "@shell/i18n";
import { usePolled } from "@shell/load";
import { Loading, Notice, TroubleNotice } from "@shell/parts";
import { go, place } from "@shell/router";
import { SignIn } from "@shell/signin";
import { signIn, token } from "@shell/token";
import { useEffect, useMemo, useState } from "preact/hooks";
import { ActionPanel, ConfirmDisable, type Switch } from "./actions";
import { Outcome } from "./controls";
import { Edit } from "./edit";
import { profileNames } from "./entries";
import { History } from "./history";
import type { CatalogueEntry, Overview, PluginsAnswer, Session } from "./model";
import { Shadow } from "./shadow";
import { draft, isChanged, POLL_MS, profileQuery, type Steering, useYaml } from "./state";
import { Banner, Breakers, StatusPanel } from "./status";
import { PluginTable } from "./table";
import "./policy.css";
import "./catalogue";

const TABS = ["", "edit", "history", "shadow"] as const;
const SESSION_MS = 30_000;
const CATALOGUE_MS = 60_000;
/** Stands where nothing is stored yet. */
const NOTHING: Overview = {
  text: "apiVersion: policy.trimtab.dev/v1alpha1\nkind: SchedulingPolicy\nprofiles: []\n",
  hash: "*",
  revision: "",
  form: "document",
  desired: { revision: "", hash: "", problems: [] },
  effective: [],
  warnings: [],
};

export function PolicyPage({ rest }: { rest: string }) {
  const tab = TABS.find((one) => one === rest);
  const profile = place.value.query.get("profile") ?? "";
  const who = token.value ? "known" : "anybody";
  const session = usePolled(
    `session/${who}`,
    (signal) => data<Session>("/api/v1/session", signal),
    SESSION_MS,
  );
  const overview = usePolled(`policy/${who}`, (signal) => data<Overview>("/api/v1/policy", signal), POLL_MS);
  const plugins = usePolled(
    `plugins/${profile}/${who}`,
    (signal) => whole<PluginsAnswer>(`/api/v1/plugins${profileQuery(profile)}`, signal),
    POLL_MS,
  );
  const catalogue = usePolled(
    `catalogue/${who}`,
    (signal) => data<CatalogueEntry[]>("/api/v1/policy/catalogue", signal),
    CATALOGUE_MS,
  );
  const yaml = useYaml();
  const nothing = overview.trouble?.kind === "missing";
  const stored = nothing ? NOTHING : overview.value;
  const tree = useTree(yaml, stored?.text);

  useEffect(() => {
    document.title = `${t("policy.title")} · Trimtab`;
  });

  const steering: Steering = {
    session: session.value,
    overview: stored,
    plugins: plugins.value,
    catalogue: catalogue.value,
    yaml,
    tree,
    profile,
    refresh: () => {
      overview.again();
      plugins.again();
    },
  };
  const denied = [session, overview, plugins].find((one) => one.trouble?.kind === "denied")?.trouble;
  const again = () => {
    session.again();
    steering.refresh();
    catalogue.again();
  };
  const first = stored === undefined ? overview.trouble : undefined;
  return (
    <div class="steering">
      <div class="title">
        <div>
          <h1>{t("policy.title")}</h1>
          <p class="muted">{t("policy.lead")}</p>
        </div>
        <Who session={session.value} />
      </div>
      <nav class="tabs" aria-label={t("policy.sections")}>
        {TABS.map((one) => (
          <a
            key={one}
            href={`/policy${one && `/${one}`}${profileQuery(profile)}`}
            aria-current={one === tab ? "page" : undefined}
          >
            {t(`policy.tab.${one || "plugins"}` as Key)}
            {one === "edit" && isChanged(draft.value) && <span class="badge warn">{t("policy.draft")}</span>}
          </a>
        ))}
        <ProfileChoice tree={tree} profile={profile} />
      </nav>
      {denied ? (
        <TroubleNotice trouble={denied} retry={again} />
      ) : (
        <>
          <Outcome refresh={steering.refresh} />
          {overview.trouble && overview.value && !nothing && (
            <div class="banner" role="alert">
              <p>{t("policy.stale", { why: overview.trouble.message })}</p>
            </div>
          )}
          {stored && !nothing && <Banner overview={stored} />}
          <Breakers />
          {first ? (
            <TroubleNotice trouble={first} retry={again} />
          ) : tab === undefined ? (
            <Notice title={t("shell.nowhere.title")}>
              <p>{t("shell.nowhere.advice")}</p>
            </Notice>
          ) : tab === "edit" ? (
            <Edit steering={steering} />
          ) : tab === "history" ? (
            <History steering={steering} />
          ) : tab === "shadow" ? (
            <Shadow />
          ) : nothing ? (
            <Notice
              title={t("policy.empty")}
              action={{ label: t("policy.empty.do"), run: () => go("/policy/edit") }}
            >
              <p>{t("policy.empty.advice")}</p>
            </Notice>
          ) : plugins.value && stored && (tree !== undefined || stored.form === "unreadable") ? (
            <Plugins steering={steering} busy={overview.busy} />
          ) : plugins.trouble ? (
            <TroubleNotice trouble={plugins.trouble} retry={again} />
          ) : (
            <Loading />
          )}
        </>
      )}
    </div>
  );
}

function useTree(yaml: Steering["yaml"], text: string | undefined): unknown {
  return useMemo(
    () => (yaml && text !== undefined ? yaml.parse(text).tree : undefined),
    [yaml !== undefined, text],
  );
}

function Plugins({ steering, busy }: { steering: Steering; busy: boolean }) {
  const [asked, setAsked] = useState<{ wanted: Switch; reason: string }>();
  const disable = (wanted: Switch, reason: string) => setAsked({ wanted, reason });
  return (
    <div class="desk">
      <div class="beside">
        <StatusPanel steering={steering} busy={busy} />
        <ActionPanel steering={steering} disable={disable} />
      </div>
      <PluginTable steering={steering} disable={disable} />
      {asked && (
        <ConfirmDisable
          wanted={asked.wanted}
          given={asked.reason}
          steering={steering}
          close={() => setAsked(undefined)}
        />
      )}
    </div>
  );
}

/** Who is asking; where to sign in where that is needed. */
function Who({ session }: { session: Session | undefined }) {
  const [open, setOpen] = useState(false);
  if (!session || session.auth === "none") return null;
  return (
    <div class="who">
      <span class="muted">
        {t("policy.who", {
          actor: session.actor || t("policy.may.nobody"),
          role: t(`policy.role.${session.role}` as Key),
        })}
      </span>
      {token.value ? (
        <button type="button" onClick={() => signIn("")}>
          {t("signin.out")}
        </button>
      ) : open ? (
        <SignIn done={() => setOpen(false)} />
      ) : (
        <button type="button" onClick={() => setOpen(true)}>
          {t("signin.do")}
        </button>
      )}
    </div>
  );
}

function ProfileChoice({ tree, profile }: { tree: unknown; profile: string }) {
  const names = profileNames(tree);
  if (names.length < 2) return null;
  return (
    <label class="profile">
      <span class="muted">{t("one.profile")}</span>
      <select
        value={profile}
        onChange={(event) => {
          const query = new URLSearchParams(place.value.query);
          if (event.currentTarget.value) query.set("profile", event.currentTarget.value);
          else query.delete("profile");
          go(`${place.value.path}${query.size ? `?${query}` : ""}`, true);
        }}
      >
        <option value="">{t("policy.profile.default")}</option>
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
