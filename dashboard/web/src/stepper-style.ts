/** How the stepper looks: large, to be read from the last row. */
export const STEPPER_CSS = `
:host(.gotask-stepper){height:auto;min-height:0;font-size:16px}
.stepper{display:flex;flex-direction:column;gap:18px;padding:16px 20px 20px;background:var(--paper);border:1px solid var(--line);border-radius:10px}
.stepper header,.controls,.title,.walk,.waits,.mark,.kind,.switch,.runs,.note{display:flex;align-items:center;gap:10px;flex-wrap:wrap}
.stepper h2{font-size:18px;font-weight:650}
.stepper h3{font-size:13px;font-weight:600;color:var(--soft);margin-bottom:8px;letter-spacing:.02em}
.stepper .icon{width:1.1em;height:1.1em}
.pick{display:flex;align-items:center;gap:8px}.pick>span{margin:0;font-size:14px}
.pick>select{width:auto;max-width:260px;height:34px;font-weight:600}
.switch{gap:7px;font-size:15px;cursor:pointer;min-height:34px}.switch>input{width:18px;height:18px;margin:0;accent-color:var(--accent)}
.score{font-weight:600;font-size:15px}
.mode{padding:2px 12px;border-radius:99px;font-size:14px;font-weight:600;background:var(--wash);color:var(--accent)}
.m-running .mode{background:var(--faint);color:var(--running)}
.m-held .mode{background:var(--stopping-wash);color:var(--stopping)}
.m-ended .mode{background:var(--faint);color:var(--soft)}
.stepper .button{height:38px;font-size:15px}.stepper .button.small{height:32px}
.stepper .button.big{height:46px;padding:0 22px;font-size:17px;font-weight:600}
.button.primary kbd{background:none;border-color:currentColor;color:inherit;opacity:.75}
.note{padding:9px 14px;border-radius:8px;background:var(--stopping-wash);color:var(--ink)}
.state{display:inline-flex;align-items:center;gap:6px;color:var(--g);font-weight:600;white-space:nowrap}
.cards{display:flex;gap:12px;overflow-x:auto;padding:12px 2px 6px;margin-top:-8px;align-items:stretch;scrollbar-width:thin}
.card{position:relative;flex:0 0 auto;width:196px;padding:13px 15px 14px;background:var(--sheet);border:1px solid var(--line);border-radius:10px;display:flex;flex-direction:column;gap:4px}
.card.first{width:262px;border:2px solid var(--accent);background:var(--raised);padding-top:16px}
.card>strong{font-size:18px;overflow-wrap:anywhere}.card.first>strong{font-size:22px;letter-spacing:-.01em}
.card.rest{width:auto;justify-content:center;color:var(--soft);background:none;border-style:dashed}
.flag{position:absolute;top:-11px;inset-inline-start:14px;padding:0 10px;border-radius:99px;background:var(--accent);color:var(--accent-ink);font-size:13px;font-weight:600;line-height:21px}
.kind{gap:6px;font-size:14px;font-weight:600;color:var(--k)}
.k-start{--k:var(--running)}.k-tick{--k:var(--blue)}.k-dispose{--k:var(--stopping)}.k-call{--k:var(--retrying)}
.plan{counter-reset:step;color:var(--soft);font-size:14px;display:flex;flex-direction:column;gap:2px;margin-top:2px}
.plan>li{padding-inline-start:16px;position:relative;line-height:1.35}
.plan>li::before{content:"→";position:absolute;inset-inline-start:0;color:var(--k)}
.card.first .plan{color:var(--ink);font-size:15px}
.riddle{color:var(--accent);font-weight:600}
.empty{color:var(--soft);padding:4px 0}
.ask{padding:16px 18px 18px;border-radius:10px;background:var(--wash)}
.ask h3{font-size:18px;color:var(--ink);margin-bottom:12px;letter-spacing:0}
.choices{display:grid;grid-template-columns:1fr 1fr;gap:10px}
.choice{min-height:52px;padding:8px 16px;border-radius:9px;border:1px solid var(--line);background:var(--raised);text-align:start;font-size:16px;font-weight:520;line-height:1.3}
.choice:not(:disabled):hover{border-color:var(--accent)}
.now{padding:14px 18px 16px;border-radius:10px;background:var(--sheet);border:1px solid var(--line);display:flex;flex-direction:column;gap:8px;min-height:150px}
.now h3{margin:0}.now[hidden]{display:none}
.title strong{font-size:22px;letter-spacing:-.01em}.title code{font-size:18px}
.walk{gap:8px;font-size:18px}.who{color:var(--soft);margin-inline-end:4px}.pace{display:inline-flex;align-items:center;gap:8px}.pace>.icon{color:var(--soft)}
.waits{color:var(--stopping);font-weight:520;flex-wrap:nowrap;align-items:flex-start}.waits .icon{margin-top:.2em}
.verdict{padding:16px 18px 18px;border-radius:10px;display:flex;flex-direction:column;gap:8px;align-items:flex-start}
.verdict h3{margin:0}
.verdict.good{background:color-mix(in srgb,var(--running) 12%,var(--raised))}.verdict.good .mark{color:var(--running)}
.verdict.bad{background:var(--failed-wash)}.verdict.bad .mark{color:var(--failed)}
.mark{gap:8px;font-size:22px;font-weight:650;letter-spacing:-.01em}
.verdict dl>div{display:grid;grid-template-columns:116px 1fr;gap:10px;font-size:17px}.verdict dt{color:var(--soft)}.verdict dd{font-weight:560}
.missed{text-decoration:line-through;text-decoration-thickness:1px;color:var(--soft)}
.why{font-size:17px;max-width:75ch}
.kids{display:grid;grid-template-columns:repeat(auto-fill,minmax(190px,1fr));gap:10px}
.kid{position:relative;padding:11px 14px 12px;border:1px solid var(--line);border-radius:9px;background:var(--sheet);display:flex;flex-direction:column;gap:3px;min-width:0}
.kid>strong{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.kid.changed{border-color:var(--accent);box-shadow:inset 3px 0 0 var(--accent)}
.kid.holds{border-color:var(--stopping);background:var(--stopping-wash)}
.kid.rest{justify-content:center;color:var(--soft);background:none;border-style:dashed}
.tag{font-size:13px;font-weight:600;color:var(--stopping)}
@container (max-width:620px){.stepper{padding:12px}.kids{grid-template-columns:repeat(auto-fill,minmax(140px,1fr))}.stepper .button.big{flex:1;justify-content:center}.runs{order:3}.card{width:168px}.card.first{width:220px}.choices{grid-template-columns:1fr}.stepper .button,.switch,.pick>select{min-height:44px}}
@media (forced-colors:active){.card.first{outline:2px solid Highlight}}
`;
