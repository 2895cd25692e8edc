/** A page whose code is loaded when it is first looked at. */
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Trouble } from "./api";
import { Loading, TroubleNotice } from "./parts";

interface Props {
  rest: string;
}

export function later(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let loaded: ComponentType<Props> | undefined;
  return function Later(props: Props) {
    const [turn, setTurn] = useState(0);
    const [trouble, setTrouble] = useState<Trouble>();
    useEffect(() => {
      if (loaded) return;
      let here = true;
      load()
        .then((page) => {
          loaded = page;
          if (here) setTurn((old) => old + 1);
        })
        .catch((error: unknown) => here && setTrouble(new Trouble("offline", String(error))));
      return () => {
        here = false;
      };
    }, [turn]);
    const Shown = loaded;
    if (Shown) return <Shown {...props} />;
    if (!trouble) return <Loading />;
    const retry = () => {
      setTrouble(undefined);
      setTurn((old) => old + 1);
    };
    return <TroubleNotice trouble={trouble} retry={retry} />;
  };
}
