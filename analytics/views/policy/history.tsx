/** What has been saved, and going back to it. */
import { data } from "@shell/api";
import { type Key, t, toSecond } from "@shell/i18n";
import { useLoad, usePolled } from "@shell/load";
import { Loading, Notice, TroubleNotice } from "@shell/parts";
import { useEffect, useState } from "preact/hooks";
import { Act, Changes, Commands, Confirm, curl, Unified } from "./controls";
import type { Diff, Revision, Revisions } from "./model";
import { act, POLL_MS, type Steering } from "./state";

const PAGE = 30;
const VIA: Record<string, Key> = {
  api: "policy.via.api",
  cli: "policy.via.cli",
  web: "policy.via.web",
  direct: "policy.via.direct",
};

export function History({ steering }: { steering: Steering }) {
  const [limit, setLimit] = useState(PAGE);
  const path = `/api/v1/policy/revisions?view=full&limit=${limit}`;
  const list = usePolled(path, (signal) => data<Revisions>(path, signal), 2 * POLL_MS);
  const [back, setBack] = useState<Revision>();
  const [open, setOpen] = useState(0);
  const [last, setLast] = useState<Revisions>();
  useEffect(() => {
    if (list.value) setLast(list.value);
  }, [list.value]);
  const value = list.value ?? last;

  const backup = async () => {
    const made = await act<{ backup_id: number }>("POST", "/api/v1/config/backup", {
      said: t("policy.backup.done"),
    });
    if (made) list.again();
  };
  if (value === undefined)
    return list.trouble ? <TroubleNotice trouble={list.trouble} retry={list.again} /> : <Loading />;
  return (
    <section aria-labelledby="history-title">
      <div class="bar-of">
        <div>
          <h2 id="history-title">{t("policy.history")}</h2>
          <p class="muted small">{t("policy.history.lead")}</p>
        </div>
        <Act session={steering.session} right="change" kind="main" run={backup}>
          {t("policy.backup")}
        </Act>
      </div>
      {value.revisions.length === 0 ? (
        <Notice title={t("policy.history.empty")}>
          <p>{t("policy.history.empty.advice")}</p>
        </Notice>
      ) : (
        <ol class="revisions">
          {value.revisions.map((revision) => (
            <li key={revision.backup_id}>
              <div class="revision">
                <div class="number-of">
                  <span class="strong">#{revision.backup_id}</span>
                  <time class="muted small" dateTime={revision.created_at} title={revision.created_at}>
                    {toSecond(revision.created_at)}
                  </time>
                </div>
                <div class="what">
                  <p>
                    {t(`policy.kind.${revision.reason}` as Key, {
                      actor: revision.actor,
                      via: VIA[revision.via] ? t(VIA[revision.via] as Key) : revision.via,
                    })}
                  </p>
                  {revision.why && <p class="why">“{revision.why}”</p>}
                  <p class="mono muted small" title={revision.hash}>
                    {revision.hash.slice(0, 12)}
                    {revision.hash === steering.overview?.hash && (
                      <span class="badge good">{t("policy.history.stored")}</span>
                    )}
                    {revision.signed && <span class="badge">{t("policy.history.signed")}</span>}
                  </p>
                </div>
                <div class="buttons">
                  <button
                    type="button"
                    aria-expanded={open === revision.backup_id}
                    aria-label={`${t("policy.history.diff")} #${revision.backup_id}`}
                    onClick={() => setOpen(open === revision.backup_id ? 0 : revision.backup_id)}
                  >
                    {t("policy.history.diff")}
                  </button>
                  <Act
                    session={steering.session}
                    right="change"
                    label={`${t("policy.rollback")} #${revision.backup_id}`}
                    run={() => setBack(revision)}
                  >
                    {t("policy.rollback")}
                  </Act>
                </div>
              </div>
              {open === revision.backup_id && <Since number={revision.backup_id} />}
            </li>
          ))}
        </ol>
      )}
      <div class="paging">
        <span class="muted">{t("list.count", { shown: value.revisions.length, total: value.total })}</span>
        {value.continue && limit < 500 && (
          <button type="button" class="quiet" onClick={() => setLimit(Math.min(500, limit + PAGE))}>
            {t("list.older")}
          </button>
        )}
      </div>
      {back && (
        <ConfirmRollback
          revision={back}
          close={() => setBack(undefined)}
          done={() => {
            steering.refresh();
            list.again();
          }}
        />
      )}
    </section>
  );
}

function Compared({ path }: { path: string }) {
  const diff = useLoad(path, (signal) => data<Diff>(path, signal));
  if (diff.value === undefined)
    return diff.trouble ? <p class="wrong">{diff.trouble.message}</p> : <Loading rows={3} />;
  return (
    <>
      <Changes list={diff.value.changes} />
      <Unified text={diff.value.unified} />
    </>
  );
}

function Since({ number }: { number: number }) {
  return (
    <div class="since">
      <h3>{t("policy.history.since", { n: number })}</h3>
      <Compared path={`/api/v1/policy/diff?from=${number}&to=desired`} />
    </div>
  );
}

function ConfirmRollback({
  revision,
  close,
  done,
}: {
  revision: Revision;
  close: () => void;
  done: () => void;
}) {
  const number = revision.backup_id;
  const path = `/api/v1/policy/revisions/${number}/rollback`;
  return (
    <Confirm
      title={t("policy.rollback.title", { n: number })}
      action={t("policy.rollback")}
      cancel={close}
      done={async (reason) => {
        close();
        await act("POST", path, { reason });
        done();
      }}
    >
      <p class="muted">{t("policy.rollback.advice")}</p>
      <Compared path={`/api/v1/policy/diff?from=desired&to=${number}`} />
      <Commands lines={[`kubectl trimtab policy rollback ${number}`, curl("POST", path)]} />
    </Confirm>
  );
}
