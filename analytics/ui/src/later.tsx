/** A page whose code is loaded when it is first looked at. */
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Trouble } from "./api";
import { Loading, TroubleNotice } from "./parts";

interface Props {
  rest: string;
}

/** `slug`: the page whose code begins to come at once where the address is its own. */
export function later(slug: string, load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let loaded: ComponentType<Props> | undefined;
  let coming = window.location.pathname.split("/")[1] === slug ? load() : undefined;
  coming?.then(
    (page) => {
      loaded = page;
    },
    () => {},
  );
  return function Later(props: Props) {
    const [turn, setTurn] = useState(0);
    const [trouble, setTrouble] = useState<Trouble>();
    const Shown = loaded;
    useEffect(() => {
      if (loaded) {
        if (!Shown) setTurn((old) => old + 1); // it came between drawing this and looking here
        return;
      }
      let here = true;
      (coming ?? load())
        .then((page) => {
          loaded = page;
          if (here) setTurn((old) => old + 1);
        })
        .catch((error: unknown) => here && setTrouble(new Trouble("offline", String(error))));
      coming = undefined;
      return () => {
        here = false;
      };
    }, [turn]);
    if (Shown) return <Shown {...props} />;
    if (!trouble) return <Loading />;
    const retry = () => {
      setTrouble(undefined);
      setTurn((old) => old + 1);
    };
    return <TroubleNotice trouble={trouble} retry={retry} />;
  };
}
