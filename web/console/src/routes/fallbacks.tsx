import { Link, useRouter, type ErrorComponentProps } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Permission } from "@/features/session/me";
import { useMe } from "@/features/session/me";
import { ApiError } from "@/api/http";
import { Button, EmptyState, ErrorState, LockIcon, NotFoundIcon, ProblemCode, WarningIcon } from "@/ui";
import type { ReactNode } from "react";

/** An address that leads nowhere. */
export function NotFoundPage() {
  const { t } = useTranslation();
  return (
    <EmptyState icon={<NotFoundIcon />} title={t("state.notFoundTitle")} actions={<Link to="/">{t("state.toHome")}</Link>}>
      {t("state.notFoundBody")}
    </EmptyState>
  );
}

/** What shows when a page could not be loaded or broke. */
export function CrashPage({ error, reset }: ErrorComponentProps) {
  const { t } = useTranslation();
  const router = useRouter();
  if (error instanceof ApiError) {
    return (
      <ErrorState
        error={error}
        onRetry={() => {
          reset();
          void router.invalidate();
        }}
      />
    );
  }
  return (
    <EmptyState
      icon={<WarningIcon />}
      title={t("problem.crashTitle")}
      actions={<Button onClick={() => window.location.reload()}>{t("problem.reload")}</Button>}
    >
      {t("problem.crashBody")} <ProblemCode error={error} />
    </EmptyState>
  );
}

/** Shows a page only to those who may use it, and to others why not. */
export function Guard({ permission, children }: { permission: Permission | Permission[]; children: ReactNode }) {
  const { t } = useTranslation();
  const me = useMe();
  const wanted = Array.isArray(permission) ? permission : [permission];
  if (wanted.some((p) => me.permissions.includes(p))) return children;
  return (
    <EmptyState icon={<LockIcon />} title={t("state.noPermissionTitle")} actions={<Link to="/">{t("state.toHome")}</Link>}>
      {t("state.noPermissionBody", { role: t(`role.${me.role}`) })}
    </EmptyState>
  );
}

