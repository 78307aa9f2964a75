import { Table } from "antd";
import type { ColumnsType } from "antd/es/table";
import type { ReactNode } from "react";

export type Columns<T> = ColumnsType<T>;

interface Props<T> {
  rows: readonly T[];
  columns: Columns<T>;
  label: string;
  loading?: boolean;
  empty?: ReactNode;
  onOpen?: (row: T) => void;
}

/** A dense table. On phones it scrolls inside its own frame. */
export function DataTable<T extends { id: string }>({ rows, columns, label, loading = false, empty, onOpen }: Props<T>) {
  return (
    <div className="ui-table-wrap">
      <Table<T>
        aria-label={label}
        rowKey="id"
        size="middle"
        dataSource={rows}
        columns={columns}
        loading={loading}
        pagination={false}
        scroll={{ x: "max-content" }}
        locale={empty ? { emptyText: empty } : {}}
        {...(onOpen ? { onRow: (row) => ({ onClick: () => onOpen(row), style: { cursor: "pointer" } }) } : {})}
      />
    </div>
  );
}
