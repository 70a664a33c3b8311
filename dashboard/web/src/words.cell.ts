/** The words of a cell, beside those of the page. */
import type { Language } from "./i18n";

const en = {
  tree: "Tree",
  diagram: "Diagram",
  timeline: "Timeline",
  views: "View",
  filter: "Filter",
  live: "Live",
  busy: "Kernel busy",
  busyHint: "The kernel runs a cell that does not await; it answers when that is done.",
  ended: "Ended",
  endedHint: "The tree is shut down: this is how its tasks ended.",
  lost: "No kernel",
  lostHint: "The kernel has gone or was restarted: run the cell again.",
  close: "Close the details",
};

const zh: typeof en = {
  tree: "树",
  diagram: "关系图",
  timeline: "时间线",
  views: "视图",
  filter: "筛选",
  live: "实时",
  busy: "内核忙",
  busyHint: "内核正在运行不含 await 的单元格，结束后才会应答。",
  ended: "已结束",
  endedHint: "任务树已关闭：这里显示各任务是怎样结束的。",
  lost: "没有内核",
  lostHint: "内核已退出或已重启：请重新运行这个单元格。",
  close: "关闭详情",
};

export const cellWords: Record<Language, typeof en> = { en, zh };
