import { DatePicker } from "antd";
import dayjs from "dayjs";

interface Props {
  id?: string;
  value: Date | null;
  onChange: (value: Date | null) => void;
  /** The earliest day that may be chosen. */
  from: Date;
  status?: "error" | "";
}

/** Chooses a minute; loaded lazily because the picker is heavy. */
export default function DateTimeInput({ value, onChange, from, ...rest }: Props) {
  return (
    <DatePicker
      {...rest}
      style={{ width: "100%" }}
      showTime={{ format: "HH:mm", minuteStep: 5 }}
      format="YYYY-MM-DD HH:mm"
      value={value ? dayjs(value) : null}
      onChange={(next) => onChange(next ? next.toDate() : null)}
      disabledDate={(day) => day.endOf("day").isBefore(from)}
    />
  );
}
