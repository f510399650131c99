/** The style sheet of a page, inline, so that a page is one file. Light and dark are the reader's own choice. */

export const style = `
:root{color-scheme:light dark;
--bg:light-dark(#fff,#131417);--code:light-dark(#f7f7f9,#191a1e);--line:light-dark(#e6e6eb,#2a2c32);--strong:light-dark(#d2d3da,#3d3f47);
--text:light-dark(#1a1c22,#e7e8eb);--text-2:light-dark(#4f545f,#b3b7c1);--text-3:light-dark(#60656f,#a0a4af);
--accent:light-dark(#4a42d6,#a5a1ff);--bad:light-dark(#b32435,#ff8a90);--bad-soft:light-dark(#fdf0f1,#2a191c);
--keyword:light-dark(#8b3bc7,#c792ea);--string:light-dark(#1f7a3e,#9fd48a);--number:light-dark(#a3480f,#f0a671);--comment:light-dark(#626773,#8f949f);--name:light-dark(#2559c7,#85b1ff);--type:light-dark(#0b6c78,#6fd0dc);
--t-black:light-dark(#1a1c22,#7f8490);--t-red:light-dark(#c2293a,#ff8087);--t-green:light-dark(#1a7340,#7fd49b);--t-yellow:light-dark(#825b00,#e8c268);--t-blue:light-dark(#2559c7,#85b1ff);--t-magenta:light-dark(#9a2fa3,#dd92e6);--t-cyan:light-dark(#0c6a75,#6fd0dc);--t-white:light-dark(#5f6470,#e7e8eb);
--font:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans",sans-serif;--mono:ui-monospace,"SF Mono","Cascadia Code",Menlo,Consolas,"DejaVu Sans Mono",monospace}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:1.5rem}
body{margin:0;background:var(--bg);color:var(--text);font:1.03125rem/1.68 var(--font);overflow-wrap:break-word}
.page{display:grid;grid-template-columns:minmax(0,46rem);justify-content:center;gap:0 4rem;padding:3.5rem 1.5rem 5rem}
@media(min-width:70rem){.page.with-outline{grid-template-columns:minmax(0,46rem) 14rem}}
a{color:var(--accent);text-underline-offset:.18em;text-decoration-thickness:1px}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:3px}
.skip{position:absolute;left:-100vw}.skip:focus{left:1rem;top:.5rem;background:var(--bg)}
header{margin-bottom:2.25rem}
header h1{margin:0}
header .lead{margin:.6em 0 0;font-size:1.15rem;line-height:1.5;color:var(--text-2);text-wrap:pretty}
header .by{margin:.9em 0 0;font-size:.875rem;color:var(--text-3)}
h1,h2,h3,h4,h5,h6{margin:1.9em 0 .55em;line-height:1.25;font-weight:640;letter-spacing:-.014em;text-wrap:balance}
h1{font-size:2.1rem;font-weight:690;letter-spacing:-.025em}h2{font-size:1.45rem}h3{font-size:1.17rem}h4,h5,h6{font-size:1.03rem}
main>:first-child{margin-top:0}
.anchor{margin-left:.2em;color:var(--text-3);font-weight:400;text-decoration:none;opacity:0}
:is(h1,h2,h3,h4,h5,h6):hover .anchor,.anchor:focus-visible{opacity:1}
p,ul,ol,dl,blockquote,figure,details,.wide,.math{margin:.9em 0}
ul,ol{padding-left:1.5em}li{margin:.25em 0}li::marker{color:var(--text-3)}li>p{margin:.4em 0}
li:has(>input[type=checkbox]){list-style:none;margin-left:-1.4em}input[type=checkbox]{margin-right:.5em;accent-color:var(--accent)}
blockquote{padding-left:1.1em;border-left:3px solid var(--strong);color:var(--text-2)}
hr{border:0;border-top:1px solid var(--line);margin:2.4em 0}
img{max-width:100%;height:auto;border-radius:4px}
@media(prefers-color-scheme:dark){img{background:#fff}}
code,pre,kbd,samp{font-family:var(--mono);font-size:.84375rem}
:not(pre)>code{padding:.12em .35em;background:var(--code);border:1px solid var(--line);border-radius:4px;font-size:.86em}
pre{margin:0;line-height:1.6;tab-size:4;overflow-x:auto}
pre.code{margin:1.1em 0;padding:.8rem 1rem;background:var(--code);border:1px solid var(--line);border-radius:8px}
.cell{margin:1.5em 0}
.cell pre.code{margin:0}
.cell:has(.output) pre.code{border-radius:8px 8px 0 0}
.output{display:grid;grid-template-columns:minmax(0,1fr);gap:.8rem;padding:.8rem 1rem;border:1px solid var(--line);border-radius:8px}
pre.code+.output,details.folded+.output{border-top:0;border-radius:0 0 8px 8px}
.output>*{margin:0}
.output pre.text{max-height:42rem;overflow:auto;tab-size:8}
.output .rich>:first-child,.output .prose>:first-child{margin-top:0}.output .rich>:last-child,.output .prose>:last-child{margin-bottom:0}
.picture{line-height:0}
.picture img{display:block}
.missing{color:var(--text-3);font-size:.875rem;font-style:italic}
.full{font-size:.875rem}
details.folded{margin:0;border:1px solid var(--line);border-radius:8px;background:var(--code)}
details.folded pre.code{border:0;border-top:1px solid var(--line);border-radius:0}
.cell:has(.output) details.folded{border-radius:8px 8px 0 0}
details.folded>summary{padding:.45rem 1rem;font-size:.84375rem;color:var(--text-2)}
summary{cursor:pointer}
.error{padding:.55rem .8rem;border-radius:6px;background:var(--bad-soft);font:.84375rem/1.6 var(--mono);overflow-wrap:anywhere}
.error strong{color:var(--bad)}
details.error>pre{margin-top:.6rem;color:var(--text-2)}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.9rem;line-height:1.5;font-variant-numeric:tabular-nums}
th,td{padding:.35em .9em .35em 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
.rich table{font-size:.84375rem}.rich th,.rich td{padding:.25em .9em;text-align:right;white-space:nowrap}.rich th:first-child,.rich td:first-child{padding-left:0}
th{font-weight:620;color:var(--text-2)}thead th{border-bottom-color:var(--strong)}
[align=right]{text-align:right}[align=center]{text-align:center}
caption{padding:.4em 0;color:var(--text-2);text-align:left}
.math{overflow-x:auto;overflow-y:hidden;padding:.2em 0}
math{font-size:1.08em}
.outline{font-size:.875rem;line-height:1.45}
.outline ul{list-style:none;margin:0;padding:0}.outline li{margin:0}
.outline a{display:block;padding:.22em 0;color:var(--text-2);text-decoration:none}.outline a:hover{color:var(--accent)}
.outline .l2{padding-left:.9em}.outline .l3{padding-left:1.8em}
.outline.aside{display:none;position:sticky;top:3.5rem;align-self:start;max-height:calc(100vh - 5rem);overflow:auto;padding-left:1.1rem;border-left:1px solid var(--line)}
.outline.aside h2{margin:0 0 .5em;font-size:.8125rem;font-weight:620;letter-spacing:0;color:var(--text-3)}
.outline.top{margin:0 0 2.25rem;padding:.55rem 1rem;border:1px solid var(--line);border-radius:8px}
.outline.top summary{font-weight:560;color:var(--text-2)}.outline.top nav{margin-top:.4rem}
@media(min-width:70rem){.outline.aside{display:block}.outline.top{display:none}}
footer{margin-top:4rem;padding-top:1rem;border-top:1px solid var(--line);font-size:.8125rem;color:var(--text-3)}
@media(max-width:40rem){.page{padding:1.75rem 1rem 3rem}h1{font-size:1.7rem}h2{font-size:1.3rem}pre.code{padding:.65rem .8rem}.output{padding:.65rem .8rem}pre code,pre.text{white-space:pre-wrap;overflow-wrap:anywhere}.outline a{padding:.5em 0}}
.hljs-keyword,.hljs-literal,.hljs-built_in,.hljs-selector-tag,.hljs-doctag{color:var(--keyword)}
.hljs-string,.hljs-regexp,.hljs-addition,.hljs-attribute,.hljs-template-tag{color:var(--string)}
.hljs-number,.hljs-symbol,.hljs-bullet,.hljs-variable.constant_,.hljs-link{color:var(--number)}
.hljs-comment,.hljs-quote,.hljs-meta{color:var(--comment)}
.hljs-title,.hljs-section,.hljs-name,.hljs-attr,.hljs-selector-id,.hljs-selector-class{color:var(--name)}
.hljs-type,.hljs-class .hljs-title,.hljs-variable.language_,.hljs-tag{color:var(--type)}
.hljs-deletion{color:var(--bad)}.hljs-emphasis{font-style:italic}.hljs-strong{font-weight:650}
.hljs-subst,.hljs-params,.hljs-property,.hljs-operator,.hljs-punctuation{color:inherit}
.t-bold{font-weight:650}.t-dim{opacity:.75}.t-italic{font-style:italic}.t-underline{text-decoration:underline}.t-strike{text-decoration:line-through}.t-reverse{background:var(--text);color:var(--bg)}
.fg-black{color:var(--t-black)}.fg-red{color:var(--t-red)}.fg-green{color:var(--t-green)}.fg-yellow{color:var(--t-yellow)}.fg-blue{color:var(--t-blue)}.fg-magenta{color:var(--t-magenta)}.fg-cyan{color:var(--t-cyan)}.fg-white{color:var(--t-white)}
.bg-black{background:#1a1c22;color:#fff}.bg-red{background:#c2293a;color:#fff}.bg-green{background:#1a7340;color:#fff}.bg-yellow{background:#f0c542;color:#1a1c22}.bg-blue{background:#2559c7;color:#fff}.bg-magenta{background:#9a2fa3;color:#fff}.bg-cyan{background:#0c6a75;color:#fff}.bg-white{background:#e7e8eb;color:#1a1c22}
@media print{:root{color-scheme:light}.outline,.skip,.anchor{display:none!important}.page{display:block;padding:0}body{font-size:10.5pt}pre code,pre.text{white-space:pre-wrap;overflow-wrap:anywhere}.output pre.text{max-height:none}pre,img,tr{break-inside:avoid}h1,h2,h3{break-after:avoid}a{color:inherit}}
`.trim()
