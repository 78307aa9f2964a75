import { useQueryClient } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";
import { keys } from "@/api/keys";
import type { Me } from "@/api/types";
import { adoptPreferences } from "./me";

/** Only addresses of this console are followed after signing in. */
export function safeNext(next: string | undefined): string {
  return next && /^\/(?![/\\])/.test(next) && !next.startsWith("/sign-in") ? next : "/";
}

/** Goes on after a session began. */
export function useEnter() {
  const cache = useQueryClient();
  const router = useRouter();
  return (me: Me, next: string | undefined) => {
    cache.clear();
    cache.setQueryData(keys.me, me);
    adoptPreferences(me);
    if (!me.has_password) void router.navigate({ to: "/welcome", replace: true });
    else void router.navigate({ href: safeNext(next), replace: true });
  };
}
