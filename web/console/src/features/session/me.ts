import { queryOptions, useMutation, useQuery, useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Me } from "@/api/types";
import { describe } from "@/i18n/problem";
import { setLocale } from "@/i18n";
import { toastError } from "@/ui";
import { changeSettings } from "./settings";

export const meQuery = queryOptions({
  queryKey: keys.me,
  queryFn: ({ signal }) => api.me(signal),
  staleTime: Infinity,
});

/** The teammate who is signed in. Only for pages inside the shell. */
export function useMe(): Me {
  return useSuspenseQuery(meQuery).data;
}

export type Permission =
  | "inbox.read"
  | "inbox.reply"
  | "customers.read"
  | "customers.write"
  | "teammates.read"
  | "teammates.manage"
  | "accounts.manage"
  | "tokens.manage"
  | "tasks.read"
  | "tasks.write"
  | "stages.manage"
  | "segments.read"
  | "segments.manage"
  | "journeys.read"
  | "journeys.manage"
  | "tracking.manage";

export function may(me: Me, permission: Permission): boolean {
  return me.permissions.includes(permission);
}

/** Whether the signed-in teammate may do something; for showing controls, never as protection. */
export function usePermission(permission: Permission): boolean {
  const { data } = useQuery(meQuery);
  return data ? may(data, permission) : false;
}

/** Takes over the language and theme a teammate chose on any device. */
export function adoptPreferences(me: Me): void {
  changeSettings({ locale: me.locale, theme: me.theme });
  void setLocale(me.locale);
}

type MePatch = Parameters<typeof api.updateMe>[0];

/** Changes one's own record: shown at once, rolled back with the reason. */
export function useUpdateMe() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (patch: MePatch) => api.updateMe(patch),
    onMutate: (patch) => {
      const before = cache.getQueryData<Me>(keys.me);
      if (before) {
        const next = { ...before, ...patch };
        cache.setQueryData(keys.me, next);
        if (patch.locale || patch.theme) adoptPreferences(next);
      }
      return { before };
    },
    onError: (error, _patch, context) => {
      if (context?.before) {
        cache.setQueryData(keys.me, context.before);
        adoptPreferences(context.before);
      }
      toastError(describe(error));
    },
    onSuccess: (me) => cache.setQueryData<Me>(keys.me, (known) => ({ ...known, ...me })),
  });
}
