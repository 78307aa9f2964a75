import { Button as AntButton, Input, Tooltip, type ButtonProps } from "antd";
import { useEffect, useId, useState, type ReactNode } from "react";
import { serverNow } from "@/api/clock";

export { AutoComplete, Badge, Checkbox, Drawer, Dropdown, Input, InputNumber, Modal, Popover, Progress, Segmented, Select, Spin, Switch, Tabs, Tooltip } from "antd";
export type { MenuProps, InputRef } from "antd";
export { Button } from "antd";
export { toast, toastError } from "./toast";
export { ReadOnly, useNarrow, usePhone, useTight, useWide } from "./theme";
export * from "./icons";
export * from "./avatar";
export * from "./radio";
export * from "./states";

export const PasswordInput = Input.Password;
export const TextArea = Input.TextArea;

interface IconButtonProps extends Omit<ButtonProps, "children"> {
  /** The act's name: read aloud and shown on hover. */
  label: string;
  icon: ReactNode;
  placement?: "top" | "right" | "bottom" | "left";
  shortcut?: string;
}

/** A button that shows only an icon and is named all the same. */
export function IconButton({ label, icon, placement = "bottom", shortcut, ...rest }: IconButtonProps) {
  const title = shortcut ? (
    <span>
      {label} <span style={{ opacity: 0.7 }}>{shortcut}</span>
    </span>
  ) : (
    label
  );
  return (
    <Tooltip title={title} placement={placement} mouseEnterDelay={0.4} destroyOnHidden>
      <AntButton type="text" icon={icon} aria-label={label} {...rest} />
    </Tooltip>
  );
}

interface FieldProps {
  label: ReactNode;
  help?: ReactNode;
  error?: string | undefined;
  optional?: string;
  /** Receives what ties the control to its label, help and error. */
  children: (ids: { id: string; "aria-describedby"?: string; "aria-invalid"?: boolean; status?: "error" | "" }) => ReactNode;
}

/** Label above, help and error below, all tied to the control. */
export function Field({ label, help, error, optional, children }: FieldProps) {
  const id = useId();
  const about = help || error ? `${id}-about` : undefined;
  return (
    <div className="ui-field">
      <label htmlFor={id}>
        {label}
        {optional && <small>{optional}</small>}
      </label>
      {children({
        id,
        ...(about ? { "aria-describedby": about } : {}),
        ...(error ? { "aria-invalid": true, status: "error" as const } : {}),
      })}
      {(help || error) && (
        <div id={about} className={error ? "ui-error" : "ui-help"} role={error ? "alert" : undefined}>
          {error ?? help}
        </div>
      )}
    </div>
  );
}

interface ToggleProps {
  label: string;
  help?: ReactNode;
  children: (ids: { id: string }) => ReactNode;
}

/** A named switch with its help below the name. */
export function Toggle({ label, help, children }: ToggleProps) {
  const id = useId();
  return (
    <div className="ui-toggle">
      <label htmlFor={id}>{label}</label>
      {children({ id })}
      {help && <div className="ui-help">{help}</div>}
    </div>
  );
}

export function Tag({ tone, children }: { tone?: "ok" | "warn" | "danger" | "accent"; children: ReactNode }) {
  return (
    <span className="ui-tag" data-tone={tone}>
      {children}
    </span>
  );
}

export function Kbd({ children }: { children: ReactNode }) {
  return <kbd className="ui-kbd">{children}</kbd>;
}

interface PageProps {
  title: ReactNode;
  lead?: ReactNode;
  actions?: ReactNode;
  narrow?: boolean;
  children: ReactNode;
}

/** A page of one column with a heading. */
export function Page({ title, lead, actions, narrow, children }: PageProps) {
  return (
    <div className="ui-page" data-narrow={narrow ? "" : undefined}>
      <div className="ui-page-inner">
        <header className="ui-page-head">
          <div>
            <h1>{title}</h1>
            {lead && <p>{lead}</p>}
          </div>
          {actions}
        </header>
        {children}
      </div>
    </div>
  );
}

export function Section({ title, children }: { title?: ReactNode; children: ReactNode }) {
  return (
    <section className="ui-section">
      {title && <h2>{title}</h2>}
      {children}
    </section>
  );
}

/** The server's clock, moving on every half minute, for relative times. */
export function useNow(): number {
  const [now, setNow] = useState(serverNow);
  useEffect(() => {
    const id = setInterval(() => setNow(serverNow()), 30_000);
    return () => clearInterval(id);
  }, []);
  return now;
}
