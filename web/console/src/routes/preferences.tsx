export { PreferencesPage } from "@/features/me/PreferencesPage";
