/** The view in a cell of a notebook: anywidget calls `render` for each place where the widget is shown. */
import { h, render as draw } from "preact";
import { CELL_CSS } from "./cell-style";
import { memory, sheet } from "./host";
import { LAYOUTS_CSS } from "./layouts.style";
import { Store } from "./store";
import { STEPPER_CSS } from "./stepper-style";
import { CSS } from "./style";
import { Cell } from "./view/cell";
import { StepperCell } from "./view/stepper";
import { widgetTransport, type Model } from "./widget";

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const element = document.createElement("div");
  element.className = "gotask-widget";
  // JupyterLab's shortcuts are not for those who type here.
  element.dataset["lmSuppressShortcuts"] = "true";
  el.append(element);
  const root = element.attachShadow({ mode: "open" });
  // Nor does the notebook hear of what is typed here, whichever it is.
  for (const kind of ["keydown", "keyup", "keypress"]) element.addEventListener(kind, (event) => event.stopPropagation());
  if (model.get("view") === "stepper") {
    element.className = "gotask-stepper";
    root.adoptedStyleSheets = [sheet(CSS), sheet(STEPPER_CSS)];
    draw(h(StepperCell, { model, memory, host: element }), root);
    return () => {
      draw(null, root);
      element.remove();
    };
  }
  root.adoptedStyleSheets = [sheet(CSS), sheet(CELL_CSS), sheet(LAYOUTS_CSS)];
  const transport = widgetTransport(model);
  draw(h(Cell, { model, memory, host: element, store: new Store(transport), onBusy: transport.onBusy }), root);
  return () => {
    draw(null, root);
    transport.close();
    element.remove();
  };
}

export default { render };
