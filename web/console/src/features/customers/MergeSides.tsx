import { useTranslation } from "react-i18next";
import type { MergePreview, MergeSide, Objection } from "@/api/types";
import { date, languageName } from "@/i18n/format";
import { Alert, Button, Checkbox, ReopenIcon, Tag, WarningIcon } from "@/ui";
import { attributeShown } from "./attributes";
import { CustomerAvatar } from "./CustomerAvatar";
import { identityKind, shortValue } from "./identity";
import { fieldWords, objectionWords } from "./merge-words";
import { customerName } from "./name";

function Side({ side, conversations, role, suggested }: { side: MergeSide; conversations: number; role: string; suggested: boolean }) {
  const { t } = useTranslation();
  const { customer, identities } = side;
  return (
    <section className="merge-side">
      <h3>
        {role} {suggested && <Tag>{t("merge.suggested")}</Tag>}
      </h3>
      <p className="person">
        <CustomerAvatar customer={customer} size={32} />
        <strong>{customerName(customer)}</strong>
      </p>
      <p className="muted">
        {t("merge.conversations", { count: conversations })} · {t("merge.events", { count: side.events })}
        <br />
        {t("panel.since", { time: date(customer.created_at) })}
      </p>
      <ul>
        {identities.map((identity) => (
          <li key={identity.id} title={identity.value}>
            <span className="muted">{identityKind(identity.kind)}</span> {shortValue(identity)}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Against({ objections }: { objections: Objection[] }) {
  const { t } = useTranslation();
  if (objections.length === 0) return <p className="muted">{t("merge.nothingAgainst")}</p>;
  return (
    <ul className="objections">
      {objections.map((o) => (
        <li key={o.code} data-serious={o.serious} data-testid="objection" data-code={o.code}>
          <WarningIcon />
          <span>
            {objectionWords(o.code, o.params)} {o.serious && <Tag tone="danger">{t("merge.serious")}</Tag>}
          </span>
        </li>
      ))}
    </ul>
  );
}

function valueWords(field: string, value: unknown): string | null {
  return (field === "locale" && typeof value === "string" ? languageName(value) : attributeShown(value)) || null;
}

function Result({ fields }: { fields: MergePreview["fields"] }) {
  const { t } = useTranslation();
  if (fields.length === 0) return <p className="muted">{t("merge.noFields")}</p>;
  return (
    <div className="merge-table">
      <table>
        <thead>
          <tr>
            <th scope="col">{t("merge.field")}</th>
            <th scope="col">{t("merge.keeps")}</th>
            <th scope="col">{t("merge.becomes")}</th>
            <th scope="col">{t("merge.result")}</th>
          </tr>
        </thead>
        <tbody>
          {fields.map((f) => (
            <tr key={f.field}>
              <th scope="row">{fieldWords(f.field)}</th>
              <td>{valueWords(f.field, f.survivor) ?? t("common.notAvailable")}</td>
              <td>{valueWords(f.field, f.absorbed) ?? t("common.notAvailable")}</td>
              <td data-from={f.from}>{valueWords(f.field, f.result) ?? t("common.notAvailable")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface Props {
  preview: MergePreview;
  /** This direction is the suggested one. */
  suggested: boolean;
  sure: boolean;
  onSure: (sure: boolean) => void;
  onSwap: () => void;
}

/** Two customers side by side: who stays, what becomes of whom, what speaks against it. */
export function MergeSides({ preview, suggested, sure, onSure, onSwap }: Props) {
  const { t } = useTranslation();
  const serious = preview.objections.some((o) => o.serious);
  return (
    <div className="merge-preview" data-testid="merge-preview">
      <div className="merge-pair">
        <Side side={preview.survivor} conversations={preview.conversations.survivor} role={t("merge.keeps")} suggested={suggested} />
        <Side side={preview.absorbed} conversations={preview.conversations.absorbed} role={t("merge.becomes")} suggested={false} />
      </div>
      <div>
        <Button size="small" icon={<ReopenIcon />} data-testid="merge-swap" onClick={onSwap}>
          {t("merge.swap")}
        </Button>
      </div>
      <section>
        <h3>{t("merge.against")}</h3>
        <Against objections={preview.objections} />
      </section>
      <section>
        <h3>{t("merge.fields")}</h3>
        <Result fields={preview.fields} />
      </section>
      <Alert tone="info">{t("merge.help")}</Alert>
      {serious && (
        <Checkbox data-testid="merge-despite" checked={sure} onChange={(event) => onSure(event.target.checked)}>
          {t("merge.despite")}
        </Checkbox>
      )}
    </div>
  );
}
