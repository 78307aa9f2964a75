import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { PickedCustomer } from "@/features/customers/CustomerPicker";
import { usePermission } from "@/features/session/me";
import { Button, PlusIcon, Skeleton, useNow } from "@/ui";
import { byDay } from "./days";
import { useCustomerTasks } from "./queries";
import { TaskForm } from "./TaskForm";
import { TaskRow } from "./TaskRow";
import "./tasks.css";

/** The open tasks of one customer, beside the thread and on their page. */
export function CustomerTasks({ customer, conversationId }: { customer: PickedCustomer; conversationId?: string }) {
  const { t } = useTranslation();
  const now = useNow();
  const mayWrite = usePermission("tasks.write");
  const [adding, setAdding] = useState(false);
  const query = useCustomerTasks(customer.id);
  const { overdue, today, later } = byDay((query.data?.pages.flatMap((p) => p.items) ?? []).filter((task) => task.state === "open"), now);
  const tasks = [...overdue, ...today, ...later];
  return (
    <div className="customer-tasks" data-testid="customer-tasks">
      {query.isPending ? (
        <Skeleton lines={2} />
      ) : query.isLoadingError ? (
        <p className="muted">
          {t("tasks.notLoaded")}{" "}
          <Button type="link" size="small" onClick={() => void query.refetch()}>
            {t("common.retry")}
          </Button>
        </p>
      ) : tasks.length === 0 ? (
        <p className="muted">{t("tasks.noneHere")}</p>
      ) : (
        <ul>
          {tasks.map((task) => (
            <TaskRow key={task.id} task={task} now={now} besideCustomer />
          ))}
        </ul>
      )}
      {mayWrite && (
        <Button size="small" icon={<PlusIcon />} data-testid="task-add" onClick={() => setAdding(true)}>
          {t("tasks.create")}
        </Button>
      )}
      {adding && <TaskForm customer={customer} {...(conversationId ? { conversationId } : {})} onClose={() => setAdding(false)} />}
    </div>
  );
}
