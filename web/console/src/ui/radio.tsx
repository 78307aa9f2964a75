import { Radio } from "antd";
import { useId } from "react";

interface Props<V extends string> {
  label: string;
  value: V;
  options: { value: V; label: string; help?: string }[];
  onChange: (value: V) => void;
  testid?: string;
}

/** One of a few choices, each with a sentence about what it means. */
export function RadioGroup<V extends string>({ label, value, options, onChange, testid }: Props<V>) {
  const id = useId();
  return (
    <div className="ui-field">
      <span className="ui-label" id={id}>
        {label}
      </span>
      <Radio.Group aria-labelledby={id} data-testid={testid} value={value} onChange={(event) => onChange(event.target.value as V)}>
        <span className="ui-radios">
          {options.map((option) => (
            <Radio key={option.value} value={option.value} data-testid={testid && `${testid}-${option.value}`}>
              {option.label}
              {option.help && <small className="ui-help">{option.help}</small>}
            </Radio>
          ))}
        </span>
      </Radio.Group>
    </div>
  );
}
