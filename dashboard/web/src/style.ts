/** How it looks: set as adopted style sheets, because a strict policy allows neither <style> nor style="". */
const LIGHT = `
--paper:#f6f5f1;--sheet:#fffefb;--raised:#fff;--ink:#1b2230;--soft:#596273;--line:#e2dfd6;--faint:#efede6;
--accent:#3f4fc0;--accent-ink:#fff;--wash:#e9ebfa;--shade:#1b22301f;
--running:#1b7a48;--waiting:#4f6478;--stopping:#8d5a00;--failed:#bd2a24;--retrying:#8339ad;--stopped:#687083;--blue:#1c63b5;
--failed-wash:#fbeae7;--retrying-wash:#f5ebfa;--stopping-wash:#faf1dc;color-scheme:light;`;
const DARK = `
--paper:#12151b;--sheet:#181c24;--raised:#1f242e;--ink:#e7e9ef;--soft:#9ba4b4;--line:#2a303c;--faint:#1f242e;
--accent:#98a5ff;--accent-ink:#12151b;--wash:#262c4a;--shade:#0009;
--running:#58c98b;--waiting:#a3b6c9;--stopping:#e8b352;--failed:#ff8a80;--retrying:#d3a1f5;--stopped:#98a1b1;--blue:#74b3ff;
--failed-wash:#3a2022;--retrying-wash:#30223c;--stopping-wash:#352a16;color-scheme:dark;`;

export const FONTS =
  'system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans","PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif';

export const PAGE_CSS = `
html,body{margin:0;height:100%;background:#f6f5f1}
@media (prefers-color-scheme:dark){html,body{background:#12151b}}
.gotask{position:fixed;inset:0}
`;

export const CSS = `
:host{display:block;height:100%;min-height:320px;${LIGHT}
font:13px/1.45 ${FONTS};
color:var(--ink);text-align:start}
@media (prefers-color-scheme:dark){:host{${DARK}}}
:host([data-theme=light]){${LIGHT}}
:host([data-theme=dark]){${DARK}}
*{box-sizing:border-box}
h1,h2,h3,h4,p,dl,dd,ol,ul{margin:0;padding:0;font:inherit}ol,ul{list-style:none}
button,input,select{font:inherit;color:inherit}
button{background:none;border:0;padding:0;cursor:pointer}
button:disabled{opacity:.5;cursor:default}
code,pre,kbd,.mono dd{font-family:ui-monospace,"SF Mono","Cascadia Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.92em}
.tabular{font-variant-numeric:tabular-nums}
.soft{color:var(--soft)}
.icon{flex:none;display:block}
:focus-visible{outline:2px solid var(--accent);outline-offset:1px;border-radius:4px}
.app{height:100%;display:flex;flex-direction:column;background:var(--paper);overflow:hidden;position:relative}

.head{display:flex;align-items:center;gap:20px;padding:0 16px;height:52px;flex:none;background:var(--sheet);border-bottom:1px solid var(--line)}
.brand{display:flex;align-items:center;gap:10px;min-width:0}
.logo{color:var(--ink);flex:none}.logo-a{fill:var(--running)}.logo-b{fill:var(--accent)}.logo-c{fill:var(--sheet)}
h1{font-size:15px;font-weight:650;letter-spacing:-.01em;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.facts{display:flex;color:var(--soft);font-size:12px;white-space:nowrap}
.facts span+span::before{content:"·";margin:0 6px}
.badge{display:inline-flex;align-items:center;gap:4px;font-size:11.5px;padding:2px 8px;border-radius:99px;border:1px solid var(--line);color:var(--soft);white-space:nowrap;margin-inline-start:4px}
.tabs{display:flex;gap:2px;height:100%;margin-inline:auto}
.tab{padding:0 14px;height:100%;color:var(--soft);border-bottom:2px solid transparent;border-top:2px solid transparent;font-weight:500}
.tab:hover{color:var(--ink)}
.tab[aria-current]{color:var(--ink);border-bottom-color:var(--accent)}
.tab:focus-visible{outline-offset:-4px}
.tools{display:flex;align-items:center;gap:4px}
.tool{display:inline-grid;place-items:center;min-width:30px;height:30px;border-radius:6px;color:var(--soft)}
.tool:hover,.tool[aria-pressed=true]{background:var(--faint);color:var(--ink)}
.tool.words{padding:0 9px;font-size:12.5px}
.live{display:inline-flex;align-items:center;gap:7px;font-size:12.5px;color:var(--soft);margin-inline-end:8px;white-space:nowrap}
.dot{width:8px;height:8px;border-radius:50%;background:var(--stopped)}
.live-live{color:var(--running)}.live-live .dot{background:var(--running);animation:beat 2.4s ease-out infinite}
.live-offline{color:var(--failed)}.live-offline .dot{background:var(--failed);border-radius:1px}
.live-paused{color:var(--stopping)}.live-paused .dot{background:var(--stopping);border-radius:1px}
@keyframes beat{0%{box-shadow:0 0 0 0 color-mix(in srgb,var(--running) 55%,transparent)}60%,100%{box-shadow:0 0 0 7px transparent}}

.strip{display:flex;align-items:stretch;gap:16px;padding:10px 16px;flex:none}
.counts{display:flex;gap:6px;min-width:0}
.count{display:flex;flex-direction:column;align-items:flex-start;min-width:84px;padding:6px 12px 7px;border-radius:8px;border:1px solid transparent;line-height:1.25;color:var(--ink)}
.count .figure{font-size:20px;font-weight:600;font-variant-numeric:tabular-nums;letter-spacing:-.02em}
.count .label{display:flex;align-items:center;gap:5px;font-size:12px;color:var(--soft);white-space:nowrap}
.count .label .icon{width:11px;height:11px}
.count:hover{background:var(--faint)}
.count[aria-pressed=true]{background:var(--sheet);border-color:var(--line);box-shadow:inset 0 -2px 0 currentColor}
.count.none .figure{color:var(--soft);font-weight:450}
.g-running{--g:var(--running)}.g-waiting{--g:var(--waiting)}.g-stopping{--g:var(--stopping)}.g-failed{--g:var(--failed)}.g-retrying{--g:var(--retrying)}.g-stopped{--g:var(--stopped)}
.count:not(.none) .icon,.count:not(.none)[class*=g-] .figure{color:var(--g)}
.count[class*=g-]{color:var(--g)}
.sparks{display:flex;gap:22px;margin-inline-start:auto;align-items:center}
.spark{display:grid;grid-template-columns:auto auto;column-gap:8px;align-items:baseline;font-size:12px}
.spark .label{color:var(--soft);white-space:nowrap}.spark .value{font-variant-numeric:tabular-nums;text-align:end;white-space:nowrap;min-width:52px}
.spark svg{grid-column:1/-1;justify-self:stretch;width:100%}
.base{stroke:var(--line);fill:none}.area{fill:var(--accent);opacity:.12}.curve{stroke:var(--accent);stroke-width:1.4;fill:none;stroke-linejoin:round}

.bars:empty{display:none}
.bar-line{display:flex;align-items:center;gap:8px;padding:7px 16px;background:var(--wash);border-top:1px solid var(--line);flex-wrap:wrap}
.bar-line strong{font-weight:600}
.bar-line.bad{background:var(--failed-wash)}.bar-line.bad .icon,.bar-line.bad strong{color:var(--failed)}
.bar-line.warn{background:var(--stopping-wash)}.bar-line.warn .icon,.bar-line.warn strong{color:var(--stopping)}

.tree{flex:1;min-height:0;display:flex;border-top:1px solid var(--line)}
.forest{flex:1;min-width:0;display:flex;flex-direction:column;background:var(--sheet)}
.side{flex:0 0 372px;min-width:0;border-inline-start:1px solid var(--line);background:var(--sheet);display:flex}
.bar-top{display:flex;align-items:center;gap:8px;padding:7px 12px 7px 16px;border-bottom:1px solid var(--line);flex:none}
.search{display:flex;align-items:center;gap:8px;flex:0 1 360px;min-width:0;height:30px;padding:0 10px;border-radius:7px;background:var(--faint);color:var(--soft);border:1px solid transparent}
.search:focus-within{border-color:var(--accent);background:var(--raised)}
.search input{flex:1;min-width:0;text-overflow:ellipsis;background:none;border:0;outline:0;color:var(--ink)}
.search input::placeholder{color:var(--soft);opacity:1}
.search input::-webkit-search-cancel-button{display:none}
kbd{border:1px solid var(--line);border-bottom-width:2px;border-radius:4px;padding:0 5px;background:var(--raised);color:var(--soft);font-size:11px;white-space:nowrap}
.spring{flex:1}.shown-count{white-space:nowrap;font-size:12px}

.grid{flex:1;min-height:0;overflow:auto;overflow-x:hidden;position:relative;outline:0;overscroll-behavior:contain;scrollbar-width:thin}
.grid.short{flex:none;border-bottom:1px solid var(--line)}
.grid:focus-visible{outline:0;box-shadow:inset 0 0 0 2px var(--accent)}
.grid-head{position:sticky;top:0;z-index:2;background:var(--sheet);border-bottom:1px solid var(--line);font-size:11.5px;color:var(--soft)}
.rows{position:relative;contain:strict}
.line{display:grid;grid-template-columns:minmax(230px,1.9fr) 138px 72px 56px minmax(120px,1fr) minmax(100px,.72fr);align-items:center;height:30px;padding:0 12px 0 16px;column-gap:12px;white-space:nowrap}
.grid-head .line{height:29px}
.rows .line{position:absolute;inset-inline:0;top:0;cursor:default}
.line>span{overflow:hidden;text-overflow:ellipsis;min-width:0}
.rows .line:hover{background:var(--faint)}
.rows .line.selected{background:var(--wash)}
.grid:focus-visible .line.selected{box-shadow:inset 3px 0 0 var(--accent)}
.line.g-failed:not(.selected){background:var(--failed-wash)}
.line.g-retrying:not(.selected):not(:hover){background:var(--retrying-wash)}
.c-name{display:flex;align-items:center;height:100%}
.grid-head .c-name{padding-inline-start:2px}
.guides{flex:none;align-self:stretch;stroke:var(--line);stroke-width:1.4;fill:none;height:100%}
.fold{width:18px;height:18px;display:inline-grid;place-items:center;flex:none;color:var(--soft);border-radius:4px;transition:transform .12s}
.fold.open{transform:rotate(90deg)}.c-name .fold:not(.leaf):hover{background:var(--line)}
.fold.leaf::before{content:"";width:4px;height:4px;border-radius:50%;background:var(--line)}
.owner{font-weight:560;overflow:hidden;text-overflow:ellipsis;margin-inline-start:2px}
.key{color:var(--accent);margin-inline-start:7px;overflow:hidden;text-overflow:ellipsis}
.first>.key{display:flex;flex-shrink:1000;min-width:0;white-space:pre}.first>.key>span{overflow:hidden;text-overflow:ellipsis}.first>.id{flex:none}
.id{color:var(--soft);font-size:11.5px;margin-inline-start:7px;font-variant-numeric:tabular-nums}
.rows .line.selected .guides{stroke:color-mix(in srgb,var(--soft) 45%,transparent)}
.faded .owner{font-weight:450;color:var(--soft)}.faded .c-state{color:var(--soft)}
.inside{font-size:11px;color:var(--soft);border:1px solid var(--line);border-radius:99px;padding:0 6px;margin-inline-start:8px;line-height:16px;flex:none}
.below{display:inline-flex;align-items:center;gap:4px;color:var(--g);font-size:11.5px;margin-inline-start:8px;flex:none}
.below .icon{width:11px;height:11px}
.rows .c-state,.state-line{display:flex;align-items:center;gap:7px;color:var(--g)}
.c-state>span{overflow:hidden;text-overflow:ellipsis}
.c-uptime,.c-retries{text-align:end}.c-uptime{color:var(--soft)}
.c-retries{color:var(--soft)}.c-retries.some{color:var(--retrying);font-weight:600}
.names{min-width:0}.first{display:flex;min-width:0}.c-waiting .reason{color:var(--g)}
.rows .c-from{color:var(--soft);font-size:12px}
.link-down .forest,.link-asleep .forest,.link-down .side,.link-down .strip,.link-down .timeline{filter:saturate(.25);opacity:.72}

.details{flex:1;min-width:0;display:flex;flex-direction:column}
.details-head{padding:14px 16px 12px;border-bottom:1px solid var(--line);display:flex;flex-direction:column;gap:6px;position:relative}
.details-head h2{font-size:16px;font-weight:650;letter-spacing:-.01em;overflow-wrap:anywhere}
.details-head .key{margin-inline-start:2px}
.tool.back{display:none}
.path{font-size:12px;color:var(--soft);line-height:1.5}.slash{color:var(--soft)}
.link{color:var(--accent);text-decoration:none;border-radius:3px;display:inline-flex;align-items:center;gap:5px;text-align:start}
.path .link,.facts-list .link{display:inline}
.link:hover{text-decoration:underline}
.actions{display:flex;gap:8px;margin-top:4px}
.button{display:inline-flex;align-items:center;gap:6px;height:30px;padding:0 12px;border-radius:7px;border:1px solid var(--line);background:var(--raised);font-weight:520;white-space:nowrap}
.button:not(:disabled):hover{border-color:var(--soft)}
.button.small{height:28px;padding:0 10px;font-size:12.5px}
.button.primary{background:var(--accent);border-color:var(--accent);color:var(--accent-ink)}
.button.danger{color:var(--failed)}
.button.solid{background:var(--failed);border-color:var(--failed);color:var(--sheet)}
.details-body{flex:1;min-height:0;overflow:auto;padding:2px 16px 20px;scrollbar-width:thin;overscroll-behavior:contain}
.details-body:focus-visible{outline-offset:-3px}
.part{padding-top:14px}
.part h3{font-size:11.5px;font-weight:600;color:var(--soft);margin-bottom:6px;letter-spacing:.02em}
.part h4{font-weight:600;margin-top:6px}
.facts-list>div{display:grid;grid-template-columns:112px 1fr;gap:10px;padding:2.5px 0}
.facts-list dt{color:var(--soft);overflow-wrap:anywhere}.facts-list dd{overflow-wrap:anywhere;min-width:0}
.phases{display:flex;height:8px;border-radius:4px;overflow:hidden;background:var(--faint);gap:1px}
.phases span{min-width:0;flex-basis:0}
.p-queued{--p:var(--waiting)}.p-start{--p:var(--blue)}.p-body{--p:var(--running)}.p-dispose{--p:var(--stopping)}
.phases span{background:var(--p)}
.phase-list{display:grid;grid-template-columns:repeat(5,auto);gap:4px 10px;margin-top:8px;font-size:12px}
.phase-list dt{color:var(--soft);display:flex;align-items:center;gap:4px}
.phase-list dt[class]:not(.p-total)::before{content:"";width:7px;height:7px;border-radius:2px;background:var(--p)}
.lives li,.steps li{display:grid;gap:10px;padding:2.5px 0;grid-template-columns:22px 62px 58px 1fr}
.steps li{grid-template-columns:62px auto 1fr}
.lives .g-failed .reason{color:var(--failed)}.reason{overflow:hidden;text-overflow:ellipsis}
.lives .reason{overflow-wrap:anywhere}
.plain li{padding:2px 0;overflow-wrap:anywhere}
.chain{border-inline-start:2px solid var(--stopping);padding-inline-start:10px;margin-top:4px}
.chain li{padding:3px 0;overflow-wrap:anywhere}.chain strong{font-weight:600}.chain code{display:block;color:var(--soft)}
pre{margin:0;padding:8px 10px;background:var(--faint);border-radius:6px;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere}
.hint{padding:40px 28px;color:var(--soft);gap:18px}
.hint dl>div{display:grid;grid-template-columns:96px 1fr;gap:12px;padding:5px 0}
.hint dt{display:flex;gap:4px}

.timeline{flex:none;border-top:1px solid var(--line);background:var(--sheet);padding:0 16px 8px}
.timeline.closed{padding-bottom:0}
.timeline-head{display:flex;align-items:center;gap:16px;height:34px}
.timeline-head .link{font-size:12.5px}.timeline-head a.link{margin-inline-start:auto}
.fold-line{color:var(--ink)}.fold-line:hover{text-decoration:none}.fold-line h2{font-weight:600}
.timeline canvas{display:block;width:100%;height:124px;cursor:pointer}
.tally{font-size:12px;display:flex;gap:14px}.tally span::before{content:"";display:inline-block;width:8px;height:8px;border-radius:2px;margin-inline-end:6px;background:var(--t)}
.t-starts{--t:var(--running)}.t-ends{--t:var(--stopped)}.t-failures{--t:var(--failed)}

.blank{flex:1;display:flex;flex-direction:column;align-items:center;justify-content:center;gap:8px;padding:32px;text-align:center;color:var(--soft)}
.blank h2,.token h2{font-size:17px;font-weight:620;color:var(--ink)}.blank p{max-width:44ch}
.sign{width:72px;height:72px;border-radius:50%;display:grid;place-items:center;background:var(--faint);color:var(--soft);margin-bottom:8px}
.blank-down .sign{background:var(--failed-wash);color:var(--failed)}
.blank-loading .sign{animation:turn 1.6s linear infinite}@keyframes turn{to{transform:rotate(1turn)}}
.token{flex:1;display:grid;place-items:center;padding:24px;overflow:auto;border-top:1px solid var(--line)}
.token form{width:min(380px,100%);display:flex;flex-direction:column;gap:10px}
.token p{color:var(--soft)}.token .wrong{color:var(--failed);min-height:1.4em}
.token .button{height:38px;justify-content:center}
label>span{display:block;font-size:12px;color:var(--soft);margin-bottom:3px}
label>input,label>select{width:100%;height:32px;padding:0 9px;border:1px solid var(--line);border-radius:7px;background:var(--raised)}
.search>input{height:auto;padding:0;border:0;background:none;width:auto}
.token input{height:40px}

dialog{border:1px solid var(--line);border-radius:12px;background:var(--raised);color:var(--ink);padding:22px;width:min(420px,calc(100vw - 32px));box-shadow:0 18px 60px var(--shade)}
dialog::backdrop{background:#0b0e1466}
dialog form{display:flex;flex-direction:column;gap:12px}
dialog h2{font-size:17px;font-weight:640;overflow-wrap:anywhere}
.answers{display:flex;gap:8px;justify-content:flex-end;margin-top:4px}
.said{position:absolute;inset-block-end:20px;inset-inline-start:50%;transform:translate(-50%,12px);background:var(--ink);color:var(--paper);padding:9px 16px;border-radius:9px;opacity:0;pointer-events:none;transition:.18s;max-width:min(560px,calc(100% - 32px));box-shadow:0 8px 30px var(--shade);z-index:5}
.said.shown{opacity:1;transform:translate(-50%,0)}.said.bad{background:var(--failed);color:var(--sheet)}

.page{flex:1;min-height:0;overflow:auto;padding:16px;display:flex;flex-direction:column;gap:14px;scrollbar-width:thin}
.filters{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px;align-items:end}
.filters .answers{justify-content:flex-start}.filters .button{height:32px}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(280px,1fr));gap:14px}
.chart,.sheet{background:var(--sheet);border:1px solid var(--line);border-radius:10px}
.chart{padding:14px 16px}.chart h2{font-weight:600;margin-bottom:8px}
.bar{display:grid;grid-template-columns:1fr auto;gap:1px 10px;padding:3px 0;font-size:12.5px}
.bar-name{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.bar-text{color:var(--soft)}
.bar-track{grid-column:1/-1;display:flex;height:6px;border-radius:3px;background:var(--faint);overflow:hidden}
.bar-good{background:var(--running)}.bar-bad{background:var(--failed)}.bar-span{background:var(--accent)}
.bar-more{grid-column:1/-1;font-size:11.5px;color:var(--soft);overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.sheet{flex:none;overflow:hidden}.table{overflow-x:auto}.table:focus-visible{outline-offset:-3px}
table{border-collapse:collapse;width:100%;white-space:nowrap}
th{text-align:start;font-weight:500;font-size:11.5px;color:var(--soft);padding:8px 12px;border-bottom:1px solid var(--line)}
td{padding:5px 12px;border-bottom:1px solid var(--faint);max-width:340px;overflow:hidden;text-overflow:ellipsis}
tr:hover td{background:var(--faint)}td .key{margin:0}td .id{margin:0}tr.g-failed .reason{color:var(--failed)}
.pager{display:flex;align-items:center;gap:8px;padding:8px 12px}.pager span{margin-inline-end:auto}
.how-crashed{color:var(--failed);font-weight:600}.how-running{color:var(--running)}
.notice{padding:10px 14px;border-radius:8px;background:var(--failed-wash);color:var(--failed)}

@container (max-width:1100px){.facts .wide{display:none}}
:host{container-type:inline-size}
@container (max-width:1180px){.facts .wide{display:none}.spark svg{display:none}.count{min-width:0;padding-inline:10px}.side{flex-basis:320px}.line{grid-template-columns:minmax(190px,1.6fr) 124px 66px 50px minmax(90px,1fr)}.c-from{display:none}}
@container (max-width:900px){.sparks{display:none}.facts{display:none}.line{grid-template-columns:minmax(170px,1fr) 120px 64px}.c-retries,.c-waiting{display:none}}

.narrow .head{flex-wrap:wrap;height:auto;gap:0 8px;padding:6px 12px 0}
.narrow .brand{flex:1}.narrow .facts,.narrow .brand .badge{display:none}
.narrow .tabs{order:3;width:100%;height:44px;margin:0}.narrow .tab{flex:1}
.narrow .tool{min-width:44px;height:44px}
.narrow .live{margin:0;font-size:0}.narrow .live .dot{width:10px;height:10px}
.narrow .strip{padding:6px 8px}.narrow .sparks{display:none}
.narrow .counts{flex:1;flex-wrap:wrap;gap:2px}
.narrow .count{min-width:0;min-height:48px;flex:1 1 auto;padding-inline:8px}.narrow .count.none:not([aria-pressed=true]){display:none}
.narrow .side{display:none}
.narrow .tree.opened .side{display:flex;position:absolute;inset:0;z-index:4;border:0}
.narrow .bar-top{padding:6px 12px;flex-wrap:wrap}.narrow .search{height:44px;flex:1 1 180px;font-size:16px}
.narrow .button{height:44px;padding-inline:16px}.narrow .link{min-height:32px}
.narrow .grid-head{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.narrow .rows .line{height:56px;grid-template-columns:1fr auto;grid-template-rows:31px 25px;column-gap:10px;padding:0 12px;align-content:center;border-bottom:1px solid var(--faint)}
.narrow .c-name{grid-column:1;grid-row:1/3;align-items:center}
.narrow .c-state{grid-column:2;grid-row:1;justify-self:end}
.narrow .c-uptime{grid-column:2;grid-row:2;justify-self:end;font-size:12px}
.narrow .c-retries,.narrow .c-waiting,.narrow .c-from{display:none}
.narrow .c-name .fold:not(.leaf){width:36px;height:44px;margin-inline:-9px}
.narrow .tool.back{display:inline-grid;margin:-8px 0 -4px -10px;justify-self:start;align-self:flex-start}
.narrow .details-head{padding-top:12px}
.narrow .second{display:flex;gap:8px;font-size:12px;color:var(--soft);white-space:nowrap;overflow:hidden;margin-inline-start:2px}.narrow .second>:first-child:not(:last-child){color:var(--g)}
.narrow label>input,.narrow label>select{height:44px;font-size:16px}.narrow .search>input{height:auto}
@media (prefers-reduced-motion:reduce){*{animation:none!important;transition:none!important}}
@media (forced-colors:active){.dot,.phases span,.bar-track span{forced-color-adjust:none}.line.selected{outline:2px solid Highlight;outline-offset:-2px}}
`;
