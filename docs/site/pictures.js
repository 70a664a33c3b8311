// How pictures are drawn: close together, so that the words stay large enough in a column. What is wider than the column
// shrinks to it, but not below three quarters of its size: from there on, as on a phone, it is scrolled.
const { initialize, render } = mermaid;

mermaid.initialize = (theme) =>
  initialize({
    ...theme,
    flowchart: { nodeSpacing: 24, rankSpacing: 28, padding: 8, useMaxWidth: false },
    themeVariables: { fontSize: "13px" },
  });

mermaid.render = async (...picture) => {
  const drawn = await render(...picture);
  const limited = (width, pixels) => `${width} style="max-width: max(100%, ${0.75 * pixels}px); height: auto"`;
  return { ...drawn, svg: drawn.svg.replace(/width="([\d.]+)"/, limited) };
};
