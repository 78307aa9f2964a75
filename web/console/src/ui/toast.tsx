import { App, Button } from "antd";
import { useEffect } from "react";

interface Act {
  label: string;
  run: () => void;
}

type Open = (text: string, tone: "plain" | "error", act: Act | undefined) => void;

let open: Open = () => {};
let serial = 0;

/** Says something short at the bottom of the page, with at most one act (mostly Undo). */
export function toast(text: string, act?: Act): void {
  open(text, "plain", act);
}

/** Says that something failed and why. */
export function toastError(text: string, act?: Act): void {
  open(text, "error", act);
}

/** Lets `toast` be called from anywhere; rendered once by the provider. */
export function ToastBridge() {
  const { message } = App.useApp();
  useEffect(() => {
    open = (text, tone, act) => {
      const key = `toast-${++serial}`;
      void message.open({
        key,
        type: tone === "error" ? "error" : "success",
        duration: act || tone === "error" ? 8 : 3,
        content: (
          <span role={tone === "error" ? "alert" : "status"}>
            {text}
            {act && (
              <Button
                type="link"
                size="small"
                onClick={() => {
                  message.destroy(key);
                  act.run();
                }}
              >
                {act.label}
              </Button>
            )}
          </span>
        ),
      });
    };
    return () => {
      open = () => {};
    };
  }, [message]);
  return null;
}
