/** The decisions page: the live list at /decisions, one decision at /decisions/ID. */
import { DecisionList } from "./list";
import { OneDecision } from "./one";

export function DecisionsPage({ rest }: { rest: string }) {
  return rest ? <OneDecision key={rest} id={rest} /> : <DecisionList />;
}
