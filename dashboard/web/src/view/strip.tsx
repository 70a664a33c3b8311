/** The counts, each a filter, and how the process fares. */
import { bytes } from "../format";
import type { Group } from "../states";
import type { Counts } from "../tree";
import type { Key } from "../words.en";
import { useStore, useView } from "./context";
import { GroupIcon } from "./icons";

const GROUPS: Group[] = ["running", "waiting", "stopping", "retrying", "failed", "stopped"];

interface Props {
  counts: Counts;
  total: number;
  group: Group | null;
  onGroup(group: Group | null): void;
}

export function Strip({ counts, total, group, onGroup }: Props) {
  const { store, speech } = useView();
  useStore(store);
  const { t, number } = speech;
  const samples = store.samples;
  const last = samples[samples.length - 1];
  const lag = last?.loopLag;
  return (
    <div class="strip">
      <div class="counts" role="group" aria-label={t("count.strip")}>
        <button class="count" aria-pressed={group === null} onClick={() => onGroup(null)}>
          <span class="figure">{number(total)}</span>
          <span class="label">{t("count.all")}</span>
        </button>
        {GROUPS.map((one) => (
          <button
            key={one}
            class={`count g-${one} ${counts[one] ? "" : "none"}`}
            aria-pressed={group === one}
            onClick={() => onGroup(group === one ? null : one)}
          >
            <span class="figure">{number(counts[one])}</span>
            <span class="label">
              <GroupIcon group={one} />
              {t(`count.${one}` as Key)}
            </span>
          </button>
        ))}
      </div>
      <div class="sparks">
        <Spark label={t("spark.cpu")} values={samples.map((one) => one.cpuPercent)} text={last ? `${last.cpuPercent.toFixed(0)} %` : "–"} floor={20} />
        <Spark label={t("spark.memory")} values={samples.map((one) => one.memory)} text={bytes(last?.memory)} floor={0} />
        <Spark label={t("spark.lag")} values={samples.map((one) => one.loopLag)} text={lag === undefined ? "–" : `${(lag * 1000).toFixed(lag < 0.01 ? 1 : 0)} ms`} floor={0.01} />
      </div>
    </div>
  );
}

function Spark({ label, values, text, floor }: { label: string; values: number[]; text: string; floor: number }) {
  const width = 76;
  const height = 22;
  // Memory is looked at for how it grows, so it is drawn between its least and its most; the others from nought.
  const bottom = floor ? 0 : Math.min(...values) * 0.98;
  const top = Math.max(floor, ...values) * (floor ? 1.15 : 1.02);
  const step = width / 59;
  const x = (index: number) => (width - (values.length - 1 - index) * step).toFixed(1);
  const points = values.map((value, index) => `${x(index)},${(height - 1 - ((value - bottom) / (top - bottom || 1)) * (height - 3)).toFixed(1)}`);
  return (
    <div class="spark">
      <span class="label">{label}</span>
      <span class="value">{text}</span>
      <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true" preserveAspectRatio="none">
        <path d={`M0 ${height - 0.5}H${width}`} class="base" />
        {points.length > 1 && <path d={`M${points[0]} L${points.join(" ")} V${height} H${x(0)} Z`} class="area" />}
        {points.length > 1 && <path d={`M${points.join(" L")}`} class="curve" />}
      </svg>
    </div>
  );
}
