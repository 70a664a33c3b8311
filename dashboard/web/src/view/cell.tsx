/** A cell of a notebook: the view that its widget names, with the details of what is chosen beside it. */
import { useEffect, useState } from "preact/hooks";
import type { Model } from "../widget";
import { Details } from "./details";
import { Shell, type HostProps } from "./shell";
import { Bars } from "./states";
import { VIEWS } from "./views";

/** A trait of the widget, from both sides. */
export function useTrait<T>(model: Model, name: string): [T, (value: T) => void] {
  const [value, setValue] = useState(() => model.get(name) as T);
  useEffect(() => {
    const hear = () => setValue(model.get(name) as T);
    model.on(`change:${name}`, hear);
    return () => model.off(`change:${name}`, hear);
  }, [model, name]);
  const change = (next: T) => {
    model.set(name, next);
    model.save_changes();
    setValue(next);
  };
  return [value, change];
}

export function Cell({ model, ...host }: HostProps & { model: Model }) {
  const [view] = useTrait<string>(model, "view");
  const [height] = useTrait<number>(model, "height");
  const [selected, select] = useTrait<number | null>(model, "selected");
  useEffect(() => {
    host.host.style.height = `${height}px`;
  }, [height]);
  const View = VIEWS[view];
  return (
    <Shell {...host} onSelect={select}>
      {({ narrow }) => (
        <>
          <Bars />
          <main class={`tree ${selected !== null ? "opened" : ""}`}>
            <div class="forest">
              {View && <View model={model} selected={selected} narrow={narrow} ended={host.store.link === "down"} onSelect={select} />}
            </div>
            {selected !== null && (
              <aside class="side">
                <Details key={selected} id={selected} onClose={() => select(null)} />
              </aside>
            )}
          </main>
        </>
      )}
    </Shell>
  );
}
