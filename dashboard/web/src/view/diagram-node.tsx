/** One node of the diagram: a card for a task, or for those of its siblings that are not shown. */
import { useMemo, useRef } from "preact/hooks";
import { TALL, WIDE, type Direction, type Place } from "../diagram";
import { firstLine, nameOf, retries, since, uptime } from "../format";
import type { Rest } from "../outline";
import { DISPOSED, groupOf, RETRYING, type Group } from "../states";
import type { Row } from "../types";
import type { Key } from "../words.en";
import { useView } from "./context";
import { stateText } from "./grid";
import { GroupIcon, StateIcon } from "./icons";
import { clip, clipName, useWords, widthOf } from "./layouts";

/** Whether this is the child whose hook holds up the loop of its parent. */
export function holds({ knot }: Place): boolean {
  return !knot.more && knot.parent?.row.blockedBy === knot.id;
}

interface NodeProps {
  place: Place;
  direction: Direction;
  selected: boolean;
  /** Shown only for what is below it. */
  faded: boolean;
  onPick(place: Place): void;
  onFold(place: Place): void;
}

export function Node(props: NodeProps) {
  const { store, speech } = useView();
  const { knot, x, y } = props.place;
  const latest = useRef(props);
  latest.current = props;
  const states = useRef({ of: "", changes: -1 });
  const state = `${groupOf(knot.row)} ${knot.row.state} ${knot.row.life}`;
  if (states.current.of !== state) states.current = { of: state, changes: states.current.changes + 1 };
  const holder = knot.row.blockedBy === null ? undefined : store.row(knot.row.blockedBy);
  const rest = knot.rest && Object.entries(knot.rest.counts).join();
  const second = Math.floor(store.now / 1000);
  const below = knot.children.length > 0;
  return useMemo(
    () => <Card {...props} latest={latest} changes={states.current.changes} holder={holder} />,
    [knot.row, x, y, props.direction, props.selected, props.faded, second, rest, below, holds(props.place), holder, speech],
  );
}

interface CardProps extends NodeProps {
  latest: { current: NodeProps };
  changes: number;
  holder: Row | undefined;
}

function Card({ place, direction, selected, faded, latest, changes, holder }: CardProps) {
  const { speech } = useView();
  const word = useWords(speech);
  const { knot, x, y } = place;
  const group = knot.more ? knot.rest!.worst : groupOf(knot.row);
  const label = useLabel(place, holder);
  const open = knot.children.length > 0;
  const folds = open || knot.rest;
  const foldAt = direction === "down" ? [WIDE / 2, TALL] : [WIDE, TALL / 2];
  return (
    <g
      id={`node-${knot.key}`}
      role="treeitem"
      class={`node g-${group} ${knot.more ? "more" : ""} ${selected ? "selected" : ""} ${faded ? "faded" : ""}`}
      style={{ transform: `translate(${x}px,${y}px)` }}
      aria-level={knot.depth + 1}
      aria-selected={selected}
      aria-expanded={folds && !knot.more ? open : undefined}
      onClick={() => latest.current.onPick(latest.current.place)}
    >
      <title>{label}</title>
      <g class="entering" aria-hidden="true">
        {changes > 0 && <rect key={changes} class="ring" width={WIDE} height={TALL} rx="10" />}
        {selected && <rect class="chosen" x="-4" y="-4" width={WIDE + 8} height={TALL + 8} rx="13" />}
        <rect class="ground" width={WIDE} height={TALL} rx="10" />
        <rect class="card" width={WIDE} height={TALL} rx="10" />
        {knot.more ? <MoreText place={place} /> : <TaskText place={place} holder={holder} />}
        {holds(place) && <Pill text={word("diagram.holds")} />}
        {folds && !knot.more && (
          <g
            class={`folder ${open ? "" : `g-${knot.rest!.worst}`}`}
            transform={`translate(${foldAt[0]},${foldAt[1]})`}
            onClick={(event) => {
              event.stopPropagation();
              latest.current.onFold(latest.current.place);
            }}
          >
            <title>{open ? word("diagram.fold", { name: nameOf(knot.row) }) : word("diagram.open", { n: knot.rest!.tasks })}</title>
            {open ? <Fold /> : <Unfold rest={knot.rest!} direction={direction} />}
          </g>
        )}
      </g>
    </g>
  );
}

function Fold() {
  return (
    <>
      <circle r="14" class="reach" />
      <circle r="8" class="handle" />
      <path d="M-3.5 0h7" class="handle" />
    </>
  );
}

/** How many are folded away, in the colour of the worst of them. */
function Unfold({ rest, direction }: { rest: Rest; direction: Direction }) {
  const text = `+${useView().speech.number(rest.tasks)}`;
  const wide = widthOf(text, 650, 12.5) + 32;
  return (
    <g transform={direction === "down" ? `translate(${-wide / 2},-7)` : "translate(-9,-10)"}>
      <rect width={wide} height="20" rx="10" />
      <g transform="translate(7,3)">
        <GroupIcon group={rest.worst} />
      </g>
      <text x="24" y="14.5">
        {text}
      </text>
    </g>
  );
}

function Pill({ text }: { text: string }) {
  const wide = widthOf(text, 600, 12) + 18;
  return (
    <g class="holds" transform={`translate(${WIDE - wide - 10},-14)`}>
      <rect width={wide} height="19" rx="9.5" />
      <text x={wide / 2} y="13.5" text-anchor="middle">
        {text}
      </text>
    </g>
  );
}

function TaskText({ place, holder }: { place: Place; holder: Row | undefined }) {
  const { store, speech } = useView();
  const word = useWords(speech);
  const { row } = place.knot;
  const over = row.state === DISPOSED;
  const again = row.retryCount || row.maxRetry > 0 ? retries(row) : "";
  const age = since(row.startTime ?? row.addedAt, store.now);
  const waits = row.state === RETRYING && row.retryAt ? Math.ceil(-(since(row.retryAt, store.now) ?? 0)) : null;
  const blocked = row.blockedBy === null ? "" : holder && holder.id !== row.id ? word("diagram.blockedBy", { name: nameOf(holder) }) : word("diagram.ownCall");
  const reason = over && groupOf(row) === "failed" ? firstLine(row.stopReason) : "";
  const said = blocked || reason || (waits !== null ? speech.t("tree.retryIn", { time: uptime(waits) }) : stateText(row, speech.t));
  const time = over || waits !== null || blocked || age === null ? "" : uptime(age);
  const room = WIDE - 48;
  const left = room - (time ? widthOf(time, 400, 13) + 8 : 0);
  const words = clip(said, left, 560, 13);
  const step = row.step && !over && !blocked ? clip(row.step, left - widthOf(words, 560, 13) - 8, 400, 13) : "";
  return (
    <>
      <g class="sign" transform="translate(12,17) scale(1.3)">
        {groupOf(row) === "failed" ? <GroupIcon group="failed" /> : <StateIcon state={row.state} asked={row.askedAt !== null} />}
      </g>
      <text class="name" x="38" y="22">
        {clipName(nameOf(row), room - (again ? widthOf(again, 600, 13) + 8 : 0), 620, 15)}
      </text>
      {again && (
        <text class={`again ${row.retryCount ? "some" : ""}`} x={WIDE - 10} y="22" text-anchor="end">
          {again}
        </text>
      )}
      <text class={`state ${blocked ? "blocked" : ""}`} x="38" y="41">
        {words}
        {step.length > 2 && (
          <tspan class="at-step" dx="6">
            {step}
          </tspan>
        )}
      </text>
      <text class="time" x={WIDE - 10} y="41" text-anchor="end">
        {time}
      </text>
    </>
  );
}

const ORDER: Group[] = ["failed", "retrying", "stopping", "waiting", "running", "stopped"];

function MoreText({ place }: { place: Place }) {
  const { speech } = useView();
  const word = useWords(speech);
  const rest = place.knot.rest!;
  const groups = ORDER.filter((group) => rest.counts[group]).slice(0, 3);
  return (
    <>
      <text class="name" x="14" y="22">
        {word("diagram.more", { n: rest.tasks })}
      </text>
      {groups.map((group, index) => (
        <g key={group} class={`g-${group} part`} transform={`translate(${14 + index * 58},30)`}>
          <GroupIcon group={group} />
          <text class="state" x="18" y="11.5">
            {speech.number(rest.counts[group])}
          </text>
        </g>
      ))}
    </>
  );
}

/** All that a node shows, as one sentence: its title, for those who hear it and where a text was cut. */
function useLabel({ knot }: Place, holder: Row | undefined): string {
  const { speech } = useView();
  const word = useWords(speech);
  const { row, rest } = knot;
  const counts = rest ? ORDER.filter((group) => rest.counts[group]).map((group) => `${speech.t(`count.${group}` as Key)} ${speech.number(rest.counts[group])}`) : [];
  if (rest) counts.unshift(word("diagram.open", { n: rest.tasks }));
  if (knot.more) return counts.join(", ");
  const again = retries(row);
  const parts = [
    `${nameOf(row)} #${row.id}`,
    stateText(row, speech.t),
    again && word("diagram.retries", { retries: again }),
    holder && holder.id !== row.id && word("diagram.blockedBy", { name: nameOf(holder) }),
    knot.parent?.row.blockedBy === row.id && word("diagram.holds"),
    row.children > 0 && word("diagram.below", { n: row.children }),
    ...counts,
  ];
  return parts.filter(Boolean).join(", ");
}
