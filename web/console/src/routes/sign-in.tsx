import { useSearch } from "@tanstack/react-router";
import { SignIn } from "@/features/session/SignIn";
import { SignInLink } from "@/features/session/SignInLink";
import { Welcome } from "@/features/session/Welcome";

export function SignInPage() {
  const { next, ended } = useSearch({ from: "/sign-in" });
  return <SignIn next={next} ended={ended ?? false} />;
}

export const SignInLinkPage = SignInLink;
export const WelcomePage = Welcome;
