import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Contradiction } from "@/api/types";
import { Alert, Button } from "@/ui";
import { customerName } from "./name";

const kinds = ["email", "bind", "unionid"] as const;

/** Proofs that name this customer and another one: shown, never acted upon by themselves. */
export function Contradictions({ customerId, onCompare }: { customerId: string; onCompare: ((other: string) => void) | null }) {
  const { t } = useTranslation();
  const query = useQuery({ queryKey: keys.contradictions(customerId), queryFn: ({ signal }) => api.contradictions(customerId, signal) });
  const items = query.data?.items ?? [];
  const otherOf = (c: Contradiction) => (c.customer.id === customerId ? c.other : c.customer);
  // One other person may be named by several proofs.
  const people = items.filter((c, i) => items.findIndex((x) => otherOf(x).id === otherOf(c).id) === i);
  return people.map((c) => {
    const kind = kinds.find((k) => k === c.kind);
    const other = otherOf(c);
    return (
      <div key={c.id} className="contradiction" data-testid="contradiction" data-other={other.id}>
        <Alert tone="warn">
          <strong>{t("contradiction.title")}</strong> {kind ? t(`contradiction.${kind}`, { name: customerName(other) }) : customerName(other)}{" "}
          {onCompare && (
            <Button size="small" data-testid="contradiction-compare" onClick={() => onCompare(other.id)}>
              {t("contradiction.compare")}
            </Button>
          )}
        </Alert>
      </div>
    );
  });
}
