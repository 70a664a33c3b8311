/** What is different in a cell. */
export const CELL_CSS = `
:host(.gotask-widget){height:360px;min-height:0;border:1px solid var(--line);border-radius:8px;overflow:hidden;font-size:14px}
.cell-bar{display:flex;align-items:center;gap:8px;flex:none;height:40px;padding:0 8px 0 12px;background:var(--sheet)}
.cell-bar .search{flex:0 1 150px;height:28px;padding:0 8px}
.cell-bar .live{margin:0 0 0 4px}
.live-ended .dot{border-radius:1px}
.layouts{display:flex;flex:none;padding:2px;border-radius:7px;background:var(--faint)}
.layout{padding:2px 10px;border-radius:5px;font-size:13px;color:var(--soft)}
.layout[aria-pressed=true]{background:var(--raised);color:var(--ink);box-shadow:0 1px 2px var(--shade)}
.chips{display:flex;gap:2px;min-width:0;overflow:hidden}
.chip{display:inline-flex;align-items:center;gap:5px;height:28px;padding:0 8px;border-radius:7px;border:1px solid transparent;white-space:nowrap;font-size:13px}
.chip .icon,.chip .tabular{color:var(--g)}.chip .tabular{font-weight:600}.chip .word{color:var(--soft)}
.chip:hover{background:var(--faint)}
.chip[aria-pressed=true]{background:var(--faint);border-color:var(--line)}
.grid,.details-body{overscroll-behavior:auto}
.side{position:relative;flex-basis:340px}
.shut{position:absolute;inset-block-start:8px;inset-inline-end:8px;z-index:1}
.details-head{padding-inline-end:44px}
.line{grid-template-columns:minmax(200px,1.4fr) 130px 64px 52px minmax(110px,1fr)}
.c-from{display:none}.c-retries,.c-waiting{display:block}
.over .actions,.over .actions~p{display:none}
.over .forest,.over .side{filter:none!important;opacity:1!important}
.blank{padding:12px}.blank .sign{width:48px;height:48px;margin-bottom:2px}
@container (max-width:1000px){.chip .word{display:none}.opened .line{grid-template-columns:minmax(150px,1fr) 118px 60px}.opened .c-retries,.opened .c-waiting{display:none}}
@container (max-width:860px){.line{grid-template-columns:minmax(170px,1.2fr) 118px 44px minmax(90px,1fr)}.c-uptime{display:none}.opened .line{grid-template-columns:minmax(150px,1fr) 118px}}
@container (max-width:640px){
.tree{position:relative}
.tree.opened .side{position:absolute;inset:0;z-index:4;border:0}
.line,.opened .line{grid-template-columns:minmax(120px,1fr) 112px 40px}.c-waiting{display:none}
.cell-bar .live .word{display:none}.cell-bar .search{flex-basis:90px}
}
`;
