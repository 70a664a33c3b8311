/** The page: its head and its tabs. */
import { useState } from "preact/hooks";
import { Header, type Tab } from "./header";
import { History, NO_FILTER } from "./history";
import { Sessions } from "./sessions";
import { Shell, type HostProps } from "./shell";
import { TokenPage } from "./states";
import { TreeTab } from "./tree-tab";

export function App(props: HostProps) {
  const [tab, setTab] = useState<Tab>("tree");
  const [filter, setFilter] = useState(NO_FILTER);
  const [selected, select] = useState<number | null>(null);
  return (
    <Shell {...props} onSelect={select}>
      {({ theme, narrow, onTheme, onLanguage, onStopMany }) => (
        <>
          <Header tab={tab} theme={theme} onTab={setTab} onTheme={onTheme} onLanguage={onLanguage} />
          {props.store.link === "unauthorised" ? (
            <TokenPage />
          ) : (
            <>
              {tab === "tree" && (
                <TreeTab selected={selected} narrow={narrow} memory={props.memory} onStopMany={onStopMany} onSelect={select} />
              )}
              {tab === "history" && <History filter={filter} onFilter={setFilter} />}
              {tab === "sessions" && (
                <Sessions
                  onShow={(id) => {
                    setFilter({ ...NO_FILTER, sessionId: String(id) });
                    setTab("history");
                  }}
                />
              )}
            </>
          )}
        </>
      )}
    </Shell>
  );
}
