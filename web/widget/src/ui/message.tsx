import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import type { Chat } from '../chat';
import { linkify } from '../linkify';
import { clockTime, errorText, fileSize, fullTime, t } from '../locale';
import type { QueuedMessage } from '../queue';
import { FileView } from './files';
import type { Row } from './rows';

type MessageRow = Extract<Row, { kind: 'message' }>;

/** One message of the thread, stored or on its way. */
export function MessageView({ chat, row }: { chat: Chat; row: MessageRow }): JSX.Element {
  const who = row.direction === 'in' ? t('you') : (row.author ?? t('agent'));
  return (
    <div
      class={`message ${row.direction} ${row.state} ${row.first ? 'first' : ''}`}
      data-testid="message"
      data-direction={row.direction}
      data-state={row.state}
      {...(row.seq === null ? {} : { 'data-seq': row.seq })}
    >
      {row.first && row.direction === 'out' ? <div class="author">{who}</div> : <span class="hidden">{who}</span>}
      {row.body && <Bubble body={row.body} title={fullTime(row.at)} />}
      {row.attachments.map((file) => (
        <FileView key={file.id} name={file.name} size={file.size} type={file.content_type} width={file.width} height={file.height} href={chat.api.fileURL(file.url)} />
      ))}
      {row.queued?.files.map((file, index) => (
        <FileView key={index} name={file.name} size={file.size} type={file.type} bytes={row.queued ? chat.queue.file(row.queued, index) : undefined} />
      ))}
      {row.queued?.failure ? <Failure chat={chat} item={row.queued} /> : <Marks chat={chat} row={row} />}
    </div>
  );
}

function Bubble({ body, title }: { body: string; title: string }): JSX.Element {
  return (
    <div class="bubble" title={title}>
      {linkify(body).map((part) =>
        part.href ? (
          <a href={part.href} target="_blank" rel="noopener noreferrer nofollow">
            {part.text}
          </a>
        ) : (
          part.text
        ),
      )}
    </div>
  );
}

/** Time and state, under the last message of a group. */
function Marks({ chat, row }: { chat: Chat; row: MessageRow }): JSX.Element | null {
  const marks: string[] = [];
  if (row.last && !row.queued) marks.push(clockTime(row.at));
  if (row.queued) marks.push(t(chat.state.connection.value === 'offline' ? 'waiting' : 'sending'));
  else if (row.newestOwn) marks.push(t(row.state === 'seen' ? 'seen' : 'sent'));
  return marks.length > 0 ? <div class="marks">{marks.join(' · ')}</div> : null;
}

function Failure({ chat, item }: { chat: Chat; item: QueuedMessage }): JSX.Element {
  const chooser = useRef<HTMLInputElement>(null);
  const again = chat.queue.needsFiles(item);
  const { code, params } = item.failure ?? { code: 'internal', params: {} };
  return (
    <div class="marks failure">
      <div>
        {t('not_sent')}: {errorText(code, readableParams(params, item))}
      </div>
      <button type="button" data-testid="retry" onClick={() => (again ? chooser.current?.click() : chat.queue.retry(item.client_key))}>
        {t(again ? 'choose_again' : 'retry')}
      </button>
      <button type="button" data-testid="discard" onClick={() => chat.queue.remove(item.client_key)}>
        {t('discard')}
      </button>
      <input
        ref={chooser}
        class="hidden"
        type="file"
        tabIndex={-1}
        aria-hidden="true"
        multiple={item.files.length > 1}
        onChange={(event) => {
          const files = [...(event.currentTarget.files ?? [])];
          if (files.length > 0) chat.queue.retry(item.client_key, files);
        }}
      />
    </div>
  );
}

/** Numbers of a refusal as people write them. */
function readableParams(params: Record<string, unknown>, item: QueuedMessage): Record<string, unknown> {
  const max = params['max'];
  return { name: item.files[0]?.name, ...params, ...(typeof max === 'number' && item.files.length > 0 ? { max: fileSize(max) } : {}) };
}
