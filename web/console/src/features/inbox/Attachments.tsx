import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Attachment } from "@/api/types";
import { bytes } from "@/i18n/format";
import { CloseIcon, DownloadIcon, FileIcon, IconButton, LeftIcon, RightIcon } from "@/ui";

/** Types a browser shows as a picture without running anything. */
const pictures = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"]);
const isPicture = (a: Attachment) => pictures.has(a.content_type);

const THUMB_WIDTH = 260;
const THUMB_HEIGHT = 220;

/** The room a thumbnail takes, known before it loads so that nothing jumps. */
export function thumbSize(width: number | null, height: number | null): { width: number; height: number } {
  if (!width || !height) return { width: 200, height: 150 };
  const scale = Math.min(1, THUMB_WIDTH / width, THUMB_HEIGHT / height);
  return { width: Math.max(40, Math.round(width * scale)), height: Math.max(40, Math.round(height * scale)) };
}

function Lightbox({ images, start, onClose }: { images: Attachment[]; start: number; onClose: () => void }) {
  const { t } = useTranslation();
  const [at, setAt] = useState(start);
  const dialog = useRef<HTMLDialogElement>(null);
  const image = images[at];
  useEffect(() => {
    const node = dialog.current;
    node?.showModal?.();
    return () => node?.close?.();
  }, []);
  if (!image) return null;
  const move = (step: number) => setAt((i) => Math.min(images.length - 1, Math.max(0, i + step)));
  return (
    <dialog
      ref={dialog}
      className="lightbox"
      aria-label={t("thread.image", { name: image.name })}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.key === "ArrowLeft") move(-1);
        if (event.key === "ArrowRight") move(1);
      }}
    >
      <header>
        <span>{image.name}</span>
        {images.length > 1 && (
          <>
            <IconButton label={t("thread.previous")} icon={<LeftIcon />} disabled={at === 0} onClick={() => move(-1)} />
            <IconButton label={t("thread.next")} icon={<RightIcon />} disabled={at === images.length - 1} onClick={() => move(1)} />
          </>
        )}
        <IconButton label={t("thread.download", { name: image.name })} icon={<DownloadIcon />} href={image.url} {...{ download: image.name }} />
        <IconButton label={t("thread.closeImage")} icon={<CloseIcon />} onClick={onClose} autoFocus />
      </header>
      <figure
        onClick={(event) => {
          if (event.target === event.currentTarget) onClose();
        }}
      >
        <img src={image.url} alt={image.name} />
      </figure>
    </dialog>
  );
}

function Thumbnail({ image, onOpen, onExpired }: { image: Attachment; onOpen: () => void; onExpired: () => void }) {
  const { t } = useTranslation();
  // The address it failed with: a fresh one gets one more chance.
  const [failed, setFailed] = useState<string[]>([]);
  const broken = () => {
    if (failed.length === 0) onExpired();
    setFailed((all) => [...all, image.url]);
  };
  if (failed.includes(image.url)) return <FileLink file={image} note={t("thread.imageGone")} />;
  const size = thumbSize(image.width, image.height);
  return (
    <button type="button" className="thumb" onClick={onOpen} aria-label={t("thread.openImage", { name: image.name })}>
      <img src={image.url} alt="" loading="lazy" decoding="async" width={size.width} height={size.height} onError={broken} />
    </button>
  );
}

function FileLink({ file, note }: { file: Attachment; note?: string }) {
  const { t } = useTranslation();
  return (
    <a className="file" href={file.url} download={file.name} target="_blank" rel="noopener" aria-label={t("thread.download", { name: file.name })} title={note}>
      <FileIcon />
      <span>
        <b>{file.name}</b>
        <small className="num">{note ?? bytes(file.size)}</small>
      </span>
    </a>
  );
}

/**
 * Pictures as thumbnails that open, everything else as a file to download.
 * Addresses expire; `onExpired` asks for new ones.
 */
export function Attachments({ attachments, onExpired }: { attachments: Attachment[]; onExpired: () => void }) {
  const [open, setOpen] = useState<number | null>(null);
  if (attachments.length === 0) return null;
  const images = attachments.filter(isPicture);
  return (
    <div className="files">
      {attachments.map((a) =>
        isPicture(a) ? <Thumbnail key={a.id} image={a} onOpen={() => setOpen(images.indexOf(a))} onExpired={onExpired} /> : <FileLink key={a.id} file={a} />,
      )}
      {open !== null && <Lightbox images={images} start={open} onClose={() => setOpen(null)} />}
    </div>
  );
}
