/** What is different in a cell. */
export const CELL_CSS = `
:host(.gotask-widget){height:360px;min-height:0;border:1px solid var(--line);border-radius:8px;overflow:hidden}
`;
