import { DatePicker } from "antd";
import dayjs from "dayjs";

interface Props {
  id?: string;
  value: Date | null;
  onChange: (value: Date | null) => void;
  /** The earliest day that may be chosen. */
  from?: Date;
  status?: "error" | "";
  small?: boolean;
  disabled?: boolean;
  /** Its name, where no label stands beside it. */
  label?: string;
}

/** Chooses a minute; loaded lazily because the picker is heavy. */
export default function DateTimeInput({ value, onChange, from, small = false, label, ...rest }: Props) {
  return (
    <DatePicker
      {...rest}
      {...(small ? { size: "small" as const } : {})}
      {...(label ? { "aria-label": label, placeholder: label } : {})}
      style={{ width: "100%" }}
      showTime={{ format: "HH:mm", minuteStep: 5 }}
      format="YYYY-MM-DD HH:mm"
      value={value ? dayjs(value) : null}
      onChange={(next) => onChange(next ? next.toDate() : null)}
      {...(from ? { disabledDate: (day: dayjs.Dayjs) => day.endOf("day").isBefore(from) } : {})}
    />
  );
}
