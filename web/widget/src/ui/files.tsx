import { useEffect, useState } from 'preact/hooks';
import type { JSX } from 'preact';
import { fileSize, t } from '../locale';
import { FileIcon } from './icons';

interface FileProps {
  name: string;
  size: number;
  type: string;
  /** Address to open; absent while the file is on its way. */
  href?: string | undefined;
  /** Bytes in this tab, to show an image before it is uploaded. */
  bytes?: Blob | undefined;
  width?: number | null;
  height?: number | null;
}

/** A file of a message: a thumbnail for images, else a row with name and size. */
export function FileView(props: FileProps): JSX.Element {
  const [broken, setBroken] = useState(false);
  const local = useObjectURL(props.bytes);
  const source = props.href ?? local;
  // Vector images stay files: they are documents of their own, and their size is not known.
  const image = /^image\/(png|jpe?g|gif|webp|avif|bmp)$/.test(props.type) && source && !broken;
  const content = image ? (
    <img class="thumb" src={source} alt={t('image', { name: props.name })} loading="lazy" onError={() => setBroken(true)} {...shape(props.width, props.height)} />
  ) : (
    <>
      <FileIcon />
      <span class="file-name">{props.name}</span>
      <span class="file-size">{fileSize(props.size)}</span>
    </>
  );
  const look = image ? 'file image' : 'file';
  if (!props.href) return <span class={look}>{content}</span>;
  return (
    <a class={look} href={props.href} target="_blank" rel="noopener noreferrer" title={t('download', { name: props.name })}>
      {content}
    </a>
  );
}

/** Room for the image before it is loaded, so that the thread does not jump. */
function shape(width: number | null | undefined, height: number | null | undefined): { width?: number; height?: number } {
  if (!width || !height) return {};
  const scale = Math.min(1, 220 / width, 220 / height);
  return { width: Math.round(width * scale), height: Math.round(height * scale) };
}

function useObjectURL(bytes: Blob | undefined): string | undefined {
  const [url, setURL] = useState<string>();
  useEffect(() => {
    if (!bytes) return undefined;
    const made = URL.createObjectURL(bytes);
    setURL(made);
    return () => URL.revokeObjectURL(made);
  }, [bytes]);
  return url;
}
