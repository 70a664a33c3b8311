/** The question before tasks are stopped, or one is restarted that has others. */
import { useEffect, useRef, useState } from "preact/hooks";
import { nameOf } from "../format";
import type { Row } from "../types";
import { useView } from "./context";

export type Question = { kind: "stop" | "restart"; row: Row; count: number } | { kind: "many"; filter: unknown; count: number; descendants: number };

interface Props {
  question: Question;
  onAnswer(reason: string | null): void;
}

export function Dialog({ question, onAnswer }: Props) {
  const { t } = useView().speech;
  const dialog = useRef<HTMLDialogElement>(null);
  const confirm = useRef<HTMLButtonElement>(null);
  const [reason, setReason] = useState("");
  useEffect(() => {
    dialog.current?.showModal();
    confirm.current?.focus();
  }, []);
  const { kind } = question;
  const title = kind === "many" ? t("stop.many", { n: question.count }) : t(`${kind}.title`, { name: `${nameOf(question.row)} #${question.row.id}` });
  const text =
    kind === "many"
      ? t("stop.manyText", { n: question.descendants })
      : question.row.parentId === null
        ? t("stop.root")
        : question.count
          ? t(`${kind}.count`, { n: question.count })
          : t("stop.alone");
  return (
    <dialog
      ref={dialog}
      aria-labelledby="stop-title"
      aria-describedby="stop-text"
      onKeyDown={(event) => event.stopPropagation()}
      onCancel={(event) => {
        event.preventDefault();
        onAnswer(null);
      }}
    >
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          onAnswer(reason);
        }}
      >
        <h2 id="stop-title">{title}</h2>
        <p id="stop-text">{text}</p>
        {kind !== "restart" && (
          <label>
            <span>{t("stop.reason")}</span>
            <input value={reason} maxLength={200} onInput={(event) => setReason(event.currentTarget.value)} />
          </label>
        )}
        <div class="answers">
          <button type="button" class="button" onClick={() => onAnswer(null)}>
            {t("stop.cancel")}
          </button>
          <button ref={confirm} type="submit" class="button danger solid">
            {t(`${kind}.confirm`)}
          </button>
        </div>
      </form>
    </dialog>
  );
}
