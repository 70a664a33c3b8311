/** A page of a list as a table, with the way to the other pages. */
import type { ComponentChildren } from "preact";
import type { List } from "../types";
import type { Key } from "../words.en";
import { useView } from "./context";

export const PAGE = 50;

interface Props {
  label: string;
  columns: readonly Key[];
  page: List<unknown>;
  onOffset(offset: number): void;
  children: ComponentChildren;
}

export function Table({ label, columns, page: { list, offset, total }, onOffset, children }: Props) {
  const { t } = useView().speech;
  return (
    <section class="sheet" aria-label={label}>
      <div class="table" tabIndex={0} role="region" aria-label={label}>
        <table>
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column} scope="col">
                  {t(column)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>{children}</tbody>
        </table>
      </div>
      <div class="pager">
        <span class="soft tabular">{t("history.page", { from: offset + 1, to: offset + list.length, total })}</span>
        {total > list.length && (
          <>
            <button class="button" disabled={offset === 0} onClick={() => onOffset(Math.max(0, offset - PAGE))}>
              {t("history.newer")}
            </button>
            <button class="button" disabled={offset + list.length >= total} onClick={() => onOffset(offset + PAGE)}>
              {t("history.older")}
            </button>
          </>
        )}
      </div>
    </section>
  );
}
