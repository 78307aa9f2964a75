import { useParams, useSearch } from "@tanstack/react-router";
import { NewSegmentPage as NewSegment } from "@/features/segments/NewSegmentPage";
import { SegmentPage as Segment } from "@/features/segments/SegmentPage";
import { SegmentsPage as Segments } from "@/features/segments/SegmentsPage";
import { Guard } from "./fallbacks";

export function SegmentsPage() {
  return (
    <Guard permission={["segments.read", "segments.manage"]}>
      <Segments />
    </Guard>
  );
}

export function NewSegmentPage() {
  const { copy } = useSearch({ from: "/app/segments/new" });
  return (
    <Guard permission="segments.manage">
      <NewSegment key={copy ?? ""} copy={copy} />
    </Guard>
  );
}

export function SegmentPage() {
  const { segmentId } = useParams({ from: "/app/segments/$segmentId" });
  const { tab } = useSearch({ from: "/app/segments/$segmentId" });
  return (
    <Guard permission={["segments.read", "segments.manage"]}>
      <Segment key={segmentId} id={segmentId} tab={tab ?? "rule"} />
    </Guard>
  );
}
