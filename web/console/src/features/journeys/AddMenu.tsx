import { useTranslation } from "react-i18next";
import type { NodeKind } from "@/api/journeys";
import { Dropdown } from "@/ui";
import type { Spot } from "./context";
import { KindIcon } from "./KindIcon";
import { kindName, palette, type Tone } from "./words";

export interface Adding {
  spot: Spot;
  /** Where the button stood that was pressed. */
  at: DOMRect;
  /** Whether something comes after it: then nobody can leave there. */
  between: boolean;
}

/** What one can put into a way, by what it does. */
export function AddMenu({ adding, onChoose, onClose }: { adding: Adding; onChoose: (kind: NodeKind) => void; onClose: () => void }) {
  const { t } = useTranslation();
  const items = (Object.keys(palette) as Tone[]).map((tone) => ({
    key: tone,
    type: "group" as const,
    label: t(`journeys.tone.${tone}`),
    children: palette[tone]
      .filter((kind) => kind !== "exit" || !adding.between)
      .map((kind) => ({
        key: kind,
        icon: (
          <span className="flow-icon" data-tone={tone}>
            <KindIcon kind={kind} />
          </span>
        ),
        label: (
          <span className="flow-choice" data-testid={`step-${kind}`}>
            {kindName(kind)}
            <small>{t(`journeys.kindHelp.${kind}`)}</small>
          </span>
        ),
      })),
  }));
  return (
    <Dropdown open trigger={["click"]} placement="bottom" autoFocus destroyOnHidden onOpenChange={(open) => !open && onClose()} menu={{ items, className: "flow-palette", onClick: ({ key }) => onChoose(key as NodeKind) }}>
      <span className="flow-anchor" style={{ left: adding.at.left, top: adding.at.top, width: adding.at.width, height: adding.at.height }} />
    </Dropdown>
  );
}
