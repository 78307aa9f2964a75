import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { ErrorState, Page, Skeleton } from "@/ui";
import { useSegment } from "./queries";
import { SegmentForm } from "./SegmentForm";
import "./segments.css";

function Frame({ children }: { children: React.ReactNode }) {
  const { t } = useTranslation();
  return (
    <Page title={t("segments.create")} lead={<Link to="/segments">{t("segments.all")}</Link>}>
      {children}
    </Page>
  );
}

function Copy({ id }: { id: string }) {
  const { t } = useTranslation();
  const query = useSegment(id);
  if (query.isPending) return <Skeleton lines={6} />;
  if (query.isLoadingError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const { name, description, rule } = query.data;
  return <SegmentForm start={{ name: t("segments.copyOf", { name }), description, rule }} />;
}

/** Makes a segment, from nothing or as a copy of another one. */
export function NewSegmentPage({ copy }: { copy: string | undefined }) {
  return <Frame>{copy ? <Copy id={copy} /> : <SegmentForm start={{ name: "", description: "", rule: { kind: "all", of: [] } }} />}</Frame>;
}
