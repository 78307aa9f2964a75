import { fireEvent, render, screen } from "@testing-library/react";
import { App } from "antd";
import { beforeAll, expect, test } from "vitest";
import { startI18n } from "@/i18n";
import { useAskDiscard } from "./form-dialog";

beforeAll(() => startI18n("en"));

test("who asks while the question stands has its answer, and there is one question", async () => {
  let ask: () => Promise<boolean> = () => Promise.resolve(true);
  const Page = () => {
    ask = useAskDiscard();
    return null;
  };
  render(
    <App>
      <Page />
    </App>,
  );
  const answers = [ask(), ask()];
  const keep = await screen.findAllByRole("button", { name: "Keep editing" });
  expect(keep).toHaveLength(1);
  fireEvent.click(keep[0]!);
  expect(await Promise.all(answers)).toEqual([false, false]);
  const again = ask();
  fireEvent.click((await screen.findAllByRole("button", { name: "Discard changes" })).at(-1)!);
  expect(await again).toBe(true);
});
