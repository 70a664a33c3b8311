/** The question before a stop. */
import { useEffect, useRef, useState } from "preact/hooks";
import { nameOf } from "../format";
import type { Row } from "../types";
import { useView } from "./context";

export type Question = { kind: "one"; row: Row; count: number } | { kind: "many"; filter: unknown; count: number; descendants: number };

interface Props {
  question: Question;
  onAnswer(reason: string | null): void;
}

export function StopDialog({ question, onAnswer }: Props) {
  const { t } = useView().speech;
  const dialog = useRef<HTMLDialogElement>(null);
  const confirm = useRef<HTMLButtonElement>(null);
  const [reason, setReason] = useState("");
  useEffect(() => {
    dialog.current?.showModal();
    confirm.current?.focus();
  }, []);
  const many = question.kind === "many";
  const title = many ? t("stop.many", { n: question.count }) : t("stop.title", { name: `${nameOf(question.row)} #${question.row.id}` });
  const text = many
    ? t("stop.manyText", { n: question.descendants })
    : question.row.parentId === null
      ? t("stop.root")
      : question.count
        ? t("stop.count", { n: question.count })
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
        <label>
          <span>{t("stop.reason")}</span>
          <input value={reason} maxLength={200} onInput={(event) => setReason(event.currentTarget.value)} />
        </label>
        <div class="answers">
          <button type="button" class="button" onClick={() => onAnswer(null)}>
            {t("stop.cancel")}
          </button>
          <button ref={confirm} type="submit" class="button danger solid">
            {t(many ? "stop.confirmMany" : "stop.confirm")}
          </button>
        </div>
      </form>
    </dialog>
  );
}
