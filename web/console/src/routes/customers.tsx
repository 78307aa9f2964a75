export function CustomersPage() { return null; }
export function CustomerPage() { return null; }
