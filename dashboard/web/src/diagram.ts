/** Where the nodes of a diagram stand: a tidy tree, from the top down or from left to right. */
import { flat, type Knot } from "./outline";

export const WIDE = 204;
export const TALL = 50;
export const MARGIN = 24;
/** So much a node that is folded sticks out, with the number of what is below it. */
const FOLDED: Record<Direction, number> = { down: 14, right: 56 };
/** At this scale text can be read from the back of a class. */
export const READABLE = 0.85;
/** And at this one still, if then all is in sight. */
const LEGIBLE = 0.72;
const LARGEST = 1.6;
/** What is higher or wider than the room by no more than this is scrolled; more than that is folded together. */
const OVERFLOW = 1.6;
/** Nothing changes sides for less. */
const STEADY = 1.15;

export type Direction = "down" | "right";

export interface Place {
  knot: Knot;
  x: number;
  y: number;
}

export interface Drawing {
  direction: Direction;
  places: Place[];
  width: number;
  height: number;
}

interface Room {
  width: number;
  height: number;
}

/** How many tasks to show, from the most that a reader can take in to next to none; the first that fits is taken. */
export const CHOICES: readonly number[] = [150, 120, 96, 76, 60, 48, 38, 30, 24, 18, 12];

/** How far nodes stand apart: [of the same parent, of different parents, to the next level]. */
const GAPS: Record<Direction, [number, number, number]> = { down: [16, 30, 56], right: [12, 22, 56] };

/** Put siblings side by side, and each parent over the middle of its children; subtrees as close as they can be. */
export function place(roots: Knot[], direction: Direction): Drawing {
  const [near, far, level] = GAPS[direction];
  const size = direction === "down" ? WIDE : TALL;
  const step = (direction === "down" ? TALL : WIDE) + level;
  const order = flat(roots);
  const shift = new Map<Knot, number>();
  const edges = new Map<Knot, Edges>();
  for (let index = order.length - 1; index >= 0; index--) {
    const knot = order[index]!;
    edges.set(knot, around(knot.children, edges, shift, size, near, far));
  }
  around(roots, edges, shift, size, near, far);
  const across = new Map<Knot, number>();
  for (const knot of order) across.set(knot, shift.get(knot)! + (knot.parent ? across.get(knot.parent)! : 0));
  let least = Infinity;
  let most = -Infinity;
  let deepest = 0;
  for (const [knot, at] of across) {
    least = Math.min(least, at);
    most = Math.max(most, at);
    deepest = Math.max(deepest, knot.depth);
  }
  const breadth = order.length ? most - least + size : 0;
  const sticksOut = order.some((knot) => knot.depth === deepest && knot.rest && !knot.more) ? FOLDED[direction] : 0;
  const length = order.length ? deepest * step + (direction === "down" ? TALL : WIDE) + sticksOut : 0;
  const places = order.map((knot) => {
    const a = across.get(knot)! - least;
    const b = knot.depth * step;
    return direction === "down" ? { knot, x: a, y: b } : { knot, x: b, y: a };
  });
  return direction === "down" ? { direction, places, width: breadth, height: length } : { direction, places, width: length, height: breadth };
}

/** Of a subtree: its first and its last place in each level, counted from its root. */
type Edges = [first: number, last: number][];

/** Put these children beside each other, centred on their parent; the edges of the whole. */
function around(children: Knot[], edges: Map<Knot, Edges>, shift: Map<Knot, number>, size: number, near: number, far: number): Edges {
  const all: Edges = [];
  for (const child of children) {
    const own = edges.get(child)!;
    let at = 0;
    for (let level = 0; level < Math.min(own.length, all.length); level++) {
      at = Math.max(at, all[level]![1] + size + (level ? far : near) - own[level]![0]);
    }
    shift.set(child, at);
    own.forEach(([first, last], level) => {
      all[level] = [all[level]?.[0] ?? first + at, last + at];
    });
  }
  const middle = children.length ? (shift.get(children[0]!)! + shift.get(children[children.length - 1]!)!) / 2 : 0;
  for (const child of children) shift.set(child, shift.get(child)! - middle);
  return [[0, 0], ...all.map(([first, last]): [number, number] => [first - middle, last - middle])];
}

/** The scale at which all of a drawing is in sight. */
export function scaleOf(drawing: Room, room: Room): number {
  const fit = Math.min((room.width - 2 * MARGIN) / drawing.width, (room.height - 2 * MARGIN) / drawing.height);
  return Math.min(LARGEST, fit);
}

/** The scale to begin with: all in sight, or else readable, and scrolled. */
export function startScale(drawing: Room, room: Room): number {
  const fit = scaleOf(drawing, room);
  return fit < LEGIBLE ? READABLE : fit;
}

/** Which of the two directions shows more; the one that is shown stays unless the other is clearly better. */
export function better(drawings: Record<Direction, Drawing>, room: Room, now: Direction | null): Drawing {
  const score = (direction: Direction) => scaleOf(drawings[direction], room) * (direction === now ? STEADY : 1);
  return score("down") > score("right") ? drawings.down : drawings.right;
}

/** Which of the choices fits into the room; one that was taken stays while it fits, unless a larger one clearly does. */
export function choose(draw: (tasks: number) => Drawing, room: Room, now: number | null): number {
  const fits = (index: number, slack = 1) => {
    if (index === CHOICES.length - 1) return true;
    return scaleOf(draw(CHOICES[index]!), room) * OVERFLOW >= READABLE * slack;
  };
  const first = CHOICES.findIndex((_, index) => fits(index));
  if (now === null || first >= now) return first;
  const clearly = CHOICES.findIndex((_, index) => fits(index, STEADY));
  return Math.min(now, clearly);
}

/** The line from a parent to its child. */
export function edge(parent: Place, child: Place, direction: Direction): string {
  if (direction === "down") {
    const [x, y, u, v] = [parent.x + WIDE / 2, parent.y + TALL, child.x + WIDE / 2, child.y];
    const bend = y + (v - y) / 2;
    return `M${x} ${y}C${x} ${bend} ${u} ${bend} ${u} ${v}`;
  }
  const [x, y, u, v] = [parent.x + WIDE, parent.y + TALL / 2, child.x, child.y + TALL / 2];
  const bend = x + (u - x) / 2;
  return `M${x} ${y}C${bend} ${y} ${bend} ${v} ${u} ${v}`;
}

export type Move = "parent" | "child" | "before" | "after" | "first";

/** Where an arrow key leads: to the parent, to the nearest child, or to the nearest node of the same level. */
export function neighbour(places: Place[], key: string | null, move: Move, direction: Direction): Place | undefined {
  const here = places.find((one) => one.knot.key === key);
  if (!here || move === "first") return places[0];
  if (move === "parent") return places.find((one) => one.knot === here.knot.parent);
  const across = (one: Place) => (direction === "down" ? one.x : one.y);
  const nearest = (list: Place[]) =>
    list.reduce<Place | undefined>((best, one) => (best && distance(best) <= distance(one) ? best : one), undefined);
  const distance = (one: Place) => Math.abs(across(one) - across(here));
  if (move === "child") return nearest(places.filter((one) => one.knot.parent === here.knot));
  const side = (one: Place) => (move === "after" ? across(one) > across(here) : across(one) < across(here));
  return nearest(places.filter((one) => one.knot.depth === here.knot.depth && side(one)));
}

export function moveOf(key: string, direction: Direction): Move | undefined {
  const moves: Record<string, Move> =
    direction === "down"
      ? { ArrowUp: "parent", ArrowDown: "child", ArrowLeft: "before", ArrowRight: "after", Home: "first" }
      : { ArrowLeft: "parent", ArrowRight: "child", ArrowUp: "before", ArrowDown: "after", Home: "first" };
  return moves[key];
}
