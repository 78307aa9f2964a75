import { useQuery } from "@tanstack/react-query";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Setup } from "@/api/types";

/** What the program tells of itself; undefined until it has. */
export function useSetup(): Setup | undefined {
  return useQuery({ queryKey: keys.setup, queryFn: ({ signal }) => api.setup(signal) }).data;
}
