import { Button } from "antd";
import { useEffect, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "@/api/http";
import { codeOf, describe } from "@/i18n/problem";
import { CopyIcon, ResolveIcon, WarningIcon } from "./icons";

interface StateProps {
  icon?: ReactNode;
  title: ReactNode;
  children?: ReactNode;
  actions?: ReactNode;
}

/** A designed state of a pane: what this is, and the one next step. */
export function EmptyState({ icon, title, children, actions }: StateProps) {
  return (
    <div className="ui-state">
      {icon && <span className="ui-state-icon">{icon}</span>}
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {actions && <div className="ui-state-actions">{actions}</div>}
    </div>
  );
}

/** What happened, what to do, and the code to quote. */
export function ErrorState({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useTranslation();
  return (
    <div className="ui-state" role="alert">
      <span className="ui-state-icon">
        <WarningIcon />
      </span>
      <h2>{t("problem.loadTitle")}</h2>
      <p>{describe(error)}</p>
      <ProblemCode error={error} />
      {onRetry && (
        <div className="ui-state-actions">
          <Button onClick={onRetry}>{t("common.retry")}</Button>
        </div>
      )}
    </div>
  );
}

export function ProblemCode({ error }: { error: unknown }) {
  const { t } = useTranslation();
  const id = error instanceof ApiError ? error.requestId : undefined;
  return (
    <span className="ui-code mono">
      {t("problem.code", { code: codeOf(error) })}
      {id ? ` · ${t("problem.request", { id })}` : ""}
    </span>
  );
}

/** A short notice inside a page or form. */
export function Alert({ tone = "danger", children }: { tone?: "danger" | "info" | "warn"; children: ReactNode }) {
  return (
    <div className="ui-alert" data-tone={tone} role={tone === "danger" ? "alert" : "status"}>
      {tone !== "info" && <WarningIcon />}
      <div>{children}</div>
    </div>
  );
}

/** The reason a form was refused, with its code. */
export function FormProblem({ error }: { error: unknown }) {
  if (!error) return null;
  return (
    <Alert>
      {describe(error)} <ProblemCode error={error} />
    </Alert>
  );
}

interface Paged {
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  isFetchNextPageError: boolean;
  error: unknown;
  fetchNextPage: () => Promise<unknown>;
}

/** The way to the rest of a list, page by page. */
export function More({ of, small = false }: { of: Paged; small?: boolean }) {
  const { t } = useTranslation();
  if (!of.hasNextPage) return null;
  return (
    <div className="more">
      {of.isFetchNextPageError && <FormProblem error={of.error} />}
      <Button size={small ? "small" : "middle"} loading={of.isFetchingNextPage} onClick={() => void of.fetchNextPage()}>
        {t(of.isFetchNextPageError ? "common.retry" : "common.loadMore")}
      </Button>
    </div>
  );
}

/** Grey lines that appear only when loading takes longer than 200 ms. */
export function Skeleton({ lines = 5 }: { lines?: number }) {
  const { t } = useTranslation();
  return (
    <div className="ui-skeleton" role="status" aria-label={t("common.loading")}>
      {Array.from({ length: lines }, (_, i) => (
        <span key={i} style={{ width: `${92 - ((i * 23) % 50)}%` }} />
      ))}
    </div>
  );
}

/** Whether something has just been copied, and how to copy it. */
function useCopied(text: string): [boolean, () => void] {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const id = setTimeout(() => setCopied(false), 2_000);
    return () => clearTimeout(id);
  }, [copied]);
  return [copied, () => void copyText(text).then((done) => setCopied(done))];
}

/** Copies a text that stands beside it, perhaps shortened. `label` says what it is. */
export function CopyButton({ text, label, className }: { text: string; label?: string | undefined; className?: string }) {
  const { t } = useTranslation();
  const [copied, copy] = useCopied(text);
  return (
    <>
      <Button
        {...(className ? { className } : {})}
        size="small"
        type="text"
        onClick={copy}
        icon={copied ? <ResolveIcon /> : <CopyIcon />}
        aria-label={copied ? t("common.copied") : label ? `${t("common.copy")}: ${label}` : t("common.copy")}
        title={copied ? t("common.copied") : t("common.copy")}
      />
      <span className="visually-hidden" role="status">
        {copied ? t("common.copied") : ""}
      </span>
    </>
  );
}

/** Text with a copy button; for keys, links and examples. */
export function CopyBlock({ text, label }: { text: string; label?: string }) {
  return (
    <div className="ui-copy">
      <pre tabIndex={0} aria-label={label}>
        {text}
      </pre>
      <CopyButton text={text} label={label} />
    </div>
  );
}

/** Copies, also on plain http addresses where the clipboard interface is missing. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
