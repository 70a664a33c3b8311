/** The signs of the stepper: of kinds of events, and of its buttons. */
const PATHS: Record<string, string> = {
  start: "M5.5 3.5v9l7-4.5z",
  "start again": "M12.6 6A5 5 0 1 0 13 9M13 3v3.3H9.7",
  tick: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 5v3.2l2.2 1.3",
  dispose: "M8 2.5v8M4 7l4 4 4-4M3 13.5h10",
  call: "M3 3.5h10v7H8l-3 2.5v-2.5H3z",
  nothing: "M4 8h8",
  step: "M4 3.5v9l6-4.5zM12.5 3.5v9",
  pause: "M5.5 4v8M10.5 4v8",
  resume: "M3.5 4v8l4.5-4zM8.5 4v8l4.5-4z",
  arrow: "M2.5 8h10M9 4.5L12.5 8 9 11.5",
  right: "M3 8.5l3.2 3.2L13 5",
  wrong: "M4 4l8 8M12 4l-8 8",
};

export function Sign({ name }: { name: string }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name] ?? PATHS["nothing"]} fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
