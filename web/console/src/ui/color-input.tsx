import { ColorPicker } from "antd";

interface Props {
  id?: string;
  value: string;
  onChange: (value: string) => void;
}

const presets = ["#0f766e", "#1d4ed8", "#6d28d9", "#be185d", "#b91c1c", "#c2410c", "#a16207", "#15803d", "#334155", "#111827"];

/** Chooses an opaque colour, written as #rrggbb. */
export function ColorInput({ id, value, onChange }: Props) {
  return (
    <span id={id}>
      <ColorPicker value={value} disabledAlpha showText format="hex" presets={[{ label: "", colors: presets, key: "presets" }]} onChange={(color) => onChange(color.toHexString().slice(0, 7).toLowerCase())} />
    </span>
  );
}
