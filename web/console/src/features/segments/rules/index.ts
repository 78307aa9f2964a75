/** The builder of conditions, for whoever needs a rule: segments, stages, journeys. */
export { RuleEditor } from "./RuleEditor";
export { RuleSentence } from "./RuleSentence";
export { FilterRows } from "./FilterRows";
export { DurationInput, InstantInput, PickName } from "./fields";
export { finished, lacks } from "./leaf";
export { stageName, useAttributeNames, useEventNames, useNames, useSegments, useStages, useTags } from "./names";
export { durationText, ruleText, windowText } from "./words";
export { unfinishedProblems } from "./unfinished";
