export function TeammatesPage() { return null; }
export function TeamsPage() { return null; }
