/** Signing a user ID on an integrator's server: hex HMAC-SHA256 with the account's secret. */
export const identityExamples = {
  "Node.js": `import { createHmac } from "node:crypto";

const hash = createHmac("sha256", process.env.FANWARD_IDENTITY_SECRET)
  .update(user.id)
  .digest("hex");`,
  Python: `import hashlib, hmac, os

hash = hmac.new(
    os.environ["FANWARD_IDENTITY_SECRET"].encode(),
    user.id.encode(),
    hashlib.sha256,
).hexdigest()`,
  PHP: `$hash = hash_hmac('sha256', $user->id, getenv('FANWARD_IDENTITY_SECRET'));`,
  Go: `mac := hmac.New(sha256.New, []byte(os.Getenv("FANWARD_IDENTITY_SECRET")))
mac.Write([]byte(user.ID))
hash := hex.EncodeToString(mac.Sum(nil))`,
} as const;

export type ExampleLanguage = keyof typeof identityExamples;

/** Handing the signed identity to the widget; works before it has loaded. */
export const pageExample = `<script>
  window.fanward = window.fanward || function () {
    (fanward.q = fanward.q || []).push(arguments);
  };
  fanward("identify", {
    user_id: "USER ID",
    hash: "HASH FROM YOUR SERVER",
    name: "NAME",
    email: "EMAIL",
  });
</script>`;
