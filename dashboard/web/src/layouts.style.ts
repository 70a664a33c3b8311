/** How the diagram and the timeline look; text is large enough for a projector. */
export const LAYOUTS_CSS = `
.view-diagram,.view-timeline{position:relative}
.view-diagram .side,.view-timeline .side{position:absolute;inset-block:0;inset-inline-end:0;width:340px;z-index:3;box-shadow:-10px 0 30px var(--shade)}
@container (max-width:640px){.view-diagram .side,.view-timeline .side{width:100%}}
.diagram,.gantt{flex:1;min-width:0;min-height:0;display:flex;flex-direction:column;position:relative}
.diagram .blank,.gantt .blank{position:absolute;inset:0}
.canvas,.lanes{flex:1;min-height:0;overflow:auto;outline:0;overscroll-behavior:contain;scrollbar-width:thin}
.canvas:focus-visible,.lanes:focus-visible{outline:0;box-shadow:inset 0 0 0 2px var(--accent)}
.canvas svg{display:block;cursor:grab}.canvas.dragged svg{cursor:grabbing}
.zoom{display:flex;align-items:center;gap:4px}
.zoom .tool{font-size:19px;border:1px solid var(--line);background:var(--raised);color:var(--ink);min-width:34px;height:34px}
.diagram .zoom{position:absolute;inset-block-end:12px;inset-inline-start:12px}

.drawing{transition:transform .35s ease}
.node{transition:transform .35s ease;cursor:pointer}
.still .drawing,.still .node,.still .edge{transition:none}
.entering{animation:enter .35s ease backwards}@keyframes enter{from{opacity:0}}
.edge{fill:none;stroke:color-mix(in srgb,var(--soft) 55%,var(--sheet));stroke-width:1.8;transition:d .35s ease}
.edge.to-more{stroke-dasharray:3 5}
.edge.held{stroke:var(--stopping);stroke-width:4.5}
.ground{fill:var(--sheet)}
.node.faded .entering{opacity:.45}
.card{fill:color-mix(in srgb,var(--g) 15%,var(--sheet));stroke:var(--g);stroke-width:1.8;transition:fill .35s,stroke .35s}
.node:hover .card{fill:color-mix(in srgb,var(--g) 22%,var(--sheet))}
.node.g-stopped .card{stroke-dasharray:4 4}
.node.more .card{fill:var(--sheet);stroke:color-mix(in srgb,var(--g) 60%,var(--sheet));stroke-dasharray:3 5}
.chosen{fill:none;stroke:var(--accent);stroke-width:3}
.ring{fill:none;stroke:var(--g);transform-box:fill-box;transform-origin:center;animation:ring 1.4s ease-out both}
@keyframes ring{from{stroke-width:14;opacity:.75}to{stroke-width:26;opacity:0}}
.sign,.part{color:var(--g)}
.diagram text,.gantt text{user-select:none;-webkit-user-select:none}
text.name{font-size:15px;font-weight:620;fill:var(--ink)}
text.state{font-size:13px;fill:var(--g);font-weight:560}text.state.blocked{fill:var(--stopping)}
text.time{font-size:13px;fill:var(--soft);font-variant-numeric:tabular-nums}
text.again{font-size:13px;fill:var(--soft);font-weight:600;font-variant-numeric:tabular-nums}text.again.some{fill:var(--retrying)}
.holds rect{fill:var(--stopping)}.holds text{fill:var(--sheet);font-size:12px;font-weight:600}
.handle{fill:var(--sheet);stroke:var(--soft);stroke-width:1.4}path.handle{stroke:var(--ink);stroke-width:1.8}
.folder rect{fill:var(--sheet);stroke:var(--g);stroke-width:1.6}.folder text{font-size:12.5px;font-weight:650;fill:var(--g)}.folder .icon{color:var(--g)}.folder:hover rect{fill:var(--faint)}
.at-step{fill:var(--soft);font-weight:400}
.folder .reach,.lanes .reach{fill:transparent;stroke:none}.folder:hover .handle{fill:var(--faint)}

.gantt-head{display:flex;align-items:center;gap:8px 16px;padding:7px 12px;border-bottom:1px solid var(--line);flex-wrap:wrap}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:13.5px}
.legend li{display:flex;align-items:center;gap:6px}.legend .icon{color:var(--g)}
.swatch{width:18px;height:12px;border-radius:3px;background:var(--g)}
.swatch.gap{height:0;border-radius:0;background:none;border-top:3px dashed var(--g)}
.zoom .button{height:34px}.zoom .button .dot{background:var(--soft)}.zoom .following .dot{background:var(--running)}
.lanes{overflow-x:hidden}.lanes svg{display:block}
.axis{position:sticky;inset-block-start:0;z-index:1;background:var(--sheet);border-bottom:1px solid var(--line)}
.axis text{font-size:12.5px;fill:var(--soft);font-variant-numeric:tabular-nums}
.axis .now{fill:var(--accent)}
.ruler{stroke:var(--line);fill:none}.present{stroke:var(--accent);stroke-width:1.5;fill:none}
.lane .back{fill:transparent}.lane:hover .back{fill:var(--faint);fill-opacity:.6}.lane.selected .back{fill:var(--wash)}
.lane text.name{font-size:14px;font-weight:560}.lane.ended text.name,.lane.faded text.name{fill:var(--soft);font-weight:450}
.lane-fold path{fill:none;stroke:var(--soft);stroke-width:1.8}
.life{fill:var(--g)}.lane .life.g-stopping{fill:url(#hatched)}.hatch{stroke:var(--sheet);stroke-opacity:.5;stroke-width:4;fill:none}
.gap{fill:none;stroke:var(--retrying);stroke-width:3;stroke-dasharray:6 5}
.step{fill:var(--sheet);stroke:var(--ink);stroke-width:1.4}
.mark text{font-size:12.5px;font-weight:560;fill:var(--sheet)}
.failure circle{fill:var(--failed);stroke:var(--sheet);stroke-width:1.5}.failure path{stroke:var(--sheet);stroke-width:2.2;stroke-linecap:round}
.hover{position:absolute;inset-block-start:0;inset-inline-start:0;z-index:4;max-width:360px;pointer-events:none;background:var(--raised);border:1px solid var(--line);border-radius:9px;box-shadow:0 8px 30px var(--shade);padding:9px 13px;font-size:13.5px;overflow-wrap:anywhere}
@media (forced-colors:active){.card,.life,.failure circle{forced-color-adjust:none}}
`;
