import type { NodeKind, TriggerKind } from "@/api/journeys";
import { BranchIcon, DelayIcon, ExitIcon, EventIcon, HistoryIcon, ScheduleIcon, SegmentInIcon, SegmentOutIcon, SendIcon, SplitIcon, StageStepIcon, TagStepIcon, TaskOpenIcon, UntilIcon, WaitIcon, AttributeIcon } from "@/ui";

const icons: Record<NodeKind, typeof SendIcon> = {
  message: SendIcon,
  delay: DelayIcon,
  until: UntilIcon,
  wait: WaitIcon,
  branch: BranchIcon,
  split: SplitIcon,
  attribute: AttributeIcon,
  tag: TagStepIcon,
  stage: StageStepIcon,
  task: TaskOpenIcon,
  exit: ExitIcon,
};

const triggers: Record<TriggerKind, typeof SendIcon> = {
  event: EventIcon,
  segment_entered: SegmentInIcon,
  segment_left: SegmentOutIcon,
  stage_changed: HistoryIcon,
  schedule: ScheduleIcon,
};

export function KindIcon({ kind }: { kind: NodeKind }) {
  const Icon = icons[kind];
  return <Icon />;
}

export function TriggerIcon({ kind }: { kind: TriggerKind }) {
  const Icon = triggers[kind];
  return <Icon />;
}
