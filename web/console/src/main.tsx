import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError, setSignedOutHandler } from "./api/http";
import { keys } from "./api/keys";
import { settings, useSettings } from "./features/session/settings";
import { startI18n } from "./i18n";
import { createConsoleRouter } from "./routes/router";
import { paintTheme, UiProvider } from "./ui/theme";

const cache = new QueryClient({
  defaultOptions: {
    queries: {
      // The socket keeps what is held fresh; asking again is for its gaps.
      staleTime: 60_000,
      refetchOnWindowFocus: false,
      retry: (count, error) => count < 2 && error instanceof ApiError && error.transient,
    },
  },
});

const router = createConsoleRouter(cache);
setSignedOutHandler(() => leave());

/** Goes to the sign-in page and comes back here afterwards; drafts stay. */
function leave(): void {
  const { pathname, href } = router.state.location;
  // Before anybody was signed in the route itself sends to the sign-in page.
  if (pathname.startsWith("/sign-in") || !cache.getQueryData(keys.me)) return;
  cache.removeQueries({ queryKey: keys.me });
  void router.navigate({ to: "/sign-in", search: { next: href, ended: true } });
}

function Root() {
  const { theme, locale } = useSettings();
  return (
    <UiProvider theme={theme} locale={locale}>
      <RouterProvider router={router} />
    </UiProvider>
  );
}

paintTheme(settings.get().theme);
void startI18n(settings.get().locale).then(() => {
  createRoot(document.getElementById("root")!).render(
    <StrictMode>
      <QueryClientProvider client={cache}>
        <Root />
      </QueryClientProvider>
    </StrictMode>,
  );
});
