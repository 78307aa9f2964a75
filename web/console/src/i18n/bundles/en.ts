import console from "@catalog/en/console.json";

// A glob rather than an import: the error sentences belong to the server.
const errors = Object.values(import.meta.glob("@catalog/en/errors.json", { eager: true, import: "default" }))[0] ?? {};

export default { console, errors: errors as Record<string, unknown> };
