/** Signs drawn as strokes in the colour of the text around them. */
import { DISPOSED, DISPOSING, GOING, INIT, RETRYING, RUNNING, STARTED, STARTING, type Group } from "../states";

const PATHS: Record<string, string> = {
  logo: "M5 3.5v9a2 2 0 0 0 2 2h3M5 7.5h5",
  chevron: "M6 4l4 4-4 4",
  pause: "M5.5 4v8M10.5 4v8",
  play: "M5.5 3.5v9l7-4.5z",
  sun: "M8 2v1.5M8 12.5V14M2 8h1.5M12.5 8H14M3.8 3.8l1 1M11.2 11.2l1 1M12.2 3.8l-1 1M4.8 11.2l-1 1M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6z",
  moon: "M13 9.6A5.6 5.6 0 0 1 6.4 3 5.6 5.6 0 1 0 13 9.6z",
  auto: "M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11",
  search: "M7 2.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4zM10.2 10.2l3.3 3.3",
  close: "M4 4l8 8M12 4l-8 8",
  stop: "M4.5 4.5h7v7h-7z",
  restart: "M12.6 6A5 5 0 1 0 13 9M13 3v3.3H9.7",
  back: "M9.5 3.5L5 8l4.5 4.5",
  lock: "M4.5 7.5h7v5.5h-7zM6 7.5V5.3a2 2 0 0 1 4 0v2.2",
  save: "M8 2.5v7.5M4.8 7L8 10.2 11.2 7M3 13.3h10",
  warn: "M8 2.5l6 10.8H2zM8 6.6v3M8 11.4v.2",
  expand: "M4 6l4-3.5L12 6M4 10l4 3.5L12 10",
  collapse: "M4 2.8L8 6l4-3.2M4 13.2L8 10l4 3.2",
  plug: "M2.5 13.5l3-3M6.2 5.6L10.4 9.8 8.6 11.6a3 3 0 0 1-4.2-4.2zM10.5 2.5L8.2 4.8M13.5 5.5l-2.3 2.3",
  filter: "M2.5 3.5h11L9.3 8.4v4.4l-2.6-1.3V8.4z",
};

export function Icon({ name, size = 16 }: { name: string; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}

/** The sign of a state: told apart by its form, also without colour. */
export function StateIcon({ state, asked }: { state: number; asked?: boolean }) {
  return (
    <svg class="icon" width="14" height="14" viewBox="0 0 14 14" aria-hidden="true" focusable="false">
      {shapeOf(asked && state < DISPOSING ? DISPOSING : state)}
    </svg>
  );
}

const line = { fill: "none", stroke: "currentColor", "stroke-width": "1.6", "stroke-linecap": "round", "stroke-linejoin": "round" } as const;

function shapeOf(state: number) {
  switch (state) {
    case INIT:
      return <circle cx="7" cy="7" r="4.6" {...line} stroke-dasharray="1.2 2.4" />;
    case STARTING:
      return (
        <g>
          <circle cx="7" cy="7" r="4.6" {...line} />
          <path d="M7 2.4a4.6 4.6 0 0 0 0 9.2z" fill="currentColor" />
        </g>
      );
    case STARTED:
      return (
        <g>
          <circle cx="7" cy="7" r="4.6" {...line} />
          <circle cx="7" cy="7" r="1.7" fill="currentColor" />
        </g>
      );
    case RUNNING:
      return <path d="M4 2.6v8.8L11.4 7z" {...line} fill="currentColor" />;
    case GOING:
      return <circle cx="7" cy="7" r="4.9" fill="currentColor" />;
    case DISPOSING:
      return <path d="M7 2.2v8.6M3.4 7.4L7 11l3.6-3.6" {...line} />;
    case DISPOSED:
      return <path d="M3.2 3.2h7.6v7.6H3.2z" {...line} />;
    default:
      return <path d="M11.3 5.6A4.6 4.6 0 1 0 11.6 8M11.8 2.6v3.2H8.6" {...line} />;
  }
}

/** The sign of a group in the counts. */
export function GroupIcon({ group }: { group: Group }) {
  if (group === "failed") {
    return (
      <svg class="icon" width="14" height="14" viewBox="0 0 14 14" aria-hidden="true" focusable="false">
        <path d="M3.2 3.2l7.6 7.6M10.8 3.2l-7.6 7.6" {...line} stroke-width="2" />
      </svg>
    );
  }
  const state = { running: GOING, waiting: STARTING, stopping: DISPOSING, retrying: RETRYING, stopped: DISPOSED }[group];
  return <StateIcon state={state} />;
}
