/** The decisions page: the live list at /decisions, one decision at /decisions/ID, one pod at /decisions/pod/NS/NAME,
 * two compared at /decisions/compare?a=ID&b=ID. */

import { place } from "@shell/router";
import { Compare } from "./compare";
import { DecisionList } from "./list";
import { OneDecision } from "./one";
import { OnePod } from "./pod";
import "./catalogue";
import "./decisions.css";

export function DecisionsPage({ rest }: { rest: string }) {
  const [first, namespace, ...name] = rest.split("/");
  if (first === "pod" && namespace && name.length > 0)
    return <OnePod key={rest} namespace={namespace} name={name.join("/")} />;
  if (rest === "compare") {
    const { query } = place.value;
    return <Compare a={query.get("a") ?? ""} b={query.get("b") ?? ""} />;
  }
  return rest ? <OneDecision key={rest} id={rest} /> : <DecisionList />;
}
