// Apart, because the content security policy allows no script within the page.
import { boot } from "./dashboard.js";

boot();
