import { useTranslation } from "react-i18next";
import { Kbd, Modal } from "@/ui";
import { isMac, modKey } from "./keyboard";

/** Every key, grouped by where it works. */
export function KeyboardHelp({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const alt = isMac ? "⌥" : "Alt";
  const go = (letter: string) => [`G ${t("keys.then")} ${letter}`];
  const groups: { title: string; rows: [string, string[]][] }[] = [
    {
      title: t("keys.anywhere"),
      rows: [
        [t("keys.palette"), [`${modKey} K`]],
        [t("keys.help"), ["?"]],
        [t("keys.goInbox"), go("I")],
        [t("keys.goCustomers"), go("C")],
        [t("keys.goTasks"), go("T")],
        [t("keys.goJourneys"), go("J")],
        [t("keys.goSegments"), go("S")],
        [t("keys.goStages"), go("B")],
        [t("keys.goEvents"), go("E")],
        [t("keys.goDeliveries"), go("D")],
        [t("keys.goAccounts"), go("A")],
        [t("keys.goTeammates"), go("M")],
        [t("keys.back"), ["Esc"]],
      ],
    },
    {
      title: t("keys.inbox"),
      rows: [
        [t("keys.next"), ["J", `${alt} J`]],
        [t("keys.previous"), ["K", `${alt} K`]],
        [t("composer.reply"), ["R", "L", `${alt} L`]],
        [t("composer.note"), ["P", `${alt} P`]],
        [t("actions.resolve"), ["E", `${alt} E`]],
        [t("actions.snooze"), ["M", `${alt} M`]],
        [t("actions.assignMe"), ["A", `${alt} A`]],
        [t("actions.markUnread"), ["U", `${alt} U`]],
      ],
    },
    {
      title: t("nav.tasks"),
      rows: [
        [t("keys.nextTask"), ["J"]],
        [t("keys.previousTask"), ["K"]],
        [t("tasks.complete"), ["E"]],
        [t("tasks.create"), ["N"]],
      ],
    },
    {
      title: t("nav.journeys"),
      rows: [
        [t("journeys.undo"), [`${modKey} Z`]],
        [t("journeys.redo"), [`${modKey} Shift Z`]],
        [t("journeys.duplicate"), [`${modKey} D`]],
        [t("journeys.removeStep"), ["Del"]],
        [t("journeys.search"), ["/"]],
        [t("keys.moveCards"), ["↑", "↓"]],
      ],
    },
    {
      title: t("keys.composer"),
      rows: [
        [t("keys.send"), [`${modKey} Enter`]],
        [t("keys.sendResolve"), [`${modKey} Shift Enter`]],
        [t("keys.newLine"), ["Shift Enter"]],
      ],
    },
  ];
  return (
    <Modal open title={t("keys.title")} footer={null} onCancel={onClose} width={680}>
      <div className="help-groups">
        {groups.map((group) => (
          <section key={group.title}>
            <h3>{group.title}</h3>
            <dl>
              {group.rows.map(([what, keys]) => (
                <div key={what} style={{ display: "contents" }}>
                  <dt>{what}</dt>
                  <dd>
                    {keys.map((key) => (
                      <span key={key}>
                        {" "}
                        <Kbd>{key}</Kbd>
                      </span>
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <p style={{ color: "var(--text-2)", marginTop: 16, fontSize: 13 }}>{t("keys.altNote")}</p>
    </Modal>
  );
}
