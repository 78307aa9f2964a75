import type console from "@catalog/en/console.json";
import "i18next";

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "console";
    resources: { console: typeof console };
    returnNull: false;
  }
}
