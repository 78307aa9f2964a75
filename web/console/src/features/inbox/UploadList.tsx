import { useTranslation } from "react-i18next";
import { share } from "@/i18n/format";
import { describe } from "@/i18n/problem";
import { CloseIcon, IconButton, ReloadIcon } from "@/ui";
import { mayRetry, removeUpload, retryUpload, type Upload } from "./uploads";

/** Files chosen for the next message, with their progress. */
export function UploadList({ list, uploads }: { list: string; uploads: Upload[] }) {
  const { t } = useTranslation();
  if (uploads.length === 0) return null;
  return (
    <ul className="uploads">
      {uploads.map((upload) => {
        const { name } = upload.file;
        const percent = Math.round(upload.share * 100);
        return (
          <li key={upload.key} className="upload" data-testid="upload" data-failed={upload.error ? "" : undefined} data-done={upload.attachment ? "" : undefined} title={upload.error ? describe(upload.error) : name}>
            <span>{upload.error ? `${name}: ${describe(upload.error)}` : name}</span>
            {upload.error != null && mayRetry(upload.error) && (
              <IconButton size="small" label={t("composer.retryUpload", { name })} icon={<ReloadIcon />} onClick={() => retryUpload(list, upload)} />
            )}
            <IconButton size="small" label={t("composer.remove", { name })} icon={<CloseIcon />} onClick={() => removeUpload(list, upload)} />
            {!upload.attachment && !upload.error && <progress max={100} value={percent} aria-label={t("composer.uploading", { name, percent: share(upload.share) })} />}
          </li>
        );
      })}
    </ul>
  );
}
