/** The decisions page: the live list at /decisions, one decision at /decisions/ID, one pod at /decisions/pod/NS/NAME. */
import { DecisionList } from "./list";
import { OneDecision } from "./one";
import { OnePod } from "./pod";
import "./catalogue";

export function DecisionsPage({ rest }: { rest: string }) {
  const [first, namespace, ...name] = rest.split("/");
  if (first === "pod" && namespace && name.length > 0)
    return <OnePod key={rest} namespace={namespace} name={name.join("/")} />;
  return rest ? <OneDecision key={rest} id={rest} /> : <DecisionList />;
}
