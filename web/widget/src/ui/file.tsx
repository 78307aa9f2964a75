import { Fragment, h, type VNode } from 'preact';
import { signal } from '../reactive';
import { fileSize } from '../locale';
import { Icon } from './icons';

interface Props {
  name: string;
  size: number;
  type: string;
  /** Address to open; absent while the file is on its way. */
  href?: string;
  /** Address of the bytes in this tab. */
  local?: string | undefined;
  width?: number | null;
  height?: number | null;
}

/** Addresses that turned out to be no picture the browser can draw. */
export const broken = signal<readonly string[]>([]);

/** A file of a message: a thumbnail for images, else a row with name and size. */
export function FileView({ name, size, type, href, local, width, height }: Props): VNode {
  const source = href ?? local;
  // Vector images stay files: they are documents of their own.
  const image = source && /^image\/(png|jpeg|gif|webp|avif|bmp)$/.test(type) && !broken.value.includes(source);
  // Room for the image before it is loaded, so that the thread does not jump.
  const scale = width && height ? Math.min(1, 220 / width, 220 / height) : 0;
  const content = image ? (
    <img
      src={source}
      alt={name}
      {...(scale && { width: Math.round((width ?? 0) * scale), height: Math.round((height ?? 0) * scale) })}
      onError={() => (broken.value = [...broken.value, source])}
    />
  ) : (
    <Fragment>
      <Icon name="file" />
      <span class="name">{name}</span>
      <span class="soft">{fileSize(size)}</span>
    </Fragment>
  );
  const look = image ? 'file image' : 'file';
  return href ? (
    <a class={look} href={href} target="_blank" rel="noopener noreferrer" title={name}>
      {content}
    </a>
  ) : (
    <span class={look}>{content}</span>
  );
}
