import { h, type VNode } from 'preact';
import { Icon } from './icons';

type Props = Parameters<typeof Icon>[0] & { label: string; testid?: string; onClick: () => void };

/** A button that shows an icon and says its act to the pointer and to screen readers. */
export function IconButton({ name, label, testid, onClick }: Props): VNode {
  return (
    <button type="button" class="tool" data-testid={testid} aria-label={label} title={label} onClick={onClick}>
      <Icon name={name} />
    </button>
  );
}
