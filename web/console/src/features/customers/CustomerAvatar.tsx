import { Avatar } from "@/ui";
import { customerMark, customerName } from "./name";

interface Props {
  customer: { id: string; name?: string | null; label: string };
  size?: number;
  online?: boolean;
}

/** A customer's face; nameless ones differ by the letters of their code. */
export function CustomerAvatar({ customer, ...rest }: Props) {
  return <Avatar name={customerName(customer)} mark={customerMark(customer)} seed={customer.id} {...rest} />;
}
