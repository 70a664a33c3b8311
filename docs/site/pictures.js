// How the theme has pictures drawn: close together, so that the words stay large enough in a column. What is wider than
// the column shrinks, but not below 32em: from there on, on a phone, it is scrolled.
const initialize = mermaid.initialize;
mermaid.initialize = (theme) =>
  initialize({
    ...theme,
    flowchart: { nodeSpacing: 24, rankSpacing: 28, padding: 8, useMaxWidth: false },
    themeVariables: { fontSize: "13px" },
    themeCSS: `${theme.themeCSS} & { max-width: max(100%, 32em); height: auto; }`,
  });
