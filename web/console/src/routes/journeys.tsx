import { useParams, useSearch } from "@tanstack/react-router";
import { JourneyPage as Journey } from "@/features/journeys/JourneyPage";
import { JourneysPage as Journeys } from "@/features/journeys/JourneysPage";
import { Guard } from "./fallbacks";

export function JourneysPage() {
  return (
    <Guard permission="journeys.read">
      <Journeys />
    </Guard>
  );
}

export function JourneyPage() {
  const { journeyId } = useParams({ from: "/app/journeys/$journeyId" });
  const search = useSearch({ from: "/app/journeys/$journeyId" });
  return (
    <Guard permission="journeys.read">
      <Journey key={journeyId} id={journeyId} search={search} />
    </Guard>
  );
}
