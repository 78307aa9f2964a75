import { fireEvent, render, screen, waitFor } from "@testing-library/react";
import { beforeAll, expect, test, vi } from "vitest";
import { startI18n } from "@/i18n";
import { message } from "@/test/make";
import * as mail from "./mail-height";
import { MailBody } from "./MailParts";

beforeAll(() => startI18n("en"));

async function shown(left: mail.Pictures | null) {
  const measured = vi.spyOn(mail, "measureMail");
  if (left) measured.mockResolvedValue({ height: 300, pictures: left });
  else measured.mockRejectedValue(new Error("torn"));
  render(<MailBody message={message(1, { html_url: "/api/v1/mail/1" })} />);
  fireEvent.click(screen.getByTestId("mail-design-toggle"));
  const frame = await screen.findByTestId("mail-frame");
  await waitFor(() => expect(measured).toHaveBeenCalled());
  await Promise.resolve();
  return frame;
}

test("a mail without pictures elsewhere offers none", async () => {
  const frame = await shown({ remote: 0, plain: 0 });
  await waitFor(() => expect(frame.style.height).toBe("300px"));
  expect(screen.queryByTestId("mail-pictures")).toBeNull();
});

test.each([
  ["all over TLS", { remote: 2, plain: 0 }, false],
  ["one without TLS", { remote: 2, plain: 1 }, true],
  ["nobody knows", null, false],
] as const)("pictures elsewhere come when asked for: %s", async (_, left, told) => {
  await shown(left);
  fireEvent.click(await screen.findByTestId("mail-pictures"));
  expect(screen.getByTestId("mail-frame").getAttribute("src")).toBe("/api/v1/mail/1?pictures=1");
  expect(screen.queryByTestId("mail-pictures")).toBeNull();
  expect(screen.queryByText(/unsecured addresses/) !== null).toBe(told);
});

test("what a mail leaves out is read from its HTML", () => {
  const page = new DOMParser().parseFromString(`<img src="/api/v1/files/1"><img data-src="https://a.example/p.png"><img data-src="http://b.example/p.png"><img alt="none">`, "text/html");
  expect(mail.picturesOf(page)).toEqual({ remote: 2, plain: 1 });
});
