/** Who shares the cluster, who is above their quota, and how evenly it is shared. */
import { count, percent, t } from "@shell/i18n";
import { Bar, Card, useAnswer } from "./card";

interface Tenant {
  name: string;
  resources: { resource: string; used_ratio: number | null }[];
  pending_pods: number;
  burst: string[];
  violations: string[];
}

interface Everybody {
  tenants: Tenant[];
  fairness: { jain_index: number | null };
}

const MOST = 4;

/** The fullest of its quotas: resource and share. */
function fullest(tenant: Tenant): { resource: string; share: number } {
  let found = { resource: "", share: 0 };
  for (const { resource, used_ratio: share } of tenant.resources)
    if (share !== null && share >= found.share) found = { resource, share };
  return found;
}

export function Tenants() {
  const asked = useAnswer<Everybody>("/api/v1/tenants");
  return (
    <Card
      name="tenants"
      href="/tenants"
      asked={asked}
      show={({ tenants, fairness }) => {
        const over = tenants.filter((tenant) => tenant.violations.length > 0);
        const bursting = tenants.filter((tenant) => tenant.burst.length > 0);
        if (tenants.length === 0) return { mark: "plain", sentence: t("overview.tenants.none") };
        const sorted = tenants
          .map((tenant) => ({ name: tenant.name, ...fullest(tenant) }))
          .sort((one, other) => other.share - one.share)
          .slice(0, MOST);
        return {
          mark: over.length > 0 ? "bad" : "good",
          sentence:
            over.length > 0
              ? t("overview.tenants.over", {
                  n: count(over.length),
                  names: over.map((one) => one.name).join(", "),
                })
              : t("overview.tenants.said", { n: count(tenants.length), bursting: count(bursting.length) }),
          children: (
            <>
              <div class="bars">
                {sorted.map((one) => (
                  <Bar
                    key={one.name}
                    label={one.name}
                    value={t("overview.tenants.bar", {
                      share: percent(one.share),
                      resource: one.resource || "–",
                    })}
                    share={one.share}
                  />
                ))}
              </div>
              {fairness.jain_index !== null && (
                <p class="muted small">
                  {t("overview.tenants.even", { share: percent(fairness.jain_index) })}
                </p>
              )}
            </>
          ),
        };
      }}
    />
  );
}
